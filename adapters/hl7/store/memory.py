"""A message store in memory, for tests: the same contract, nothing on disk."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from adapters.hl7.senders import Duplicates
from adapters.hl7.store.looking import OPEN, REPLAYED, Criteria, Listed, Replay, Standing, State
from adapters.hl7.store.port import (
    WINDOW_SECONDS,
    Arrival,
    Receipt,
    Removed,
    Settlement,
    StoredMessage,
    Verdict,
    Work,
)

_REASON = "its control id came before with other content"


class MemoryMessageStores:
    """The stores of all tenants."""

    def __init__(self) -> None:
        self._tenants: dict[int, MemoryMessageStore] = {}

    def for_tenant(self, tenant: int) -> MemoryMessageStore:
        """Return the store of a tenant."""
        return self._tenants.setdefault(tenant, MemoryMessageStore())

    async def close(self) -> None:
        """Do nothing."""


class MemoryMessageStore:
    """The messages of one tenant; see :class:`adapters.hl7.store.port.MessageStore`."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._messages: dict[int, StoredMessage] = {}
        self._lanes: dict[int, tuple[int, ...]] = {}
        self._leases: dict[int, int] = {}
        self._questions: dict[int, set[str]] = {}
        self._work: dict[int, Work] = {}
        self._settled_at: dict[int, int] = {}
        self._known: dict[tuple[str, str], dict[bytes, tuple[int, int]]] = {}

    async def receive(self, arrival: Arrival) -> Receipt:
        """Store a message."""
        known = self._known.setdefault((arrival.sender, arrival.control_id), {})
        oldest = arrival.received_at - WINDOW_SECONDS * 1000
        number, received_at = known.get(arrival.digest, (0, 0))
        if number and received_at > oldest:
            return Receipt(Verdict.REPLAYED, number, self._messages[number].answer)
        is_reused = arrival.duplicates is not Duplicates.ACCEPT_NEW and any(at > oldest for _, at in known.values())
        if is_reused and arrival.duplicates is Duplicates.REJECT:
            return Receipt(Verdict.REFUSED, None, b"")
        number = self._add(arrival, is_held=is_reused)
        known[arrival.digest] = (number, arrival.received_at)
        return Receipt(Verdict.HELD if is_reused else Verdict.STORED, number, arrival.answer)

    def _add(self, arrival: Arrival, *, is_held: bool) -> int:
        number = next(self._numbers)
        self._lanes[number] = arrival.lanes
        self._messages[number] = StoredMessage(
            number=number,
            sender=arrival.sender,
            control_id=arrival.control_id,
            message_type=arrival.message_type,
            raw=arrival.raw,
            answer=arrival.answer,
            charset=arrival.charset,
            received_at=arrival.received_at,
            state=State.PARKED if is_held else State.RECEIVED,
            reason=_REASON if is_held else "",
            attempts=0,
        )
        return number

    async def claim(self, limit: int, *, now: int, lease_milliseconds: int) -> list[StoredMessage]:
        """Return messages to work on."""
        claimed: list[StoredMessage] = []
        occupied: set[int] = set()
        for number, message in self._messages.items():
            lanes = self._lanes[number]
            is_free = not occupied.intersection(lanes)
            if message.state in {State.RECEIVED, State.PARKED}:
                occupied.update(lanes)
            leased = self._leases.get(number, 0) > now
            if message.state is State.RECEIVED and is_free and not leased and len(claimed) < limit:
                self._leases[number] = now + lease_milliseconds
                self._messages[number] = replace(message, attempts=message.attempts + 1)
                claimed.append(self._messages[number])
        return claimed

    async def settle(self, settlements: Sequence[Settlement]) -> int:
        """Say what became of messages."""
        known = [each for each in settlements if each.number in self._messages]
        for each in known:
            self._settle(each)
        return len(known)

    def _settle(self, settlement: Settlement) -> None:
        number = settlement.number
        self._leases[number] = settlement.not_before
        self._settled_at[number] = time.time_ns() // 1_000_000
        self._messages[number] = replace(self._messages[number], state=settlement.state, reason=settlement.reason)
        self._questions[number] = set(settlement.questions)
        if settlement.plan:
            self._work[number] = Work(settlement.plan, settlement.made)

    async def remove(self, befores: Mapping[str, int], default: int, *, after: int, limit: int) -> Removed:
        """Remove messages that are done with and old."""
        looked = [message for number, message in self._messages.items() if number > after][:limit]
        latest = max((default, *befores.values()))
        is_more = len(looked) == limit and any(message.received_at < latest for message in looked)
        old = [
            message
            for message in looked
            if message.state in {State.MAPPED, State.CLOSED}
            and max(message.received_at, self._settled_at.get(message.number, 0)) < befores.get(message.sender, default)
        ]
        for message in old:
            del self._messages[message.number], self._lanes[message.number]
            known = self._known.get((message.sender, message.control_id), {})
            for digest in [digest for digest, (number, _) in known.items() if number == message.number]:
                del known[digest]
            parts: tuple[dict[int, Any], ...] = (self._work, self._leases, self._questions, self._settled_at)
            for part in parts:
                part.pop(message.number, None)
        return Removed(len(old), looked[-1].number if is_more else None)

    async def release(self, question: str) -> int:
        """Have messages worked on that waited for *question* alone."""
        released = 0
        for number, questions in self._questions.items():
            if question in questions:
                questions.remove(question)
                if not questions and self._messages[number].state is State.PARKED:
                    self._messages[number] = replace(self._messages[number], state=State.RECEIVED, reason="")
                    released += 1
        return released

    async def work(self, number: int) -> Work | None:
        """Return what was made of a message, or None."""
        return self._work.get(number)

    async def read(self, number: int) -> StoredMessage | None:
        """Return a message, or None."""
        return self._messages.get(number)

    async def states(self, numbers: Sequence[int]) -> Mapping[int, State]:
        """Return the states of messages."""
        return {number: self._messages[number].state for number in numbers if number in self._messages}

    async def counts(self) -> dict[State, int]:
        """Return how many messages are in each state."""
        states = [message.state for message in self._messages.values()]
        return {state: states.count(state) for state in State}

    async def listed(self, criteria: Criteria, *, before: int | None = None, count: int = 50) -> list[Listed]:
        """Return messages that fit, the newest first."""
        fitting = (each for number, each in reversed(self._messages.items()) if before is None or number < before)
        return [_listed(each) for each in fitting if _fits(each, criteria)][:count]

    async def standings(self, since: int) -> list[Standing]:
        """Return how each sender stands."""
        senders = sorted({each.sender for each in self._messages.values()})
        return [_standing([each for each in self._messages.values() if each.sender == name], since) for name in senders]

    async def later(self, number: int) -> int:
        """Return how many messages of its lanes came later and are mapped."""
        return len(self._followers({number})) if number in self._messages else 0

    async def corrections(self, number: int) -> list[int]:
        """Return the numbers of the messages that stand in for this one."""
        return [each.number for each in self._messages.values() if each.corrects == number]

    async def works(self, numbers: Sequence[int]) -> Mapping[int, Work]:
        """Return what was made of messages."""
        return {number: self._work[number] for number in numbers if number in self._work}

    async def correct(self, number: int, arrival: Arrival) -> Receipt:
        """Store a message in place of another."""
        original = self._messages.get(number)
        if original is None or original.state not in OPEN:
            return Receipt(Verdict.REFUSED, None, b"")
        receipt = await self.receive(replace(arrival, duplicates=Duplicates.ACCEPT_NEW))
        if receipt.verdict is Verdict.STORED and receipt.number is not None:
            self._messages[receipt.number] = replace(self._messages[receipt.number], corrects=number)
            self._close(number, f"corrected by message {receipt.number}")
        return receipt

    async def close_message(self, number: int, reason: str) -> bool:
        """Have nothing more done with a message."""
        message = self._messages.get(number)
        if message is None or message.state not in OPEN:
            return False
        self._close(number, reason)
        return True

    def _close(self, number: int, reason: str) -> None:
        self._questions.pop(number, None)
        self._settled_at[number] = time.time_ns() // 1_000_000
        self._messages[number] = replace(self._messages[number], state=State.CLOSED, reason=reason)

    async def replay(self, replay: Replay) -> int:
        """Have messages worked on again."""
        meant = self._meant(replay)
        for place, number in enumerate(meant):
            self._leases[number] = replay.begin + place * replay.gap
            self._questions.pop(number, None)
            self._messages[number] = replace(self._messages[number], state=State.RECEIVED, reason="", attempts=0)
        return len(meant)

    async def replayed(self, replay: Replay) -> int:
        """Return how many messages would be worked on again."""
        return len(self._meant(replay))

    def _meant(self, replay: Replay) -> list[int]:
        numbers, criteria = replay.numbers, replay.criteria
        states = REPLAYED[bool(numbers)] if criteria.state is None else frozenset({criteria.state}) - {State.RECEIVED}
        chosen = {
            number
            for number, each in self._messages.items()
            if each.state in states and (not numbers or number in numbers) and _fits(each, criteria)
        }
        return sorted(chosen | (self._followers(chosen) if replay.later else set()))[: replay.most]

    def _followers(self, numbers: set[int]) -> set[int]:
        return {
            later
            for number in numbers
            for later, each in self._messages.items()
            if later > number
            and each.state is State.MAPPED
            and set(self._lanes[number]).intersection(self._lanes[later])
        }


def _fits(message: StoredMessage, criteria: Criteria) -> bool:
    sender, message_type, state, control_id, since, until = criteria
    is_type = message_type in {"", message.message_type, message.message_type.partition("^")[0]}
    is_named = sender in {"", message.sender} and control_id in {"", message.control_id}
    is_then = message.received_at >= since and (not until or message.received_at < until)
    return is_type and is_named and is_then and state in {None, message.state}


def _listed(message: StoredMessage) -> Listed:
    return Listed(
        message.number,
        message.sender,
        message.control_id,
        message.message_type,
        message.received_at,
        message.state,
        message.reason,
        message.attempts,
        len(message.raw),
        message.corrects,
    )


def _standing(messages: Sequence[StoredMessage], since: int) -> Standing:
    states = [each.state for each in messages]
    waiting = [each.received_at for each in messages if each.state is State.RECEIVED]
    return Standing(
        messages[0].sender,
        messages[-1].received_at,
        sum(each.received_at >= since for each in messages),
        len(waiting),
        min(waiting, default=None),
        states.count(State.PARKED),
        states.count(State.DEAD),
    )
