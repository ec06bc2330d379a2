"""What a queue promises: what is queued once is queued once, and lanes keep their order."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from adapters.hl7.errors import Hl7Error
from adapters.hl7.outbound.handing_over import hand_over
from adapters.hl7.outbound.queue import Fate, Mode, Outgoing, Queue, UnavailableQueueError
from adapters.hl7.store.postgres.outbound import PostgresQueues
from fhir_api.store.postgres.changes import BEGINNING, Position
from tests.support.tenants import new_tenant

_LEASE = 60_000


@pytest.fixture
def queue(queues: PostgresQueues) -> Queue:
    """An empty queue: a tenant of its own for each test."""
    return queues.queue(new_tenant(), "north/RIS")


def outgoing(control_id: str, *lanes: int, fate: Fate = Fate.WAITING, raw: bytes = b"MSH|1") -> Outgoing:
    return Outgoing(control_id, "ADT^A01", "Encounter/1", 1, lanes or (1,), raw, 1_000, fate)


async def filled(queue: Queue, *messages: Outgoing) -> None:
    start = await queue.position(BEGINNING)
    assert start is not None
    assert await queue.enqueue(start, start._replace(marker=start.marker + 1), messages)


async def claimed(queue: Queue, limit: int = 10, now: int = 2_000) -> list[str]:
    return [each.control_id for each in await queue.claim(limit, now=now, lease_milliseconds=_LEASE)]


async def test_a_message_is_kept_as_it_was_queued(queue: Queue):
    raw = bytes(range(256))
    await filled(queue, outgoing("A", raw=raw))
    (kept,) = await queue.claim(1, now=2_000, lease_milliseconds=_LEASE)
    assert (kept.control_id, kept.raw, kept.message_type, kept.resource, kept.version) == (
        "A", raw, "ADT^A01", "Encounter/1", 1,
    )  # fmt: skip
    assert (kept.attempts, kept.first_sent_at, kept.fate) == (1, 2_000, Fate.WAITING)
    assert await queue.read(kept.number) == kept


async def test_a_new_destination_begins_where_it_is_told_and_goes_on_where_it_was(queue: Queue):
    assert await queue.position(Position(7, 8, 9)) == Position(7, 8, 9)
    assert await queue.position(Position(1, 1, 1)) == Position(7, 8, 9)
    assert await queue.enqueue(Position(7, 8, 9), Position(8, 0, 0), [])
    assert await queue.position(BEGINNING) == Position(8, 0, 0)


async def test_who_comes_second_queues_nothing(queue: Queue):
    start = await queue.position(BEGINNING)
    assert start is not None
    ends = [Position(number, 0, 0) for number in range(1, 6)]
    won = await asyncio.gather(*(queue.enqueue(start, end, [outgoing(f"M{end.marker}")]) for end in ends))
    assert sum(won) == 1
    assert (await queue.counts())[Fate.WAITING] == 1


async def test_what_is_queued_under_a_control_id_is_not_queued_again(queue: Queue):
    await filled(queue, outgoing("A"))
    await filled(queue, outgoing("A"), outgoing("B"))
    assert await queue.counts() == dict.fromkeys(Fate, 0) | {Fate.WAITING: 2}


async def test_a_destination_sees_its_own_messages_only(queues: PostgresQueues):
    tenant, other = new_tenant(), new_tenant()
    await filled(queues.queue(tenant, "RIS"), outgoing("A"))
    assert await claimed(queues.queue(tenant, "PACS")) == []
    assert await claimed(queues.queue(other, "RIS")) == []
    assert await claimed(queues.queue(tenant, "RIS")) == ["A"]


async def test_the_first_of_a_lane_holds_up_its_lane_and_no_other(queue: Queue):
    await filled(queue, outgoing("A1", 1), outgoing("A2", 1), outgoing("B1", 2), outgoing("AB", 1, 2))
    first = await queue.claim(10, now=2_000, lease_milliseconds=_LEASE)
    assert [each.control_id for each in first] == ["A1", "B1"]
    assert await queue.settle(first[0].number, Fate.WAITING, now=2_100, not_before=9_000)
    assert await queue.settle(first[1].number, Fate.DONE, now=2_100)
    assert await claimed(queue) == []
    (again,) = await queue.claim(10, now=9_000, lease_milliseconds=_LEASE)
    assert (again.control_id, again.attempts, again.first_sent_at) == ("A1", 2, 2_000)
    await queue.settle(again.number, Fate.DEAD, now=9_100, reason="AR", answer=b"no")
    (second,) = await queue.claim(10, now=9_200, lease_milliseconds=_LEASE)
    assert second.control_id == "A2"
    await queue.settle(second.number, Fate.DONE, now=9_300)
    assert await claimed(queue, now=9_400) == ["AB"]


async def test_what_a_dead_process_had_is_taken_again_after_its_lease(queue: Queue):
    await filled(queue, outgoing("A"))
    assert await claimed(queue) == ["A"]
    assert await claimed(queue, now=2_000 + _LEASE - 1) == []
    assert await claimed(queue, now=2_000 + _LEASE) == ["A"]


async def test_a_message_is_settled_once(queue: Queue):
    await filled(queue, outgoing("A"))
    (message,) = await queue.claim(1, now=2_000, lease_milliseconds=_LEASE)
    assert await queue.settle(message.number, Fate.DONE, now=2_100)
    assert not await queue.settle(message.number, Fate.DEAD, now=2_200)
    assert (await queue.counts())[Fate.DONE] == 1


async def test_a_dead_message_is_revived_behind_what_waits(queue: Queue):
    await filled(queue, outgoing("A"), outgoing("B"), outgoing("C", fate=Fate.DEAD, raw=b""))
    (message,) = await queue.claim(1, now=2_000, lease_milliseconds=_LEASE)
    await queue.settle(message.number, Fate.DEAD, now=2_100, reason="AR")
    dead = {each.control_id: each.number for each in await queue.dead(10)}
    revived = await queue.revive([dead["A"]])
    assert revived.keys() == {dead["A"]}
    assert not await queue.revive([dead["A"]])
    (following,) = await queue.claim(10, now=3_000, lease_milliseconds=_LEASE)
    assert following.control_id == "B"
    await queue.settle(following.number, Fate.DONE, now=3_100)
    assert await claimed(queue, now=3_200) == ["A"]


async def test_what_could_not_be_made_is_made_again(queue: Queue):
    await filled(queue, outgoing("A", fate=Fate.DEAD, raw=b""))
    (dead,) = await queue.dead(10)
    revived = await queue.revive()
    assert await claimed(queue) == []
    (unmade,) = await queue.unmade(10)
    assert (unmade.number, unmade.control_id) == (revived[dead.number], "A")
    assert await queue.made(unmade.number, outgoing("B", 3, raw=b"MSH|2"))
    assert not await queue.made(unmade.number, outgoing("C"))
    assert await claimed(queue) == ["B"]


async def test_dead_messages_are_revived_in_their_order(queue: Queue):
    await filled(queue, *(outgoing(name, fate=Fate.DEAD) for name in "ABC"))
    assert len(await queue.revive(most=2)) == 2
    assert [each.control_id for each in await queue.dead(10)] == ["C"]
    assert await claimed(queue) == ["A"]


async def test_a_dead_message_is_closed_with_a_reason(queue: Queue):
    await filled(queue, outgoing("A", fate=Fate.DEAD), outgoing("B"))
    (dead,) = await queue.dead(10)
    assert await queue.close_message(dead.number, "sent by hand", now=3_000)
    assert not await queue.close_message(dead.number, "again", now=3_000)
    closed = await queue.read(dead.number)
    assert closed is not None
    assert (closed.fate, closed.reason, closed.settled_at) == (Fate.CLOSED, "sent by hand", 3_000)
    assert not await queue.revive()


async def test_nothing_is_sent_to_a_destination_that_is_paused(queue: Queue):
    await filled(queue, outgoing("A"))
    await queue.switch(Mode.PAUSED, "they move house", now=2_000)
    assert await claimed(queue) == []
    await filled(queue, outgoing("B"))
    await queue.switch(Mode.RUNS, "", now=3_000)
    assert await claimed(queue) == ["A"]


async def test_nothing_new_is_made_for_a_destination_that_drains(queue: Queue):
    await filled(queue, outgoing("A"))
    await queue.switch(Mode.DRAINS, "", now=2_000)
    assert await queue.position(BEGINNING) is None
    assert await claimed(queue) == ["A"]
    await queue.switch(Mode.RUNS, "", now=3_000)
    assert await queue.position(BEGINNING) == BEGINNING._replace(marker=1)


async def test_what_others_hand_over_waits_with_the_rest(queue: Queue):
    raw = b"MSH|^~\\&|A|B|C|D|20261123||ACK^A01|R1|P|2.5.1\rMSA|AA|M1\r"
    number = await hand_over(queue, raw, now=2_000, lanes=(7,))
    assert number is not None
    assert await hand_over(queue, raw, now=2_000) is None
    (kept,) = await queue.claim(10, now=2_000, lease_milliseconds=_LEASE)
    assert (kept.number, kept.control_id, kept.message_type, kept.raw) == (number, "R1", "ACK^A01", raw)
    assert await queue.position(Position(7, 8, 9)) == Position(7, 8, 9), "it stood nowhere before"
    with pytest.raises(Hl7Error, match="MSH-10"):
        await hand_over(queue, raw.replace(b"|R1|", b"||"), now=2_000)


async def test_many_senders_keep_every_lane_in_order_and_leave_nothing(queue: Queue):
    chance = Random(7)  # noqa: S311 - a repeatable course
    lanes = {f"M{number}": tuple(chance.sample(range(6), chance.choice((1, 1, 2, 3)))) for number in range(120)}
    order = {lane: [name for name, own in lanes.items() if lane in own] for lane in range(6)}
    sent: list[str] = []

    async def queueing() -> None:
        names = list(lanes)
        for start in range(0, len(names), 10):
            await filled(queue, *(outgoing(name, *lanes[name]) for name in names[start : start + 10]))

    async def sending() -> None:
        while len(sent) < len(lanes):
            for message in await queue.claim(1, now=2_000, lease_milliseconds=_LEASE):
                sent.append(message.control_id)
                await settled(message.number)
            await asyncio.sleep(0)

    async def settled(number: int) -> None:
        # who collides with others tries again
        for _ in range(20):
            try:
                assert await queue.settle(number, Fate.DONE, now=2_000)
            except UnavailableQueueError:
                continue
            return

    async with asyncio.timeout(60):
        await asyncio.gather(queueing(), *(sending() for _ in range(4)))
    assert {lane: [name for name in sent if lane in lanes[name]] for lane in order} == order
    assert await queue.counts() == dict.fromkeys(Fate, 0) | {Fate.DONE: len(lanes)}
