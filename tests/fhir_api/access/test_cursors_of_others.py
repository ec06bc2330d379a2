"""The next page of somebody else's search shows whoever asks for it what they may reach, and nothing else."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("two_patients")


@pytest.mark.parametrize("search", ["Observation?_count=1", "Patient?_count=1&_sort=family", "_history?_count=1"])
async def test_a_cursor_of_somebody_else_leads_to_nothing_more(owner, speak, search):
    of_a = speak("patient/*.rs", patient="a")
    following, seen = f"/{search}", set()
    while following:
        page = (await owner.get(following)).json()
        following = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        if following:
            stolen = await of_a.get(following)
            # the place in a search that looks elsewhere may be none in the narrowed one
            assert stolen.status_code in (200, 400, 403)
            seen |= {entry["resource"]["id"] for entry in stolen.json().get("entry", ())}
    assert seen <= {"a", "wa", "p"}
