"""What people ask of a message store, in memory and in PostgreSQL."""

from __future__ import annotations

import pytest

from adapters.hl7.senders import Duplicates
from adapters.hl7.store.looking import Criteria, Replay, Standing, State
from adapters.hl7.store.port import Arrival, MessageStore, Settlement, Verdict

HOUR = 3_600_000


async def put(
    store: MessageStore,
    control_id: str,
    state: State = State.RECEIVED,
    *,
    sender: str = "north/LAB1",
    message_type: str = "ADT^A01",
    at: int = HOUR,
    lanes: tuple[int, ...] = (1,),
) -> int:
    raw = f"MSH|{sender}|{control_id}".encode()
    receipt = await store.receive(
        Arrival(sender, control_id, message_type, "2.5", "ascii", raw, b"a", lanes, Duplicates.ACCEPT_NEW, at)
    )
    assert receipt.number is not None
    if state is State.MAPPED:
        await store.settle([Settlement(receipt.number, state, plan="p", made=b"made")])
    elif state is not State.RECEIVED:
        await store.settle([Settlement(receipt.number, state, "a reason")])
    return receipt.number


async def states(store: MessageStore, *numbers: int) -> list[str]:
    found = [await store.read(number) for number in numbers]
    return [each.state.value for each in found if each is not None]


async def claimed(store: MessageStore, now: int = 10 * HOUR) -> list[str]:
    found = await store.claim(50, now=now, lease_milliseconds=1000)
    await store.settle([Settlement(each.number, State.MAPPED) for each in found])
    return [each.control_id for each in found]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (Criteria(), ["E", "D", "C", "B", "A"]),
        (Criteria(sender="south/ADT"), ["E", "D"]),
        (Criteria(message_type="ADT"), ["E", "B", "A"]),
        (Criteria(message_type="ADT^A08"), ["B"]),
        (Criteria(message_type="A"), []),
        (Criteria(state=State.DEAD), ["D", "B"]),
        (Criteria(control_id="C"), ["C"]),
        (Criteria(since=2 * HOUR), ["E", "D", "C"]),
        (Criteria(since=2 * HOUR, until=3 * HOUR), ["D", "C"]),
        (Criteria(sender="south/ADT", state=State.DEAD, since=1), ["D"]),
    ],
)
async def test_messages_are_listed_by_what_is_asked_for(store, criteria, expected):
    await put(store, "A", State.MAPPED)
    await put(store, "B", State.DEAD, message_type="ADT^A08")
    await put(store, "C", State.PARKED, message_type="ORU^R01", at=2 * HOUR)
    await put(store, "D", State.DEAD, message_type="ORU^R01", at=2 * HOUR, sender="south/ADT")
    await put(store, "E", at=3 * HOUR, sender="south/ADT")
    assert [each.control_id for each in await store.listed(criteria)] == expected


async def test_lists_go_on_where_a_page_ended(store):
    numbers = [await put(store, f"M{each}") for each in range(5)]
    first = await store.listed(Criteria(), count=2)
    second = await store.listed(Criteria(), before=first[-1].number, count=2)
    assert [each.number for each in (*first, *second)] == numbers[:0:-1]
    assert (first[0].state, first[0].size, first[0].corrects) == (State.RECEIVED, len(b"MSH|north/LAB1|M4"), None)


async def test_senders_at_a_glance(store):
    await put(store, "A", State.DEAD, at=5)
    await put(store, "B", at=6)
    await put(store, "C", at=7)
    await put(store, "D", State.PARKED, at=8)
    await put(store, "E", State.MAPPED, at=9, sender="south/ADT")
    assert await store.standings(7) == [
        Standing("north/LAB1", last_at=8, recent=2, waiting=2, oldest_at=6, parked=1, dead=1),
        Standing("south/ADT", last_at=9, recent=1, waiting=0, oldest_at=None, parked=0, dead=0),
    ]


async def test_what_was_made_of_many_messages(store):
    mapped, dead = await put(store, "A", State.MAPPED), await put(store, "B", State.DEAD)
    works = await store.works([mapped, dead, 10**12])
    assert {number: work.made for number, work in works.items()} == {mapped: b"made"}


