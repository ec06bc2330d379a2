"""Messages of different lanes are looked up and carried out together, and each gets an answer of its own."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.hl7.applying.sending import MOST_MESSAGES, Part, fits, united
from adapters.hl7.store.port import State
from tests.support.hospital import Hospital, Json, merged, patient


@pytest.fixture
def asked(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Return the requests that the server gets: method, URL and how many entries."""
    noted: list[tuple[str, str, int]] = []
    send = hospital.server.send

    async def note(method: str, url: str, body: Json | None = None) -> Any:
        noted.append((method, url, len(body["entry"]) if body else 0))
        return await send(method, url, body)

    monkeypatch.setattr(hospital.server, "send", note)
    return noted


def creates(identifier: str, name: str) -> Json:
    return {
        "fullUrl": f"urn:uuid:00000000-0000-0000-0000-00000000000{identifier}",
        "resource": {"resourceType": "Organization", "identifier": [{"value": identifier}], "name": name},
        "request": {"method": "POST", "url": "Organization", "ifNoneExist": f"identifier={identifier}"},
    }


async def test_messages_of_different_lanes_share_requests(hospital, asked):
    numbers = [
        await hospital.receives(str(number), creates("a", "Lab"), patient(str(number)), lane=number)
        for number in range(1, 9)
    ]
    await hospital.worker.drain()
    assert {await hospital.state(number) for number in numbers} == {State.MAPPED}
    # one organization, eight patients, eight Provenances
    assert [(method, entries) for method, _, entries in asked] == [("GET", 0), ("POST", 1 + 8 + 8)]
    for number in numbers:
        found = await hospital.patient(str(number))
        provenance = await hospital.server.send("GET", f"Provenance?target=Patient/{found['id']}")
        assert len(provenance.resource["entry"]) == 1


async def test_what_is_refused_spoils_no_other(hospital, asked):
    wrong = patient("5", gender="nobody-knows")
    numbers = [await hospital.receives(str(number), patient(str(number)), lane=number) for number in range(1, 5)]
    refused = await hospital.receives("5", wrong, lane=5)
    numbers.append(await hospital.receives("6", patient("6"), lane=6))
    await hospital.worker.drain()
    assert {await hospital.state(number) for number in numbers} == {State.MAPPED}
    assert await hospital.state(refused) is State.DEAD
    for number in (1, 2, 3, 4, 6):
        history = await hospital.server.send("GET", f"Patient/{(await hospital.patient(str(number)))['id']}/_history")
        assert len(history.resource["entry"]) == 1


async def test_links_are_kept_by_a_look_up_for_many(hospital, asked):
    await hospital.receives("1", *merged("2", into="1"), lane=1)
    await hospital.worker.drain()
    asked.clear()
    for number in range(2, 6):
        await hospital.receives(f"A{number}", patient(str(number), gender="female"), lane=number)
    await hospital.worker.drain()
    assert [method for method, _, _ in asked] == ["GET", "POST"]
    late = await hospital.patient("2")
    assert late["active"] is False
    assert [link["type"] for link in late["link"]] == ["replaced-by"]


async def test_an_identifier_of_two_patients_means_neither(hospital):
    for logical_id in ("one", "two"):
        resource = patient("7")["resource"] | {"id": logical_id}
        await hospital.server.send("PUT", f"Patient/{logical_id}", resource)
    unclear = await hospital.receives("1", patient("7", gender="male"), lane=1)
    clear = await hospital.receives("2", patient("8", gender="male"), lane=2)
    await hospital.worker.drain()
    assert await hospital.state(unclear) is State.DEAD
    assert await hospital.state(clear) is State.MAPPED


def test_what_two_messages_write_differently_goes_apart():
    first = Part([patient("1", gender="male"), creates("a", "Lab")])
    assert fits([first], Part([patient("1", gender="male")]))
    assert not fits([first], Part([patient("1", gender="female")]))
    assert fits([first], Part([creates("a", "Laboratory")]))
    assert not fits([first], Part([creates("a", "Lab") | {"request": {"method": "PUT", "url": "Organization/a"}}]))
    assert not fits([first] * MOST_MESSAGES, Part([patient("2")]))


def test_what_is_alike_is_sent_once_and_answered_to_each():
    entries, places = united(
        [Part([creates("a", "Lab"), patient("1")]), Part([patient("2"), creates("a", "Laboratory")])]
    )
    assert [entry["resource"].get("name") for entry in entries] == ["Lab", None, None]
    assert places == [[0, 1], [2, 0]]
