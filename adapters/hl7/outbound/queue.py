"""What a queue of messages that are sent does: one for each destination of a tenant.

A message is *waiting* until it is *done*, that is acknowledged, or *dead*. Messages of one lane are sent in the order
they were queued; the first that waits holds up the others of its lanes, and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from fhir_api.store.postgres.changes import Position


class Fate(Enum):
    """What became of a message; the numbers are stored."""

    WAITING = 1
    DONE = 2
    DEAD = 3


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be queued.

    Attributes:
        control_id: MSH-10; what is queued under it already is not queued again.
        message_type: MSH-9.1 and MSH-9.2: ``ADT^A01``.
        resource: what changed: ``Encounter/1``.
        version: of the resource.
        lanes: numbers of the lanes it stands in.
        raw: its bytes; empty for one that could not be made.
        made_at: milliseconds since 1970.
        fate: ``DEAD`` for one that must not be sent.
        reason: why, or what was left out of it.
    """

    control_id: str
    message_type: str
    resource: str
    version: int
    lanes: tuple[int, ...]
    raw: bytes
    made_at: int
    fate: Fate = Fate.WAITING
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """A message of the queue: as it was queued, and how it went.

    Attributes:
        number: its place in the order of all.
        attempts: how often it was taken to be sent.
        first_sent_at: when it was taken first, milliseconds since 1970; 0 for never.
        answer: what the destination said last.
    """

    number: int
    control_id: str
    message_type: str
    resource: str
    version: int
    raw: bytes
    fate: Fate
    reason: str
    attempts: int
    first_sent_at: int
    answer: bytes


class UnavailableQueueError(Exception):
    """The queue does not answer at the moment: nothing is known to have changed."""


class Queue(Protocol):
    """The messages for one destination of one tenant."""

    async def position(self, first: Position) -> Position:
        """Return how far the change log was read for the destination; a new one begins at *first*."""
        ...

    async def enqueue(self, start: Position, end: Position, messages: Sequence[Outgoing]) -> bool:
        """Queue what was made of the versions between two positions, all or nothing.

        Returns:
            False where the destination does not stand at *start* any more: somebody else has read on.
        """
        ...

    async def claim(self, limit: int, *, now: int, lease_milliseconds: int) -> list[Queued]:
        """Return messages that are first in all their lanes, the oldest first; they are the caller's for the lease."""
        ...

    async def settle(
        self, number: int, fate: Fate, *, now: int, reason: str = "", not_before: int = 0, answer: bytes = b""
    ) -> bool:
        """Say what became of a message; ``WAITING`` has it sent again at *not_before*. False where it waits no more."""
        ...

    async def revive(self, number: int) -> int | None:
        """Have a dead message sent again, behind all that waits; return its new number.

        None where it is not dead, or was never made.
        """
        ...

    async def read(self, number: int) -> Queued | None:
        """Return a message, or None."""
        ...

    async def dead(self, limit: int) -> list[Queued]:
        """Return dead messages, the newest first."""
        ...

    async def counts(self) -> dict[Fate, int]:
        """Return how many messages are waiting, done and dead."""
        ...
