"""What a message store promises, in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from random import Random

import psycopg
import pytest
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import Contexts, open_contexts

from adapters.hl7.senders import Duplicates
from adapters.hl7.store.port import (
    WINDOW_SECONDS,
    Arrival,
    MessageStore,
    Receipt,
    Settlement,
    State,
    UnavailableError,
    Verdict,
    Work,
)
from adapters.hl7.store.postgres.committing import Committing
from adapters.hl7.store.postgres.store import open_message_stores
from tests.support.tenants import new_tenant

_LEASE = 60_000


def arrival(
    control_id: str = "M1",
    raw: bytes = b"MSH|1",
    *,
    lanes: tuple[int, ...] = (7,),
    duplicates: Duplicates = Duplicates.ACCEPT_NEW,
    at: int = 1_000,
    sender: str = "LAB1",
    answer: bytes = b"answer",
) -> Arrival:
    return Arrival(sender, control_id, "ADT^A01", "2.5.1", "ascii", raw, answer, lanes, duplicates, at)


async def claimed(store: MessageStore, limit: int = 10, now: int = 2_000) -> list[str]:
    return [each.control_id for each in await store.claim(limit, now=now, lease_milliseconds=_LEASE)]


async def test_a_message_is_kept_as_it_came(store):
    raw = bytes(range(256)) * 300
    receipt = await store.receive(arrival(raw=raw))
    assert (receipt.verdict, receipt.answer) == (Verdict.STORED, b"answer")
    kept = await store.read(receipt.number)
    assert (kept.raw, kept.answer, kept.state, kept.control_id, kept.sender) == (
        raw,
        b"answer",
        State.RECEIVED,
        "M1",
        "LAB1",
    )
    assert await store.read(receipt.number + 1_000_000) is None


async def test_the_same_bytes_are_answered_as_then(store):
    first = await store.receive(arrival(answer=b"first"))
    again = await store.receive(arrival(answer=b"second", at=1_000 + WINDOW_SECONDS * 1000 - 1))
    assert again == Receipt(Verdict.REPLAYED, first.number, b"first")
    assert (await store.counts())[State.RECEIVED] == 1


async def test_after_the_window_they_are_a_new_message(store):
    await store.receive(arrival())
    later = await store.receive(arrival(at=1_000 + WINDOW_SECONDS * 1000, answer=b"new"))
    assert (later.verdict, later.answer) == (Verdict.STORED, b"new")


@pytest.mark.parametrize(
    ("duplicates", "verdict", "states"),
    [
        (Duplicates.ACCEPT_NEW, Verdict.STORED, (2, 0)),
        (Duplicates.REJECT, Verdict.REFUSED, (1, 0)),
        (Duplicates.HOLD, Verdict.HELD, (1, 1)),
    ],
)
async def test_other_bytes_under_a_known_id_go_by_the_policy(store, duplicates, verdict, states):
    await store.receive(arrival())
    assert (await store.receive(arrival(raw=b"other", duplicates=duplicates))).verdict is verdict
    counts = await store.counts()
    assert (counts[State.RECEIVED], counts[State.PARKED]) == states


async def test_a_refused_message_is_refused_again(store):
    await store.receive(arrival())
    for _ in range(2):
        receipt = await store.receive(arrival(raw=b"other", duplicates=Duplicates.REJECT))
        assert receipt == Receipt(Verdict.REFUSED, None, b"")


async def test_an_id_belongs_to_its_sender_and_tenant(stores, store):
    await store.receive(arrival(duplicates=Duplicates.REJECT))
    other = arrival(raw=b"other", sender="LAB2", duplicates=Duplicates.REJECT)
    assert (await store.receive(other)).verdict is Verdict.STORED
    elsewhere = stores.for_tenant(new_tenant())
    assert (await elsewhere.receive(arrival())).verdict is Verdict.STORED
    assert (await elsewhere.counts())[State.RECEIVED] == 1


async def test_of_the_same_message_at_once_one_is_stored(store):
    receipts = await asyncio.gather(*(store.receive(arrival()) for _ in range(20)))
    assert sorted(each.verdict.value for each in receipts) == ["replayed"] * 19 + ["stored"]
    assert len({each.number for each in receipts}) == 1


async def test_many_messages_at_once_keep_their_order(store):
    receipts = await asyncio.gather(*(store.receive(arrival(f"M{n}", b"%d" % n, lanes=(n,))) for n in range(300)))
    numbers = [each.number for each in receipts]
    assert numbers == sorted(numbers)
    assert await claimed(store, 300) == [f"M{n}" for n in range(300)]


async def test_a_lane_is_worked_on_in_order(store):
    first = await store.receive(arrival("A", b"a", lanes=(1,)))
    await store.receive(arrival("B", b"b", lanes=(1,)))
    await store.receive(arrival("C", b"c", lanes=(2,)))
    assert await claimed(store) == ["A", "C"]
    assert await claimed(store) == []
    await store.settle([Settlement(first.number, State.MAPPED)])
    assert await claimed(store) == ["B"]


async def test_what_waits_behind_a_parked_message_hides_nothing(store):
    parked = await store.receive(arrival("P", b"p", lanes=(1, 9)))
    await store.settle([Settlement(parked.number, State.PARKED, "unknown code")])
    await asyncio.gather(*(store.receive(arrival(f"W{n}", b"w%d" % n, lanes=(1 + 8 * (n % 2),))) for n in range(300)))
    for number in range(5):
        await store.receive(arrival(f"F{number}", b"f%d" % number, lanes=(2 + number // 2, 6)))
    taken = []
    while found := await store.claim(10, now=2_000, lease_milliseconds=_LEASE):
        taken += [message.control_id for message in found]
        await store.settle([Settlement(message.number, State.MAPPED) for message in found])
    assert taken == [f"F{number}" for number in range(5)]
    await store.settle([Settlement(parked.number, State.DEAD)])
    assert sorted(await claimed(store)) == ["W0", "W1"]


async def test_a_merge_locks_both_lanes(store):
    await store.receive(arrival("A", b"a", lanes=(1,)))
    merge = await store.receive(arrival("M", b"m", lanes=(1, 2)))
    last = await store.receive(arrival("C", b"c", lanes=(2,)))
    [first] = await store.claim(10, now=2_000, lease_milliseconds=_LEASE)
    await store.settle([Settlement(first.number, State.MAPPED)])
    assert await claimed(store) == ["M"]
    await store.settle([Settlement(merge.number, State.DEAD, "not understood")])
    assert await claimed(store) == ["C"]
    assert (await store.read(merge.number)).reason == "not understood"
    assert (await store.read(last.number)).attempts == 1


async def test_a_parked_message_holds_up_its_lane(store):
    first = await store.receive(arrival("A", b"a"))
    await store.receive(arrival("B", b"b"))
    await store.settle([Settlement(first.number, State.PARKED, "unknown code")])
    assert await claimed(store) == []
    await store.settle([Settlement(first.number, State.RECEIVED)])
    assert await claimed(store) == ["A"]


async def test_a_settled_message_can_be_worked_on_again(store):
    first = await store.receive(arrival("A", b"a"))
    await store.settle([Settlement(first.number, State.DEAD)])
    await store.receive(arrival("B", b"b"))
    await store.settle([Settlement(first.number, State.RECEIVED)])
    assert await claimed(store) == ["A"]
    assert not await store.settle([Settlement(first.number + 1_000_000, State.MAPPED)])


async def test_what_was_made_of_a_message_is_kept(store):
    first = await store.receive(arrival("A", b"a"))
    assert await store.work(first.number) is None
    await store.settle([Settlement(first.number, State.DEAD, "no", plan="p1", made=b'{"bundle":1}')])
    await store.settle([Settlement(first.number, State.RECEIVED)])
    assert await store.work(first.number) == Work("p1", b'{"bundle":1}')
    await store.settle([Settlement(first.number, State.MAPPED, plan="p2", made=b"{}")])
    assert await store.work(first.number) == Work("p2", b"{}")


async def test_many_are_settled_at_once(store):
    receipts = [await store.receive(arrival(f"M{n}", b"%d" % n, lanes=(n,))) for n in range(5)]
    settlements = [
        Settlement(receipts[0].number, State.MAPPED, plan="p", made=b"0"),
        Settlement(receipts[1].number, State.PARKED, "codes", questions=("a", "b")),
        Settlement(receipts[2].number, State.RECEIVED, "later", not_before=5_000),
        Settlement(receipts[3].number, State.PARKED, "codes", questions=("b",)),
    ]
    assert await store.settle(settlements) == 4
    assert [(await store.read(each.number)).state for each in receipts] == [
        State.MAPPED,
        State.PARKED,
        State.RECEIVED,
        State.PARKED,
        State.RECEIVED,
    ]
    assert await claimed(store, now=4_999) == ["M4"]
    assert await claimed(store, now=5_000) == ["M2"]


async def test_a_message_waits_until_all_its_questions_are_answered(store):
    one, other = [await store.receive(arrival(f"M{n}", b"%d" % n, lanes=(n,))) for n in range(2)]
    await store.settle([Settlement(one.number, State.PARKED, "codes", questions=("a", "b", "b"))])
    await store.settle([Settlement(other.number, State.PARKED, "codes", questions=("b",))])
    assert await store.release("unheard of") == 0
    assert await store.release("b") == 1
    assert await claimed(store) == ["M1"]
    assert await store.release("b") == 0
    assert await store.release("a") == 1
    assert await claimed(store) == ["M0"]


async def test_what_was_set_aside_since_waits_for_nothing(store):
    one = await store.receive(arrival("A", b"a"))
    await store.settle([Settlement(one.number, State.PARKED, "codes", questions=("a",))])
    await store.settle([Settlement(one.number, State.DEAD, "discarded")])
    assert await store.release("a") == 0
    assert (await store.read(one.number)).state is State.DEAD


async def test_the_states_of_messages_are_told(store):
    numbers = [(await store.receive(arrival(each, each.encode(), lanes=(1,)))).number for each in ("A", "B")]
    await store.settle([Settlement(numbers[0], State.MAPPED)])
    assert await store.states([*numbers, numbers[1] + 1_000_000]) == {
        numbers[0]: State.MAPPED,
        numbers[1]: State.RECEIVED,
    }
    assert await store.states([]) == {}


async def test_a_claim_ends_with_its_lease(store):
    await store.receive(arrival("A", b"a"))
    assert await claimed(store, now=2_000) == ["A"]
    assert await claimed(store, now=2_000 + _LEASE - 1) == []
    assert await claimed(store, now=2_000 + _LEASE) == ["A"]


async def storm(store: MessageStore, messages: int, lanes: int, workers: int) -> dict[int, list[int]]:
    """Receive messages, each tenth once more, while workers settle them; return what each lane was given, in order."""
    chance = Random(messages)  # noqa: S311 - a repeatable course
    given: dict[int, list[int]] = {lane: [] for lane in range(lanes)}
    left = messages

    async def receive() -> None:
        for start in range(0, messages, 50):
            batch = [arrival(f"M{n}", b"%d" % n, lanes=(n % lanes,)) for n in range(start, start + 50)]
            await asyncio.gather(*(store.receive(each) for each in [*batch, *chance.sample(batch, 5)]))

    async def work() -> None:
        nonlocal left
        while left > 0:
            for message in await store.claim(chance.randint(1, 5), now=2_000, lease_milliseconds=_LEASE):
                number = int(message.raw)
                given[number % lanes].append(number)
                left -= 1
                await asyncio.sleep(0)
                await store.settle([Settlement(message.number, chance.choice((State.MAPPED, State.DEAD)))])
            await asyncio.sleep(0)

    await asyncio.gather(receive(), *(work() for _ in range(workers)))
    return given


async def test_in_a_storm_of_duplicates_every_lane_keeps_its_order(store):
    given = await storm(store, 500, 20, 8)
    assert all(numbers == sorted(set(numbers)) for numbers in given.values())
    assert sum(len(numbers) for numbers in given.values()) == 500


@pytest.mark.nightly
async def test_in_a_storm_of_10_000_every_lane_keeps_its_order(store):
    given = await storm(store, 10_000, 200, 32)
    assert all(numbers == sorted(set(numbers)) for numbers in given.values())
    assert sum(len(numbers) for numbers in given.values()) == 10_000


async def test_no_more_are_claimed_than_asked_for(store):
    for number in range(5):
        await store.receive(arrival(f"M{number}", b"%d" % number, lanes=(number,)))
    assert await claimed(store, 2) == ["M0", "M1"]
    assert await claimed(store, 9) == ["M2", "M3", "M4"]


async def test_without_its_database_nothing_is_received():
    options = PoolOptions(dsn="postgresql://nobody@127.0.0.1:1/none", acquire_seconds=1)
    stores = await open_message_stores(options, Contexts(bytes(32)))
    with pytest.raises(UnavailableError):
        await stores.for_tenant(1).receive(arrival())
    with pytest.raises(UnavailableError):
        await stores.for_tenant(1).counts()
    await stores.close()


async def test_messages_that_cannot_be_stored_spoil_no_others(hl7_database):
    contexts = await open_contexts(hl7_database.owner_dsn)
    stores = await open_message_stores(PoolOptions(dsn=hl7_database.app_dsn), contexts)
    store = stores.for_tenant(new_tenant())
    outcomes = await asyncio.gather(
        *(store.receive(arrival(each, each.encode(), lanes=(1,))) for each in ("A", "B", "\0", "C")),
        return_exceptions=True,
    )
    await stores.close()
    assert [isinstance(each, Receipt) for each in outcomes] == [True, True, False, True]
    assert isinstance(outcomes[2], UnavailableError)


async def test_a_read_only_database_receives_nothing(hl7_database):
    options = PoolOptions(dsn=hl7_database.app_dsn, settings=(("default_transaction_read_only", "on"),))
    stores = await open_message_stores(options, await open_contexts(hl7_database.owner_dsn))
    with pytest.raises(UnavailableError, match="ReadOnly"):
        await stores.for_tenant(1).receive(arrival())
    await stores.close()


async def test_of_copies_that_reach_two_processes_one_is_stored(hl7_database):
    tenant = new_tenant()
    contexts = await open_contexts(hl7_database.owner_dsn)
    stores = [await open_message_stores(PoolOptions(dsn=hl7_database.app_dsn), contexts) for _ in range(2)]
    copies = [arrival(f"M{n}", b"%d" % n, lanes=(n,)) for n in range(40)]
    receipts = await asyncio.gather(
        *(stores[0].for_tenant(tenant).receive(each) for each in copies),
        *(stores[1].for_tenant(tenant).receive(each) for each in copies),
    )
    counts = await stores[0].for_tenant(tenant).counts()
    for each in stores:
        await each.close()
    assert sorted(each.verdict.value for each in receipts) == ["replayed"] * 40 + ["stored"] * 40
    assert [first.number for first in receipts[:40]] == [second.number for second in receipts[40:]]
    assert counts[State.RECEIVED] == 40


def test_row_security_is_forced(hl7_database):
    with psycopg.connect(hl7_database.owner_dsn) as connection:
        rows = connection.execute(
            "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class "
            "WHERE relnamespace = 'hl7'::regnamespace AND relkind = 'r'"
        ).fetchall()
    assert {"control", "lane", "message", "waiting", "work"} <= {name for name, _, _ in rows}
    assert all(is_on and is_forced for _, is_on, is_forced in rows)


async def test_what_comes_meanwhile_shares_a_transaction():
    calls: list[list[str]] = []
    go = asyncio.Event()

    async def together(arrivals):
        calls.append([each.control_id for each in arrivals])
        await go.wait()
        return [Receipt(Verdict.STORED, 1, b"") for _ in arrivals]

    committing = Committing(together)
    tasks = [asyncio.create_task(committing.receive(arrival(name))) for name in "AB"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(committing.receive(arrival(name))) for name in "CDE"]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*tasks)
    assert calls == [["A", "B"], ["C", "D", "E"]]


async def test_a_transaction_holds_only_so_much():
    sizes: list[int] = []

    async def together(arrivals):
        sizes.append(len(arrivals))
        return [Receipt(Verdict.STORED, 1, b"") for _ in arrivals]

    committing = Committing(together)
    big = b"x" * (5 << 20)
    await asyncio.gather(*(committing.receive(arrival(raw=raw)) for raw in (big, big, *[b"s"] * 200)))
    assert sizes == [1, 128, 73]
