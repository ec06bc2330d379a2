"""The outbound part of the HL7 process: for each destination one who follows the changes and one who sends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from adapters.hl7.applying.server import FhirServer
from adapters.hl7.applying.worker import milliseconds
from adapters.hl7.outbound.delivering import Delivery
from adapters.hl7.outbound.destinations import Destination
from adapters.hl7.outbound.following import Following, Log
from adapters.hl7.outbound.queue import Queue
from adapters.hl7.outbound.related import FromServer

_LOG = logging.getLogger(__name__)


class Queues(Protocol):
    """The queues and change logs of all tenants."""

    def queue(self, tenant: int, destination: str) -> Queue:
        """Return the queue of a destination."""
        ...

    def log(self, tenant: int) -> Log:
        """Return the change log of a tenant."""
        ...


async def run(
    destinations: Sequence[Destination],
    queues: Queues,
    server_of: Callable[[Destination], FhirServer],
    until: asyncio.Event,
    now: Callable[[], int] = milliseconds,
) -> None:
    """Make and send messages until *until* is set; what is on its way then is waited for.

    Args:
        destinations: who gets messages.
        queues: what changes, and what is to be sent.
        server_of: gives the FHIR server as a destination sees it.
        until: ends it.
        now: tells milliseconds since 1970.
    """
    async with asyncio.TaskGroup() as group:
        for each in destinations:
            queue = queues.queue(each.file.tenant, each.name)
            delivery = Delivery(each, queue, now)
            log, library = queues.log(each.file.tenant), FromServer(server_of(each))
            following = Following(each, log, queue, library, now, delivery.wake)
            if each.plans:
                group.create_task(following.run(until))
            group.create_task(delivery.run(until))
            _LOG.info("messages go to %s: %s", each.name, ", ".join(plan.name for plan in each.plans))
