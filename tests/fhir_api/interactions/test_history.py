"""Spec: https://hl7.org/fhir/R4/http.html#history, #vread."""

from __future__ import annotations

import pytest

from tests.support.bundles import entry, patch_entry, patient, transact
from tests.support.outcomes import issue_code, link


@pytest.fixture
async def changed(client):
    """A Patient that was created, updated, patched, deleted and created again."""
    await transact(client, entry("PUT", "Patient/a", patient(id="a")))
    await transact(client, entry("PUT", "Patient/a", patient(id="a", gender="male")))
    await transact(client, patch_entry("Patient/a", {"op": "add", "path": "/active", "value": True}))
    await transact(client, entry("DELETE", "Patient/a"))
    await transact(client, entry("PUT", "Patient/a", patient(id="a", gender="female")))


@pytest.mark.usefixtures("changed")
async def test_every_version_with_what_made_it(client):
    entries = (await client.get("/Patient/a/_history")).json()["entry"]
    assert [each["request"]["method"] for each in entries] == ["PUT", "DELETE", "PATCH", "PUT", "PUT"]
    assert [each.get("resource", {}).get("gender") for each in entries] == ["female", None, "male", "male", None]
    assert [each["response"]["etag"] for each in entries] == [f'W/"{number}"' for number in (5, 4, 3, 2, 1)]


@pytest.mark.parametrize("path", ["/Patient/a/_history", "/Patient/_history", "/_history"])
@pytest.mark.usefixtures("changed")
async def test_pages_join_without_gap_or_repeat(client, path):
    found = []
    url: str | None = f"{path}?_count=2"
    while url:
        page = (await client.get(url)).json()
        found += [each["response"]["etag"] for each in page["entry"]]
        url = link(page, "next")
    assert found == [f'W/"{number}"' for number in (5, 4, 3, 2, 1)]


@pytest.mark.parametrize(
    ("version_id", "status", "code"),
    [("1", 200, None), ("4", 410, "deleted"), ("5", 200, None), ("6", 404, "not-found"), ("0", 404, "not-found")],
)
@pytest.mark.usefixtures("changed")
async def test_vread(client, version_id, status, code):
    response = await client.get(f"/Patient/a/_history/{version_id}")
    assert response.status_code == status
    assert code is None or issue_code(response) == code


async def test_the_history_of_what_never_was(client):
    response = await client.get("/Patient/never/_history")
    assert (response.status_code, issue_code(response)) == (404, "not-found")
