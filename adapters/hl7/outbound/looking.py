"""What people ask of the queues: how destinations stand, and which messages there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from adapters.hl7.outbound.queue import Fate, Mode, Queue, Queued


@dataclass(frozen=True, slots=True)
class Standing:
    """How the queue of a destination stands.

    Attributes:
        destination: its name.
        mode: what goes on.
        reason: why a person changed that, and *changed_at* when, milliseconds since 1970; 0 for never.
        waiting: messages that are not acknowledged yet.
        oldest_at: when the oldest of those was made; None where there is none.
        attempts: how often that one was sent.
        trouble: what went wrong the last time.
        dead: messages that nothing more is done with unless a person wants it.
        unmade: messages that are to be made again.
        withdrawn: messages that the destination might not see any more when they were to be sent.
        answered_at: when a message was acknowledged last; None for never.
    """

    destination: str
    mode: Mode = Mode.RUNS
    reason: str = ""
    changed_at: int = 0
    waiting: int = 0
    oldest_at: int | None = None
    attempts: int = 0
    trouble: str = ""
    dead: int = 0
    unmade: int = 0
    withdrawn: int = 0
    answered_at: int | None = None


class SentCriteria(NamedTuple):
    """Which messages are meant: those that fit all that is given.

    Attributes:
        destination: its name; empty for any.
        fate: None for any.
        control_id: MSH-10; empty for any.
        resource: ``Encounter/1``; empty for any.
        patient: logical id of a patient it tells of; empty for any.
        since: made at or after this, milliseconds since 1970; 0 for any.
        until: made before this, milliseconds since 1970; 0 for any.
    """

    destination: str = ""
    fate: Fate | None = None
    control_id: str = ""
    resource: str = ""
    patient: str = ""
    since: int = 0
    until: int = 0


class Dispatched(Protocol):
    """The queues of all tenants, as people look at them."""

    def queue(self, tenant: int, destination: str) -> Queue:
        """Return the queue of a destination."""
        ...

    async def standings(self, tenant: int) -> list[Standing]:
        """Return how each destination stands that was ever followed or sent to, by name.

        Raises:
            UnavailableQueueError: the queues do not answer.
        """
        ...

    async def listed(self, tenant: int, criteria: SentCriteria, before: int | None, count: int) -> Sequence[Queued]:
        """Return messages that fit, the newest first, with numbers below *before*; without what they say.

        Raises:
            UnavailableQueueError: the queues do not answer.
        """
        ...

    async def read(self, tenant: int, number: int) -> Queued | None:
        """Return a message, or None.

        Raises:
            UnavailableQueueError: the queues do not answer.
        """
        ...
