"""How messages reach a destination: over TLS, on connections that close, from receivers that answer strangely."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from stanforis.audit import Record
from stanforis.audit.port import AuditStoreError

from adapters.hl7.encoding import Message
from adapters.hl7.mllp.client import MllpClient
from adapters.hl7.mllp.frames import FrameReader, Oversized, framed
from adapters.hl7.mllp.tls import server_context
from adapters.hl7.outbound.delivering import Delivery
from adapters.hl7.outbound.destinations import Destination, destinations
from adapters.hl7.outbound.queue import Fate, Outgoing, Queue, Queued
from adapters.hl7.outbound.related import UnreadableError
from adapters.hl7.store.postgres.outbound import PostgresQueues
from tests.adapters.hl7.outbound.conftest import Receiver, exact
from tests.support.certificates import certificate
from tests.support.tenants import new_tenant

Json = dict[str, Any]
NOW = 1_800_000_000_000


def message(control_id: str) -> bytes:
    return f"MSH|^~\\&|A|B|C|D|20261123||ADT^A01^ADT_A01|{control_id}|P|2.5.1\rPID|1||4711\r".encode()


class Line:
    """A destination, its queue, and what is put on record."""

    def __init__(self, queue: Queue, folder: Path, port: int) -> None:
        self.queue = queue
        self.port = port
        self.records: list[Record] = []
        self.is_trail_down = False
        self.now = NOW
        self.instead: Outgoing | None = None
        self.is_server_down = False
        self.chance = Random(1)  # noqa: S311 - repeatable
        self._folder = folder
        self._clients: list[MllpClient] = []

    def destination(self, **settings: Any) -> Destination:
        lines = {"name": "RIS", "host": "127.0.0.1", "port": self.port, "messages": ["ADT_A01"]} | settings
        (self._folder / "north").mkdir(exist_ok=True)
        (self._folder / "north" / "site.yaml").write_text(f"name: north\ndestinations:\n  - {exact(lines)}\n")
        return destinations(self._folder)[0]

    async def keep(self, record: Record) -> None:
        if self.is_trail_down:
            raise AuditStoreError
        self.records.append(record)

    async def look(self, _message: Queued) -> Outgoing | None:
        if self.is_server_down:
            raise UnreadableError("the FHIR server answered 503 to a related resource")
        return self.instead

    async def sends(self, *control_ids: str, **settings: Any) -> list[Queued]:
        """Queue messages, try each once, and return what became of them."""
        numbers = [
            await self.queue.put(Outgoing(name, "ADT^A01", "Encounter/1", 2, (), message(name), NOW, patients=("p1",)))
            for name in control_ids
        ]
        await self.tries(len(numbers), **settings)
        return [await self.read(number) for number in numbers if number is not None]

    async def read(self, number: int) -> Queued:
        found = await self.queue.read(number)
        assert found is not None
        return found

    async def tries(self, count: int = 1, **settings: Any) -> None:
        destination = self.destination(**settings)
        delivery = Delivery(destination, self.queue, lambda: self.now, self.keep, self.look, self.chance)
        async with destination.client() as client:
            for _ in range(count):
                assert await delivery.step(client)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A system that listens, in the clear until it is told otherwise."""
    opened = Receiver()
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
def line(queues: PostgresQueues, tmp_path: Path, receiver: Receiver) -> Line:
    """The line to it."""
    return Line(queues.queue(new_tenant(), "north/RIS"), tmp_path, receiver.port)


async def test_what_was_sent_is_on_record_before_it_is_done(line: Line):
    (sent,) = await line.sends("A")
    assert sent.fate is Fate.DONE
    (record,) = line.records
    assert (record.interaction, record.recipient, record.patients, record.entities) == (
        "disclosure",
        "north/RIS",
        ("p1",),
        ("Encounter/1/_history/2",),
    )
    assert (record.status, record.purpose, record.request) == (200, "TREAT", "A")


async def test_what_was_refused_is_disclosed_all_the_same(line: Line, receiver: Receiver):
    receiver.code = lambda _message: "AR"
    (sent,) = await line.sends("A")
    assert sent.fate is Fate.DEAD
    assert [record.status for record in line.records] == [502]


