"""Old messages that are done with are removed, in small steps; what waits for somebody never is."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from stanforis.audit import Record

from adapters.hl7 import removing
from adapters.hl7.removing import Removing
from adapters.hl7.senders import Duplicates, Sender
from adapters.hl7.store.looking import Replay
from adapters.hl7.store.port import Arrival, MessageStore, Settlement, State, UnavailableError, Verdict

DAY = 24 * 3600 * 1000
NOW = time.time_ns() // 1_000_000
OLD = 1_000


def arrival(name: str, sender: str = "lab", at: int = OLD) -> Arrival:
    lane = hash(name) >> 4
    return Arrival(sender, name, "ADT^A01", "2.5", "ascii", name.encode(), b"ack", (lane,), Duplicates.ACCEPT_NEW, at)


async def stored(store: MessageStore, state: State, name: str = "", sender: str = "lab", at: int = OLD) -> int:
    """Return the number of a new message in this state."""
    receipt = await store.receive(arrival(name or state.value, sender, at))
    number = receipt.number
    assert number is not None
    if state is State.CLOSED:
        await store.settle([Settlement(number, State.DEAD)])
        await store.close_message(number, "by a person")
    elif state is not State.RECEIVED:
        await store.settle([Settlement(number, state, plan="p", made=b"{}")])
    return number


async def kept(store: MessageStore, *numbers: int) -> list[bool]:
    return [await store.read(number) is not None for number in numbers]


async def test_only_what_is_done_with_is_removed(store):
    numbers = [await stored(store, state) for state in State]
    removed = await store.remove({}, NOW + DAY, after=0, limit=100)
    assert removed == (2, None)
    assert await kept(store, *numbers) == [state not in {State.MAPPED, State.CLOSED} for state in State]
    assert sum((await store.counts()).values()) == len(State) - 2
    mapped = numbers[list(State).index(State.MAPPED)]
    assert await store.work(mapped) is None
    # nothing of it is left: the same bytes are a new message
    again = await store.receive(arrival(State.MAPPED.value))
    assert again.verdict is Verdict.STORED


async def test_age_counts_from_the_last_that_happened(store):
    came_late = await stored(store, State.MAPPED, "A", at=NOW + DAY)
    settled_late = await stored(store, State.MAPPED, "B")
    assert await store.remove({}, NOW - DAY, after=0, limit=100) == (0, None)
    assert await kept(store, came_late, settled_late) == [True, True]


async def test_senders_have_times_of_their_own(store):
    lab, reg, other = [await stored(store, State.MAPPED, "A", sender) for sender in ("lab", "reg", "other")]
    assert (await store.remove({"lab": NOW + DAY, "reg": 0}, 0, after=0, limit=100)).messages == 1
    assert await kept(store, lab, reg, other) == [False, True, True]
    assert (await store.remove({"reg": 0}, NOW + DAY, after=0, limit=100)).messages == 1
    assert await kept(store, reg, other) == [True, False]


async def test_steps_go_on_where_the_last_one_ended(store):
    numbers = [await stored(store, State.MAPPED, str(number)) for number in range(5)]
    young = await stored(store, State.MAPPED, "young", at=NOW + 2 * DAY)
    first = await store.remove({}, NOW + DAY, after=0, limit=2)
    second = await store.remove({}, NOW + DAY, after=first.after or 0, limit=2)
    third = await store.remove({}, NOW + DAY, after=second.after or 0, limit=2)
    assert [first.messages, second.messages, third.messages] == [2, 2, 1]
    assert await kept(store, *numbers, young) == [False] * 5 + [True]


async def test_what_is_worked_on_again_is_not_removed(store):
    number = await stored(store, State.MAPPED)
    await store.replay(Replay(NOW, numbers=(number,)))
    assert (await store.remove({}, NOW + DAY, after=0, limit=9)).messages == 0
    assert await kept(store, number) == [True]


@pytest.mark.parametrize(("days", "own", "is_kept"), [(0, None, True), (0, 8, False), (30, 0, True), (3, None, False)])
async def test_settings_say_how_long(store, monkeypatch, days, own, is_kept):
    monkeypatch.setattr(removing, "AT_ONCE", 2)
    monkeypatch.setattr(removing, "PAUSE_SECONDS", 0)
    records: list[Record] = []

    async def note(*told: Record) -> None:
        records.extend(told)

    numbers = [await stored(store, State.MAPPED, str(number)) for number in range(5)]
    clock = NOW + (removing.LEAST_DAYS - 1) * DAY
    known = [Sender("lab", keep_days=own), replace(Sender("lab"), tenant=2, keep_days=8)]
    old = Removing(1, known, store, days, lambda: clock, note)
    assert await old.look() == 0, "a duplicate may still come"
    clock += 2 * DAY
    assert await old.look() == (0 if is_kept else 5)
    assert await kept(store, *numbers) == [is_kept] * 5
    assert [record.interaction for record in records] == ([] if is_kept else ["admin-hl7-remove"])


async def test_what_was_removed_is_on_record_though_the_store_went_away(store, monkeypatch):
    monkeypatch.setattr(removing, "AT_ONCE", 2)
    monkeypatch.setattr(removing, "PAUSE_SECONDS", 0)
    records: list[Record] = []

    async def note(*told: Record) -> None:
        records.extend(told)

    for number in range(5):
        await stored(store, State.MAPPED, str(number))
    remove, steps = store.remove, iter([True])

    async def once(*arguments, **options):
        if next(steps, None) is None:
            raise UnavailableError
        return await remove(*arguments, **options)

    monkeypatch.setattr(store, "remove", once)
    old = Removing(1, [], store, 8, lambda: NOW + 30 * DAY, note)
    with pytest.raises(UnavailableError):
        await old.look()
    assert [record.entities for record in records] == [("urn:stanforis:hl7-messages:2",)]
