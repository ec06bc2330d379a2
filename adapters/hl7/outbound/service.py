"""The outbound part of the HL7 process: for each destination one who follows the changes and one who sends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from adapters.hl7.applying.server import FhirServer
from adapters.hl7.applying.worker import milliseconds
from adapters.hl7.outbound.delivering import Delivery, Keep
from adapters.hl7.outbound.destinations import Destination
from adapters.hl7.outbound.following import Following, Log
from adapters.hl7.outbound.making import Making
from adapters.hl7.outbound.queue import Queue
from adapters.hl7.outbound.related import FromServer
from adapters.hl7.outbound.withdrawing import Withdrawing

_LOG = logging.getLogger(__name__)


class Queues(Protocol):
    """The queues and change logs of all tenants."""

    def queue(self, tenant: int, destination: str) -> Queue:
        """Return the queue of a destination."""
        ...

    def log(self, tenant: int) -> Log:
        """Return the change log of a tenant."""
        ...


@dataclass(frozen=True, slots=True)
class _Running:
    until: asyncio.Event
    task: asyncio.Task[None]


class Sending:
    """Makes and sends the messages of all destinations."""

    def __init__(
        self,
        queues: Queues,
        server_of: Callable[[Destination], FhirServer],
        keep_of: Callable[[int], Keep],
        now: Callable[[], int] = milliseconds,
    ) -> None:
        """Send to nobody yet.

        Args:
            queues: what changes, and what is to be sent.
            server_of: gives the FHIR server as a destination sees it.
            keep_of: gives what puts disclosures of a tenant on record.
            now: tells milliseconds since 1970.
        """
        self._queues = queues
        self._server_of = server_of
        self._keep_of = keep_of
        self._now = now
        self._running: dict[str, _Running] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def know(self, destinations: Iterable[Destination]) -> None:
        """Send to *destinations* from now on, and to no others; what is on its way to each is waited for."""
        before, self._running = self._running, {}
        for running in before.values():
            running.until.set()
            self._ending.add(running.task)
            running.task.add_done_callback(self._ending.discard)
        for each in destinations:
            until, last = asyncio.Event(), before.get(each.name)
            task = asyncio.create_task(self._run(each, until, None if last is None else last.task))
            self._running[each.name] = _Running(until, task)

    async def stop(self) -> None:
        """Finish what is on its way and end."""
        self.know(())
        await asyncio.gather(*self._ending)

    async def _run(self, destination: Destination, until: asyncio.Event, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        tenant = destination.file.tenant
        queue = self._queues.queue(tenant, destination.name)
        library = FromServer(self._server_of(destination))
        making = Making(destination, library, self._now)
        look = Withdrawing(making, library).look
        delivery = Delivery(destination, queue, self._now, self._keep_of(tenant), look)
        following = Following(destination, self._queues.log(tenant), queue, library, making, delivery.wake)
        async with asyncio.TaskGroup() as group:
            if destination.plans:
                group.create_task(following.run(until))
            group.create_task(delivery.run(until))
            _LOG.info("messages go to %s: %s", destination.name, ", ".join(destination.file.messages))