async def test_nothing_is_done_while_the_trail_does_not_answer(line: Line):
    line.is_trail_down = True
    with pytest.raises(AuditStoreError):
        await line.sends("A")
    assert (await line.queue.counts())[Fate.WAITING] == 1
    line.is_trail_down, line.now = False, NOW + 3_600_000
    await line.tries()
    assert (await line.queue.counts())[Fate.DONE] == 1


async def test_what_reached_nobody_is_no_disclosure(line: Line, receiver: Receiver):
    await receiver.stop()
    (sent,) = await line.sends("A")
    assert (sent.fate, sent.reason) == (Fate.WAITING, "no connection: ConnectionRefusedError")
    assert line.records == []


def instead(fate: Fate, reason: str) -> Outgoing:
    return Outgoing("A", "ADT^A01", "Encounter/1", 2, (), message("A") + b"NK1|1\r", NOW, fate, reason, ("p1",))


async def test_what_was_withdrawn_is_not_sent_and_stays_to_be_seen(line: Line, receiver: Receiver):
    line.instead = instead(Fate.WITHDRAWN, "its patient is deleted")
    (kept,) = await line.sends("A")
    assert (kept.fate, kept.reason, kept.raw) == (Fate.WITHDRAWN, "its patient is deleted", message("A"))
    assert (receiver.received, line.records) == ([], [])
    assert await line.queue.revive() == {}
    line.instead = None
    assert [*await line.queue.revive([kept.number])] == [kept.number]
    await line.tries()
    assert receiver.seen("MSH-10") == ["A"]


async def test_what_is_left_of_a_message_is_sent_in_its_place_and_kept(line: Line, receiver: Receiver):
    line.instead = instead(Fate.WAITING, "")
    (sent,) = await line.sends("A")
    assert (sent.fate, sent.raw) == (Fate.DONE, line.instead.raw)
    assert receiver.seen("NK1-1") == ["1"]


async def test_nothing_is_sent_while_the_server_does_not_say_who_may_see_it(line: Line, receiver: Receiver):
    line.is_server_down = True
    (waiting,) = await line.sends("A")
    assert (waiting.fate, waiting.reason) == (Fate.WAITING, "the FHIR server answered 503 to a related resource")
    assert receiver.received == []


async def test_a_destination_is_spoken_to_over_tls(line: Line, receiver: Receiver, tmp_path: Path):
    await receiver.stop()
    own, key = certificate(tmp_path, "localhost")
    await receiver.start(server_context(own, key))
    for host, name in (("localhost", ""), ("127.0.0.1", "localhost")):
        (sent,) = await line.sends(f"A{host}", host=host, server_name=name, tls=True, authorities=str(own))
        assert sent.fate is Fate.DONE
    assert line.records[0].address == f"mllps://localhost:{receiver.port}"


