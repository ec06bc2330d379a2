"""Following the change log for one destination: each committed version is looked at once, in its order.

What is made of versions is queued in the same transaction that moves the position on. So nothing is skipped and nothing
is queued twice, whenever the process dies.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from adapters.hl7.outbound.change import ChangedVersion
from adapters.hl7.outbound.destinations import Destination
from adapters.hl7.outbound.making import Making
from adapters.hl7.outbound.queue import Outgoing, Queue, UnavailableQueueError
from adapters.hl7.outbound.related import Library, UnreadableError
from fhir_api.model.errors import FhirError
from fhir_api.store.postgres.changes import BEGINNING, Changed, Position

AT_ONCE = 100
"""Versions that are looked at before what they make is queued."""
POLL_SECONDS = 0.5
_LONGEST_WAIT = 60.0
_LOG = logging.getLogger(__name__)


class Log(Protocol):
    """A tenant's change log."""

    async def after(self, position: Position, resource_types: Sequence[str], limit: int) -> list[Changed]:
        """Return versions behind a position."""
        ...

    async def newest(self) -> Position:
        """Return a position behind everything there is."""
        ...


class Following:
    """Makes the messages for one destination."""

    def __init__(
        self,
        destination: Destination,
        log: Log,
        queue: Queue,
        library: Library,
        making: Making,
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            destination: who gets them.
            log: what changed.
            queue: where they wait to be sent.
            library: gives resources as the destination may see them.
            making: makes them.
            queued: called when there is something new in the queue.
        """
        self._destination = destination
        self._log = log
        self._queue = queue
        self._library = library
        self._making = making
        self._queued = queued
        self._seen = BEGINNING

    async def run(self, until: asyncio.Event) -> None:
        """Follow the log until *until* is set; what is being looked at then is finished."""
        failures = 0
        while not until.is_set():
            try:
                full = await self.step() == AT_ONCE
                failures = 0
            except (UnavailableQueueError, UnreadableError, FhirError) as error:
                failures += 1
                full = False
                _LOG.warning("%s: changes cannot be read: %s", self._destination.name, error)
            except Exception:  # noqa: BLE001 - one fault must not end the work
                failures += 1
                full = False
                _LOG.exception("%s: changes cannot be made into messages", self._destination.name)
            if not full:
                await paused(until, min(POLL_SECONDS * 2**failures, _LONGEST_WAIT))

    async def step(self) -> int:
        """Look at the next versions, queue what they make, and return how many versions that were.

        Raises:
            UnavailableQueueError, UnreadableError, FhirError: nothing was moved on that was not queued.
        """
        decided = await self._log.newest()
        start = await self._queue.position(decided if self._destination.file.start == "now" else BEGINNING)
        if start is None:
            return 0
        await self._remake()
        changes = await self._log.after(max(start, self._seen), self._destination.resource_types, AT_ONCE)
        messages: list[Outgoing] = []
        end, failure = start, None
        for changed in changes:
            try:
                messages += await self._making.messages(ChangedVersion.of(changed.version, self._library))
            except UnreadableError as error:
                failure = error
                break
            end = changed.position
        if end != start and await self._queue.enqueue(start, end, messages) and messages:
            self._queued()
        if failure is not None:
            raise failure
        if len(changes) < AT_ONCE:
            # changes of other types are not passed by again
            self._seen = max(end, decided)
        return len(changes)

    async def _remake(self) -> None:
        """Make again what people want to have made again; each for itself, whatever became of the others."""
        for dead in await self._queue.unmade(AT_ONCE):
            if await self._queue.made(dead.number, await self._making.again(dead)):
                self._queued()


async def paused(until: asyncio.Event, seconds: float) -> None:
    """Wait for *seconds*, or until *until* is set."""
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        pass
