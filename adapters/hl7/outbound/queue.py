"""What a queue of messages that are sent does: one for each destination of a tenant.

A message is *waiting* until it is *done*, that is acknowledged, or *dead*. Messages of one lane are sent in the order
they were queued; the first that waits holds up the others of its lanes, and no others. People set a destination going
or stop it, send dead messages again or close them.
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
    CLOSED = 4
    """A person has decided that nothing more is done with it."""
    UNMADE = 5
    """It was dead because it could not be made, and is to be made again."""
    WITHDRAWN = 6
    """When it was to be sent, the destination might not see any more what it tells; nothing was sent."""


class Mode(Enum):
    """What goes on for a destination; the numbers are stored."""

    RUNS = 1
    PAUSED = 2
    """Nothing is sent; what changes is made into messages, which wait."""
    DRAINS = 3
    """What waits is sent; what changes is made into messages later."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be queued.

    Attributes:
        control_id: MSH-10; what is queued under it already is not queued again.
        message_type: MSH-9.1 and MSH-9.2: ``ADT^A01``.
        resource: what changed: ``Encounter/1``; empty for a message of others' making.
        version: of the resource.
        lanes: numbers of the lanes it stands in.
        raw: its bytes; empty for one that could not be made.
        made_at: milliseconds since 1970.
        fate: ``DEAD`` for one that must not be sent.
        reason: why, or what was left out of it.
        patients: logical ids of the patients it tells of.
        sources: references of the resources and versions it was made of.
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
    patients: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Queued:
    """A message of the queue: as it was queued, and how it went.

    Attributes:
        number: its place in the order of all.
        attempts: how often it was taken to be sent.
        first_sent_at: when it was taken first, milliseconds since 1970; 0 for never.
        answer: what the destination said last.
        made_at, settled_at: milliseconds since 1970; 0 for not yet.
        not_before: it is not sent before this time.
    """

    number: int
    destination: str
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
    made_at: int
    settled_at: int
    not_before: int
    patients: tuple[str, ...]
    sources: tuple[str, ...] = ()


class UnavailableQueueError(Exception):
    """The queue does not answer at the moment: nothing is known to have changed."""


class Queue(Protocol):
    """The messages for one destination of one tenant."""

    async def position(self, first: Position) -> Position | None:
        """Return how far the change log was read for the destination; a new one begins at *first*.

        None while nothing new is made for it.
        """
        ...

    async def enqueue(self, start: Position, end: Position, messages: Sequence[Outgoing]) -> bool:
        """Queue what was made of the versions between two positions, all or nothing.

        Returns:
            False where the destination does not stand at *start* any more: somebody else has read on.
        """
        ...

    async def put(self, message: Outgoing) -> int | None:
        """Queue a message that no change made; return its number, None where its control id is queued already."""
        ...

    async def claim(self, limit: int, *, now: int, lease_milliseconds: int) -> list[Queued]:
        """Return messages that are first in all their lanes, the oldest first; they are the caller's for the lease."""
        ...

    async def settle(
        self, number: int, fate: Fate, *, now: int, reason: str = "", not_before: int = 0, answer: bytes = b""
    ) -> bool:
        """Say what became of a message; ``WAITING`` has it sent again at *not_before*. False where it waits no more."""
        ...

    async def renew(self, number: int, message: Outgoing) -> bool:
        """Have a message that waits say something else, in its place; False where it waits no more."""
        ...

    async def revive(self, numbers: Sequence[int] | None = None, *, most: int = 1000) -> dict[int, int]:
        """Have dead messages sent again in their order, behind all that waits; those that were never made, made again.

        Those that were withdrawn are looked at again where their numbers are given.

        Args:
            numbers: of the messages; None for all.
            most: how many are taken, the oldest first.

        Returns:
            Their new numbers, by the old ones.
        """
        ...

    async def unmade(self, limit: int) -> list[Queued]:
        """Return messages that are to be made again, the oldest first."""
        ...

    async def made(self, number: int, message: Outgoing) -> bool:
        """Say what a message that was to be made again became; False where it is not to be made any more."""
        ...

    async def close_message(self, number: int, reason: str, *, now: int) -> bool:
        """Have nothing more done with a dead message; False, and nothing changes, for any other."""
        ...

    async def switch(self, mode: Mode, reason: str, *, now: int) -> None:
        """Set the destination going, or stop it."""
        ...

    async def read(self, number: int) -> Queued | None:
        """Return a message, or None."""
        ...

    async def dead(self, limit: int) -> list[Queued]:
        """Return dead messages, the newest first."""
        ...

    async def counts(self) -> dict[Fate, int]:
        """Return how many messages there are of each fate, by looking at all of them."""
        ...
