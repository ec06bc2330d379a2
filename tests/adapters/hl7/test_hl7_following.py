"""A sender that waits on one connection for both acknowledgements: of the receipt, and of what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from adapters.hl7.delayed import Delayed
from adapters.hl7.encoding import Message
from adapters.hl7.following import Following
from adapters.hl7.mllp import framed, listen
from adapters.hl7.mllp.listener import Limits
from adapters.hl7.outbound.queue import Queue
from adapters.hl7.receiving import Receiver
from adapters.hl7.senders import Sender, Senders
from adapters.hl7.store.memory import MemoryMessageStores
from adapters.hl7.store.port import Settlement, State
from tests.support.hl7 import ADT


def no_queue(_tenant: int, name: str) -> Queue:
    raise AssertionError(f"nothing is queued for {name!r}")


class Line:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, raw: bytes) -> None:
        self._writer.write(framed(raw))

    async def heard(self) -> tuple[str, str]:
        """Return MSA-1 and MSA-2 of what comes next."""
        async with asyncio.timeout(10):
            answer = Message.parse((await self._reader.readuntil(b"\x1c\r"))[1:-2])
        assert (answer["MSH-15"], answer["MSH-16"]) in {("NE", "NE"), ("", "")}
        return answer["MSA-1"], answer["MSA-2"]

    async def hears_nothing(self) -> bool:
        try:
            async with asyncio.timeout(0.3):
                await self._reader.read(1)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self._writer.close()


class Gateway:
    """A listener whose messages are settled by hand."""

    def __init__(self, limits: Limits, **settings: Any) -> None:
        self.store = (stores := MemoryMessageStores()).for_tenant(1)
        sender = replace(Sender("any", acknowledge_here=True), **settings)
        self.following = Following(self.store, Delayed(1, [sender], no_queue, lambda: 0).answer)
        self.receiver = Receiver(
            stores, Senders([sender]), follow=lambda _tenant, number: self.following.answer(number)
        )
        self.limits = limits
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        listener = await listen(self.receiver.receive, port=0, limits=self.limits)
        self.port = listener.port
        looking = asyncio.create_task(self.following.run())
        try:
            yield
        finally:
            await listener.stop()
            looking.cancel()

    async def line(self) -> Line:
        return Line(*await asyncio.open_connection("127.0.0.1", self.port))


@asynccontextmanager
async def gateway(limits: Limits | None = None, **settings: Any) -> AsyncIterator[tuple[Gateway, Line]]:
    made = Gateway(limits or Limits(), **settings)
    async with made.running():
        line = await made.line()
        yield made, line
        line.close()


def asking(control_id: str = "M1", msh_15: str = "AL", msh_16: str = "AL") -> bytes:
    raw = ADT.replace(b"|2.5.1\r", f"|2.5.1|||{msh_15}|{msh_16}\r".encode())
    return raw.replace(b"|M1|", f"|{control_id}|".encode())


@pytest.mark.parametrize(
    ("settlement", "code"),
    [
        (Settlement(1, State.MAPPED, plan="p", made=b"{}"), "AA"),
        (Settlement(1, State.DEAD, "the FHIR server answered 422", plan="p", made=b"{}"), "AE"),
        (Settlement(1, State.DEAD, "no rows map this message type and event"), "AR"),
    ],
)
async def test_both_acknowledgements_come_over_one_connection(settlement, code):
    async with gateway() as (made, line):
        line.send(asking())
        assert await line.heard() == ("CA", "M1")
        assert await line.hears_nothing()
        await made.store.settle([settlement])
        assert await line.heard() == (code, "M1")


async def test_who_wants_no_accept_acknowledgement_gets_the_other_one():
    async with gateway() as (made, line):
        line.send(asking(msh_15="NE"))
        assert await line.hears_nothing()
        await made.store.settle([Settlement(1, State.MAPPED)])
        assert await line.heard() == ("AA", "M1")


async def test_messages_are_answered_while_others_wait():
    async with gateway() as (made, line):
        for control_id in ("M1", "M2"):
            line.send(asking(control_id))
            assert await line.heard() == ("CA", control_id)
        await made.store.settle([Settlement(2, State.MAPPED)])
        assert await line.heard() == ("AA", "M2")
        await made.store.settle([Settlement(1, State.PARKED, "a code that no table knows")])
        assert await line.hears_nothing()
        await made.store.settle([Settlement(1, State.MAPPED)])
        assert await line.heard() == ("AA", "M1")


async def test_in_the_original_mode_the_second_answer_follows_where_it_is_deferred():
    async with gateway(deferred=True) as (made, line):
        line.send(ADT)
        assert await line.heard() == ("AA", "M1")
        await made.store.settle([Settlement(1, State.MAPPED)])
        assert await line.heard() == ("AA", "M1")


async def test_what_was_not_heard_is_told_to_whom_sends_the_message_again():
    async with gateway() as (made, line):
        line.send(asking())
        assert await line.heard() == ("CA", "M1")
        line.close()
        await made.store.settle([Settlement(1, State.MAPPED)])
        again = await made.line()
        again.send(asking())
        assert [await again.heard(), await again.heard()] == [("CA", "M1"), ("AA", "M1")]
        again.close()


@pytest.mark.parametrize("settings", [{"acknowledge_here": False}, {"application_accept": "NE"}])
async def test_nothing_follows_where_the_sender_is_not_to_hear_it(settings):
    async with gateway(**settings) as (made, line):
        line.send(asking())
        assert await line.heard() == ("CA", "M1")
        await made.store.settle([Settlement(1, State.MAPPED)])
        assert await line.hears_nothing()


async def test_a_message_that_a_person_closes_is_not_answered():
    async with gateway() as (made, line):
        line.send(asking())
        assert await line.heard() == ("CA", "M1")
        await made.store.settle([Settlement(1, State.PARKED, "a question")])
        await made.store.close_message(1, "sent twice")
        assert await line.hears_nothing()


async def test_a_connection_waits_for_so_many_answers_only():
    async with gateway(Limits(later=1)) as (made, line):
        for control_id in ("M1", "M2"):
            line.send(asking(control_id))
            assert await line.heard() == ("CA", control_id)
        await made.store.settle([Settlement(1, State.MAPPED), Settlement(2, State.MAPPED)])
        assert await line.heard() == ("AA", "M2")
        assert await line.hears_nothing()
