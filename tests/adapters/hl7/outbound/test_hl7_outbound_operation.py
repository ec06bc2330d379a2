"""Looking after messages that are sent: by programs and by people, who may do what, and what is put on record."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request
from stanforis.audit import Record, Who

from adapters.hl7.operation.application import Entrances, create_application
from adapters.hl7.operation.desk import Desk
from adapters.hl7.operation.dispatch import Dispatch, destinations_in
from adapters.hl7.operation.entrance import NotAllowedError
from adapters.hl7.operation.forms import Forms
from adapters.hl7.operation.rights import EVERYTHING, Operator, Right
from adapters.hl7.outbound.queue import Fate, Outgoing
from adapters.hl7.store.memory import MemoryMessageStores
from adapters.hl7.store.postgres.outbound import PostgresQueue, PostgresQueues
from tests.support.tenants import new_tenant

NOW = 1_800_000_000_000
SITE = "name: north\ndestinations: [{name: RIS, host: ris, port: 2575, tls: true, messages: [ADT_A01]}]\n"
FORM = re.compile(r'name="form" value="([^"]+)"')
NAME = "Uwase"


class Nobody:
    """No FHIR server is asked."""

    async def send(self, method: str, url: str, body: Any = None) -> Any:
        raise AssertionError(f"{method} {url} {body}")


class Somebody:
    """An entrance that lets in a person with some rights."""

    def __init__(self) -> None:
        self.rights = EVERYTHING

    async def admit(self, _request: Request, right: Right) -> Operator:
        if right not in self.rights:
            raise NotAllowedError(403, f"The right to {right.value} messages is not among those of your roles.")
        return Operator(Who("somebody"), self.rights, secret="browser")


class Office:
    """What looks after the messages of a tenant, and its browser."""

    def __init__(self, queues: PostgresQueues, folder: Path) -> None:
        (folder / "north").mkdir()
        (folder / "north" / "site.yaml").write_text(SITE)
        self.tenant = new_tenant()
        self.entrance = Somebody()
        self.records: list[Record] = []
        self.queue: PostgresQueue = queues.queue(self.tenant, "north/RIS")

        desk = Desk(MemoryMessageStores().for_tenant(1), Nobody(), list, folder, lambda: NOW)
        dispatch = Dispatch(queues, self.tenant, destinations_in(folder, 1), lambda: NOW)
        forms = Forms(lambda purpose, text: f"{purpose} {text}".encode().hex())
        application = create_application(desk, dispatch, Entrances(self.entrance, self.entrance, forms), self.keep)
        transport = httpx.ASGITransport(application)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://hl7")

    async def keep(self, record: Record) -> None:
        self.records.append(record)

    async def put(self, control_id: str, fate: Fate = Fate.WAITING, patient: str = "p1", **more: Any) -> int:
        raw = f"MSH|^~\\&|A|B|C|D|20261123||ADT^A01^ADT_A01|{control_id}|P|2.5.1\rPID|1||4711||{NAME}\r".encode()
        number = await self.queue.put(
            Outgoing(
                control_id, "ADT^A01", f"Encounter/{control_id}", 2, (), more.pop("raw", raw), NOW - 5000, fate,
                more.pop("reason", ""), (patient,),
            )
        )  # fmt: skip
        assert number is not None
        return number

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.http.get(f"/api{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def form(self, page: str, to: str = "", **fields: str) -> httpx.Response:
        found = FORM.search((await self.http.get(page)).text)
        assert found is not None
        return await self.http.post(to or page, data={"form": found[1], **fields})


@pytest.fixture
async def office(queues: PostgresQueues, tmp_path: Path) -> AsyncIterator[Office]:
    """An office without messages."""
    opened = Office(queues, tmp_path)
    async with opened.http:
        yield opened


async def test_destinations_show_what_is_wrong(office: Office):
    (before,) = await office.get("/destinations")
    assert (before["name"], before["host"], before["tls"], before["mode"], before["waiting"]) == (
        "north/RIS", "ris", True, "runs", 0,
    )  # fmt: skip
    number = await office.put("A")
    await office.queue.claim(1, now=NOW, lease_milliseconds=0)
    await office.queue.settle(number, Fate.WAITING, now=NOW, reason="no connection: ConnectionRefusedError")
    await office.put("B", Fate.DEAD)
    (after,) = await office.get("/destinations")
    assert (after["waiting"], after["lag_seconds"], after["attempts"], after["dead"]) == (1, 5.0, 1, 1)
    assert after["trouble"] == "no connection: ConnectionRefusedError"
    page = (await office.http.get("/destinations")).text
    assert re.search(r'<p role="alert">[^<]*north/RIS', page)
    assert "mllps://ris:2575" in page


async def test_a_destination_is_paused_drained_and_set_going(office: Office):
    await office.put("A")
    for mode, claimed in (("paused", 0), ("drains", 1), ("runs", 1)):
        answer = await office.http.put("/api/destinations/north/RIS/mode", json={"mode": mode, "reason": "they move"})
        assert answer.json()[0]["mode"] == mode
        assert len(await office.queue.claim(1, now=NOW, lease_milliseconds=0)) == claimed
    assert (await office.http.put("/api/destinations/north/PACS/mode", json={"mode": "paused"})).status_code == 404
    answer = await office.form("/destinations", destination="north/RIS", mode="paused", reason="they move")
    assert answer.headers["location"] == "/destinations?done=switched"
    assert "PAUSED" in (await office.http.get("/destinations")).text


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, ["C", "B", "A"]),
        ({"state": "dead"}, ["B"]),
        ({"control_id": "A"}, ["A"]),
        ({"resource": "Encounter/C"}, ["C"]),
        ({"destination": "north/RIS", "count": "2"}, ["C", "B"]),
        ({"destination": "north/OTHER"}, []),
        ({"since": "2027-01-15T07:59:00", "until": "2027-01-15T08:00:00"}, ["C", "B", "A"]),
        ({"until": "2027-01-15T07:59:00"}, []),
    ],
)
async def test_messages_are_found(office: Office, criteria: dict[str, str], found: list[str]):
    for name, fate in (("A", Fate.WAITING), ("B", Fate.DEAD), ("C", Fate.WAITING)):
        await office.put(name, fate)
    page = await office.get("/sent", **criteria)
    assert [each["control_id"] for each in page["messages"]] == found


async def test_pages_go_on_where_the_last_ended(office: Office):
    numbers = [await office.put(f"M{number}") for number in range(5)]
    first = await office.get("/sent", count=3)
    rest = await office.get("/sent", count=3, before=first["before"])
    assert [each["number"] for each in (*first["messages"], *rest["messages"])] == numbers[::-1]
    assert rest["before"] is None


async def test_messages_of_a_patient_are_found_on_record_and_by_who_may_read(office: Office):
    await office.put("A")
    await office.put("B", patient="p2")
    answer = await office.http.post("/api/sent/search", json={"patient": "p2"})
    assert [each["control_id"] for each in answer.json()["messages"]] == ["B"]
    assert (office.records[-1].interaction, office.records[-1].patients) == ("hl7-search-sent", ("p2",))
    dead = await office.put("C", Fate.DEAD, patient="p2")
    await office.queue.revive([dead])
    answer = await office.http.post("/api/sent/search", json={"patient": "p2"})
    assert [each["control_id"] for each in answer.json()["messages"]] == ["C", "B"], "also under another number"
    found = await office.form("/sent", patient="p2")
    assert found.status_code == 200
    assert 'value="p2"' in found.text
    office.entrance.rights = frozenset({Right.LOOK, Right.WORK})
    assert (await office.http.post("/api/sent/search", json={"patient": "p2"})).status_code == 403
    assert "patient" not in Outcome.of((await office.http.get("/sent")).text)


class Outcome:
    """What a page asks for."""

    @staticmethod
    def of(page: str) -> set[str]:
        return set(re.findall(r'name="(\w+)"', page))


async def test_what_a_message_says_goes_on_record(office: Office):
    number = await office.put("A")
    said = await office.get(f"/sent/{number}/content")
    assert NAME in said["text"]
    assert {"place": "PID-3.1.1", "value": "4711", "is_unmapped": False} in said["segments"][1]["values"]
    assert office.records[-1].patients == ("p1",)
    assert NAME in (await office.http.get(f"/sent/{number}/content")).text
    for path in ("/sent", f"/sent/{number}", "/destinations"):
        assert NAME not in (await office.http.get(path)).text
    office.entrance.rights = frozenset({Right.LOOK})
    assert (await office.http.get(f"/sent/{number}/content")).status_code == 403


async def test_a_dead_message_is_sent_again_or_closed(office: Office):
    number = await office.put("A", Fate.DEAD, reason="AR")
    answer = await office.http.post(f"/api/sent/{number}/revive")
    again = answer.json()["number"]
    assert (await office.get(f"/sent/{again}"))["state"] == "waiting"
    assert (await office.http.post(f"/api/sent/{again}/revive")).status_code == 409
    assert (await office.http.post(f"/api/sent/{number}/revive")).status_code == 404
    other = await office.put("B", Fate.DEAD)
    leading = await office.form(f"/sent/{other}", f"/sent/{other}/close", reason="sent by hand")
    assert leading.headers["location"] == f"/sent/{other}?done=closed"
    closed = await office.get(f"/sent/{other}")
    assert (closed["state"], closed["reason"]) == ("closed", "sent by hand")
    assert (await office.http.post(f"/api/sent/{other}/close", json={"reason": "again"})).status_code == 409


async def test_all_dead_messages_are_sent_again_in_their_order(office: Office):
    for name in "ABC":
        await office.put(name, Fate.DEAD)
    answer = await office.http.post("/api/sent/revivals", json={"destination": "north/RIS", "most": 2})
    assert answer.json() == {"count": 2}
    claimed = await office.queue.claim(5, now=NOW, lease_milliseconds=0)
    assert [each.control_id for each in claimed] == ["A", "B"]
    leading = await office.form("/destinations", destination="north/RIS", mode="revive")
    assert leading.headers["location"] == "/destinations?done=revived_all&count=1"


async def test_one_that_could_not_be_made_has_nothing_to_see(office: Office):
    number = await office.put("A", Fate.DEAD, raw=b"", reason="OBR-4: it is required")
    assert (await office.get(f"/sent/{number}/content"))["text"] == ""
    page = (await office.http.get(f"/sent/{number}")).text
    assert "could not be made" in page
    assert "OBR-4: it is required" in page


async def test_who_only_looks_changes_nothing(office: Office):
    number = await office.put("A", Fate.DEAD)
    office.entrance.rights = frozenset({Right.LOOK})
    for path in (f"/api/sent/{number}/revive", "/destinations", f"/sent/{number}/close"):
        assert (await office.http.post(path)).status_code == 403
    assert (await office.http.put("/api/destinations/north/RIS/mode", json={"mode": "paused"})).status_code == 403
    assert "<form" not in (await office.http.get(f"/sent/{number}")).text


async def test_a_form_of_somebody_else_is_refused(office: Office):
    number = await office.put("A", Fate.DEAD)
    answer = await office.http.post(f"/sent/{number}/revive", data={"form": "another"})
    assert answer.status_code == 403


async def test_errors_have_one_shape(office: Office):
    for answer in (
        await office.http.get("/api/sent/1"),
        await office.http.get("/api/sent", params={"state": "lost"}),
        await office.http.post("/api/sent/search", json={}),
    ):
        assert list(answer.json()) == ["detail"]
