"""What a message store does; memory and PostgreSQL keep the same contract.

A message is *received* when it is on disk. It is then *mapped*, or *parked* until a person has decided something, or
*dead* when it cannot be worked on, or *closed* when a person has decided that nothing more is done with it. Messages of
one lane are worked on in the order they came: one that is received or parked holds up those that came after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from adapters.hl7.senders import Duplicates
from adapters.hl7.store.looking import Criteria, Listed, Replay, Standing, State

__all__ = [
    "WINDOW_SECONDS",
    "Arrival",
    "MessageStore",
    "MessageStores",
    "Receipt",
    "Removed",
    "Settlement",
    "State",
    "StoredMessage",
    "UnavailableError",
    "Verdict",
    "Work",
]

WINDOW_SECONDS = 7 * 24 * 3600
"""How long a message is known to have come before."""


class Verdict(Enum):
    """What was done with a message that came."""

    STORED = "stored"
    REPLAYED = "replayed"
    """The same bytes came before: nothing was stored, and the answer is that of then."""
    HELD = "held"
    """Its control id came before with other bytes: it is stored and parked."""
    REFUSED = "refused"
    """Its control id came before with other bytes: it is not stored."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came.

    Attributes:
        sender: name of its sender.
        control_id: MSH-10.
        message_type: MSH-9.1 and MSH-9.2: ``ADT^A01``.
        version: MSH-12.
        charset: codec it was read in.
        raw: its bytes.
        answer: what it is answered when it is stored; empty where no answer is wanted.
        lanes: numbers of the lanes it stands in.
        duplicates: what is done when its control id came before with other bytes.
        received_at: milliseconds since 1970.
    """

    sender: str
    control_id: str
    message_type: str
    version: str
    charset: str
    raw: bytes
    answer: bytes
    lanes: tuple[int, ...]
    duplicates: Duplicates
    received_at: int

    @property
    def digest(self) -> bytes:
        """SHA-256 of its bytes."""
        return hashlib.sha256(self.raw).digest()


class Receipt(NamedTuple):
    """What the store says of an arrival.

    Attributes:
        verdict: what was done.
        number: of the message in the store; None for one that was refused.
        answer: what the sender is answered; empty for none.
    """

    verdict: Verdict
    number: int | None
    answer: bytes


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of the store.

    Attributes:
        number: its place in the order of all.
        arrival: as it came; *duplicates* is not kept.
        state: what became of it.
        reason: why it is parked or dead.
        attempts: how often it was worked on.
        corrects: number of the message that it stands in for; None where it came from a sender.
    """

    number: int
    sender: str
    control_id: str
    message_type: str
    raw: bytes
    answer: bytes
    charset: str
    received_at: int
    state: State
    reason: str
    attempts: int
    corrects: int | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a message that was worked on.

    Attributes:
        number: the message's.
        state: ``RECEIVED`` has it worked on again, in its order.
        reason: why it is parked, dead or to be tried again.
        not_before: milliseconds since 1970 before which it is not worked on again.
        plan: id of the plan that mapped it; empty where none did.
        made: what was made of it, as JSON; empty where nothing was.
        questions: names of the questions it is parked for.
    """

    number: int
    state: State
    reason: str = ""
    not_before: int = 0
    plan: str = ""
    made: bytes = b""
    questions: tuple[str, ...] = ()


class Work(NamedTuple):
    """What was made of a message the last time.

    Attributes:
        plan: id of the plan that mapped it.
        made: as in :class:`Settlement`.
    """

    plan: str
    made: bytes


class Removed(NamedTuple):
    """What a step of removing did.

    Attributes:
        messages: how many were removed.
        after: the number after which to go on; None where all that follow are younger.
    """

    messages: int
    after: int | None


class UnavailableError(Exception):
    """The store cannot take a message at the moment: nothing is known to be stored."""


class MessageStore(Protocol):
    """The messages of one tenant."""

    async def receive(self, arrival: Arrival) -> Receipt:
        """Store a message; it is on disk when this returns.

        Raises:
            UnavailableError: it may or may not be stored, and must not be acknowledged.
        """
        ...

    async def claim(self, limit: int, *, now: int, lease_milliseconds: int) -> list[StoredMessage]:
        """Return received messages that are first in all their lanes, the oldest first, for the caller alone.

        A claim ends with the lease, so that messages of a worker that died are worked on again.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> int:
        """Say what became of messages, of all or, by an error, of none; return how many of them there are."""
        ...

    async def release(self, question: str) -> int:
        """Have the messages worked on that waited for *question* and for no other; return how many those are."""
        ...

    async def work(self, number: int) -> Work | None:
        """Return what was made of a message the last time it was mapped; None where it never was."""
        ...

    async def read(self, number: int) -> StoredMessage | None:
        """Return a message, or None."""
        ...

    async def states(self, numbers: Sequence[int]) -> Mapping[int, State]:
        """Return the states of messages, by number; of those that there are not, nothing."""
        ...

    async def counts(self) -> dict[State, int]:
        """Return how many messages are in each state."""
        ...

    async def listed(self, criteria: Criteria, *, before: int | None = None, count: int = 50) -> list[Listed]:
        """Return messages that fit, the newest first, *count* at most, those with a number below *before*."""
        ...

    async def standings(self, since: int) -> list[Standing]:
        """Return how each sender stands that ever sent something, by name; *since* as in :class:`Standing`."""
        ...

    async def later(self, number: int) -> int:
        """Return how many messages came after this one, stand in a lane with it and are mapped."""
        ...

    async def corrections(self, number: int) -> list[int]:
        """Return the numbers of the messages that stand in for this one, in their order."""
        ...

    async def works(self, numbers: Sequence[int]) -> Mapping[int, Work]:
        """Return what was made of messages, by number; of those that were never mapped nothing."""
        ...

    async def correct(self, number: int, arrival: Arrival) -> Receipt:
        """Store *arrival* in place of a message, which is closed; both or nothing.

        The verdict is ``REFUSED`` where that one is neither parked nor dead, and ``REPLAYED`` where these bytes came
        before: nothing is changed then.
        """
        ...

    async def close_message(self, number: int, reason: str) -> bool:
        """Have nothing more done with a message; False, and nothing changes, unless it is parked or dead."""
        ...

    async def replay(self, replay: Replay) -> int:
        """Have messages worked on again; return how many."""
        ...

    async def replayed(self, replay: Replay) -> int:
        """Return how many messages :meth:`replay` would have worked on again; nothing changes."""
        ...

    async def remove(self, befores: Mapping[str, int], default: int, *, after: int, limit: int) -> Removed:
        """Remove messages that are mapped or closed, and came and were settled before a time, with all that is of them.

        Args:
            befores: the times by sender, milliseconds since 1970; 0 keeps its messages.
            default: goes for other senders.
            after: only messages with a higher number.
            limit: how many messages are looked at.
        """
        ...


class MessageStores(Protocol):
    """The stores of all tenants."""

    def for_tenant(self, tenant: int) -> MessageStore:
        """Return the store of a tenant."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
