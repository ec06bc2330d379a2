"""The benchmarks of HL7 v2 still run: on little, and without a look at the figures."""

from __future__ import annotations

from adapters.hl7.encoding import Message
from benchmarks.hl7 import message, rates, send
from tests.support.hl7 import ADT, ORU


def test_every_parser_is_measured():
    found = rates([ADT, ORU], 0)
    assert {"split", "this project", "this project, walked"} <= set(found)
    assert all(rate > 0 for rate in found.values())


def test_messages_that_are_sent_differ():
    first, second = Message.parse(message(1)), Message.parse(message(2))
    assert first["MSH-10"] != second["MSH-10"]
    assert first["PID-3.1"] != second["PID-3.1"]


async def test_nothing_is_sent_when_there_is_no_time():
    assert await send(0, 0, 0, 0) == []