@pytest.mark.parametrize(
    ("days", "name", "trusts", "said"),
    [
        (-1, "localhost", True, "certificate has expired"),
        (1, "ris.example", True, "Hostname mismatch, certificate is not valid for 'localhost'."),
        (1, "localhost", False, "self-signed certificate"),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_told(
    line: Line, receiver: Receiver, tmp_path: Path, days: int, name: str, said: str, *, trusts: bool
):
    await receiver.stop()
    own, key = certificate(tmp_path, name, days=days)
    other, _ = certificate(tmp_path, "somebody")
    await receiver.start(server_context(own, key))
    (sent,) = await line.sends("A", host="localhost", tls=True, authorities=str(own if trusts else other))
    assert sent.fate is Fate.WAITING
    assert sent.reason == f"no connection: the certificate is refused: {said}"
    assert receiver.received == []
    assert line.records == []


async def test_a_destination_that_wants_a_certificate_gets_ours(line: Line, receiver: Receiver, tmp_path: Path):
    await receiver.stop()
    own, key = certificate(tmp_path, "localhost")
    ours, our_key = certificate(tmp_path, "stanforis")
    await receiver.start(server_context(own, key, ours))
    tls: Json = {"host": "localhost", "tls": True, "authorities": str(own)}
    (refused,) = await line.sends("A", **tls)
    assert refused.fate is Fate.WAITING
    assert "certificate" in refused.reason or "Connection" in refused.reason
    line.now += 3_600_000
    await line.tries(certificate=str(ours), key=str(our_key), **tls)
    assert (await line.queue.counts())[Fate.DONE] == 1


async def test_a_connection_that_was_closed_meanwhile_is_made_anew_at_once(line: Line, receiver: Receiver):
    destination = line.destination()
    delivery = Delivery(destination, line.queue, lambda: NOW, line.keep, line.look)
    async with destination.client() as client:
        for name in ("A", "B"):
            await line.queue.put(Outgoing(name, "ADT^A01", "", 0, (), message(name), NOW))
            await delivery.step(client)
            await receiver.stop()
            await receiver.start()
            await asyncio.sleep(0.05)
    assert (await line.queue.counts())[Fate.DONE] == 2
    assert receiver.seen("MSH-10") == ["A", "B"]


async def served(line: Line, *answers: bytes) -> asyncio.Server:
    """Listen at another port, and send *answers* for each message in place of one."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader(1 << 20)
        while data := await reader.read(4096):
            for frame in frames.feed(data):
                assert not isinstance(frame, Oversized)
                control_id = Message.parse(frame)["MSH-10"].encode()
                writer.writelines(answer.replace(b"{}", control_id) for answer in answers)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    return server


def answer(code: str, control_id: str = "{}") -> bytes:
    return framed(f"MSH|^~\\&|||||20261123||ACK|1|P|2.5.1\rMSA|{code}|{control_id}\r".encode())


async def test_the_second_answer_of_an_application_is_not_taken_for_that_of_the_next_message(line: Line):
    async with await served(line, answer("CA"), answer("AA")):
        sent = await line.sends("A", "B", "C")
    assert [each.fate for each in sent] == [Fate.DONE] * 3
    assert [each.attempts for each in sent] == [1, 1, 1]


@pytest.mark.parametrize(
    ("said", "fate", "reason"),
    [
        (b"", Fate.WAITING, "no answer: TimeoutError"),
        (framed(b"rubbish"), Fate.WAITING, "the answer is no message"),
        (answer("AA", "OTHER"), Fate.WAITING, "MSA-2 of the answer is not the MSH-10 of the message"),
        (answer("XX"), Fate.WAITING, "MSA-1 of the answer is no code of table 0008"),
        (answer("AE"), Fate.WAITING, "AE"),
        (answer("CR"), Fate.DEAD, "CR"),
        (b"\x0bhalf of an answer", Fate.WAITING, "no answer: TimeoutError"),
        (b"\x0b\x15\x1c\r", Fate.WAITING, "the receiver could not store the message"),
    ],
)
async def test_strange_answers_acknowledge_nothing(line: Line, said: bytes, fate: Fate, reason: str):
    async with await served(line, said):
        (sent,) = await line.sends("A", answer_seconds=0.3)
    assert (sent.fate, sent.reason) == (fate, reason)


async def test_a_late_answer_is_not_taken_for_that_of_the_next_message(line: Line):
    late: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(4096)
        control_id = Message.parse(data.strip(b"\x0b\x1c\r"))["MSH-10"]
        # the answer to the message before comes first, on whatever connection there is
        writer.write(b"".join(late) or b"")
        late.append(answer("AA", control_id))
        if len(late) > 1:
            writer.write(late[-1])
        await reader.read(4096)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    async with server:
        first, second = await line.sends("A", "B", answer_seconds=0.3)
    assert (first.fate, second.fate) == (Fate.WAITING, Fate.WAITING)
    assert second.reason == "MSA-2 of the answer is not the MSH-10 of the message"


async def test_attempts_come_ever_later_and_are_spread(line: Line, receiver: Receiver):
    receiver.code = lambda _message: "AE"
    (sent,) = await line.sends("A")
    waits = []
    for _ in range(14):
        waiting = await line.read(sent.number)
        waits.append((waiting.not_before - line.now) / 1000)
        line.now = waiting.not_before
        await line.tries()
    assert all(0.75 * 2 ** (n + 1) <= wait <= 1.25 * 2 ** (n + 1) for n, wait in enumerate(waits[:10]))
    assert all(2700 <= wait <= 4500 for wait in waits[12:])
    assert len({round(wait / 2 ** (n + 1), 3) for n, wait in enumerate(waits[:8])}) > 1, "they are spread"
