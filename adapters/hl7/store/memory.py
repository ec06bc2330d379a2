"""A message store in memory, for tests: the same contract, nothing on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from adapters.hl7.senders import Duplicates
from adapters.hl7.store.port import (
    WINDOW_SECONDS,
    Arrival,
    Receipt,
    Settlement,
    State,
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
        self._known: dict[tuple[str, str], dict[bytes, tuple[int, int]]] = {}

    async def receive(self, arrival: Arrival) -> Receipt:
        """Store a message."""
        known = self._known.setdefault((arrival.sender, arrival.control_id), {})
        recent = {
            digest: number
            for digest, (number, received_at) in known.items()
            if received_at > arrival.received_at - WINDOW_SECONDS * 1000
        }
        if arrival.digest in recent:
            number = recent[arrival.digest]
            return Receipt(Verdict.REPLAYED, number, self._messages[number].answer)
        is_reused = bool(recent) and arrival.duplicates is not Duplicates.ACCEPT_NEW
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
        self._messages[number] = replace(self._messages[number], state=settlement.state, reason=settlement.reason)
        self._questions[number] = set(settlement.questions)
        if settlement.plan:
            self._work[number] = Work(settlement.plan, settlement.made)

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

    async def counts(self) -> dict[State, int]:
        """Return how many messages are in each state."""
        states = [message.state for message in self._messages.values()]
        return {state: states.count(state) for state in State}