async def test_a_correction_stands_in_for_a_dead_letter(store):
    dead = await put(store, "A", State.DEAD, lanes=(3,))
    corrected = Arrival("north/LAB1", "A", "ADT^A01", "2.5", "ascii", b"better", b"aa", (4,), Duplicates.HOLD, 2 * HOUR)
    receipt = await store.correct(dead, corrected)
    assert (receipt.verdict, await store.corrections(dead)) == (Verdict.STORED, [receipt.number])
    kept = await store.read(receipt.number)
    assert (kept.raw, kept.corrects, kept.state) == (b"better", dead, State.RECEIVED)
    original = await store.read(dead)
    assert (original.state, original.reason) == (State.CLOSED, f"corrected by message {receipt.number}")
    again = await store.correct(dead, corrected)
    assert (again.verdict, again.number) == (Verdict.REFUSED, None)


async def test_bytes_that_came_before_correct_nothing(store):
    dead = await put(store, "A", State.DEAD)
    first = await store.read(dead)
    same = Arrival("north/LAB1", "A", "ADT^A01", "2.5", "ascii", first.raw, b"", (1,), Duplicates.ACCEPT_NEW, 2 * HOUR)
    receipt = await store.correct(dead, same)
    assert (receipt.verdict, receipt.number) == (Verdict.REPLAYED, dead)
    assert await states(store, dead) == ["dead"]


async def test_a_closed_message_holds_up_nobody(store):
    parked = await put(store, "A", State.PARKED)
    await put(store, "B")
    assert await claimed(store) == []
    assert await store.close_message(parked, "the ward sent it twice")
    assert await claimed(store) == ["B"]
    assert [each.reason for each in await store.listed(Criteria(state=State.CLOSED))] == ["the ward sent it twice"]


@pytest.mark.parametrize("state", [State.RECEIVED, State.MAPPED])
async def test_only_what_is_parked_or_dead_is_closed(store, state):
    number = await put(store, "A", state)
    assert not await store.close_message(number, "no")
    assert not await store.close_message(number + 10**9, "no")
    assert await states(store, number) == [state.value]


async def test_a_replayed_message_takes_later_ones_of_its_lanes_along_in_order(store):
    await put(store, "before", State.MAPPED)
    dead = await put(store, "A", State.DEAD)
    await put(store, "other", State.MAPPED, lanes=(2,))
    await put(store, "B", State.MAPPED)
    await put(store, "C", State.DEAD)
    assert await store.later(dead) == 1
    replay = Replay(begin=1, numbers=(dead,))
    assert await store.replayed(replay) == 2
    assert await claimed(store) == []
    assert await store.replay(replay) == 2
    assert [await claimed(store), await claimed(store), await claimed(store)] == [["A"], ["B"], []]


async def test_it_goes_alone_where_that_is_wanted(store):
    dead = await put(store, "A", State.DEAD)
    await put(store, "B", State.MAPPED)
    assert await store.replay(Replay(begin=1, numbers=(dead,), later=False)) == 1
    assert [await claimed(store), await claimed(store)] == [["A"], []]


async def test_a_day_is_replayed_in_order_and_no_faster_than_wanted(store):
    await put(store, "early", State.MAPPED, at=1)
    for place, name in enumerate("ABC"):
        await put(store, name, State.MAPPED, at=HOUR + place, lanes=(place,))
    await put(store, "held", State.PARKED, at=HOUR, lanes=(9,))
    day = Criteria(sender="north/LAB1", since=HOUR, until=2 * HOUR)
    assert await store.replay(Replay(begin=5 * HOUR, criteria=day, gap=1000)) == 3
    assert await claimed(store, now=5 * HOUR - 1) == []
    assert await claimed(store, now=5 * HOUR + 1000) == ["A", "B"]
    assert await claimed(store, now=5 * HOUR + 2000) == ["C"]


async def test_a_replay_has_a_most(store):
    for name in "ABC":
        await put(store, name, State.DEAD)
    assert await store.replay(Replay(begin=1, criteria=Criteria(state=State.DEAD), most=2)) == 2
    assert await claimed(store) == ["A"]


async def test_what_is_worked_on_already_is_not_replayed(store):
    number = await put(store, "A")
    assert await store.replay(Replay(begin=9 * HOUR, numbers=(number,))) == 0
    assert await claimed(store, now=1) == ["A"]


async def test_another_tenant_sees_nothing(stores, store):
    from tests.support.tenants import new_tenant  # noqa: PLC0415 - only here

    number = await put(store, "A", State.DEAD)
    other = stores.for_tenant(new_tenant())
    assert (await other.listed(Criteria()), await other.standings(0), await other.works([number])) == ([], [], {})
    assert not await other.close_message(number, "no")
    assert await other.replay(Replay(begin=0, numbers=(number,))) == 0
