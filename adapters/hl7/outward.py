"""What the HL7 v2 process sends: destinations as the files name them, as clients of the FHIR server, and the watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from stanforis.audit import TenantTrail

from adapters.hl7.applying.server import InProcess, Receive, Scope, Send
from adapters.hl7.applying.worker import milliseconds
from adapters.hl7.operation.destination_watch import DestinationWatch
from adapters.hl7.operation.figures import Figures
from adapters.hl7.outbound.destinations import Destination
from adapters.hl7.outbound.service import Sending
from adapters.hl7.store.postgres.outbound import PostgresQueues

DEFAULT_TENANT = 1
_STOP_SECONDS = 10
"""How long a stop waits for the answers to messages that were sent."""

Admission = Callable[[Destination], str]
"""Gives the header ``Authorization`` of requests of a destination."""


class Audited(Protocol):
    """The FHIR server as an application of this process, with the trails of its tenants."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...

    def trail_of(self, tenant: int) -> TenantTrail:
        """Return the audit trail of a tenant."""
        ...


class Outward:
    """Sends to destinations, and watches them."""

    def __init__(
        self, application: Audited, queues: PostgresQueues, figures: Figures, admission: Admission | None
    ) -> None:
        """Send to nobody yet.

        Args:
            application: the FHIR server, started.
            queues: what is to be sent.
            figures: show how destinations stand.
            admission: lets destinations in; None where the FHIR server lets everybody in.
        """
        self._application = application
        self._admission = admission
        self._sending = Sending(queues, self._shown_to, lambda tenant: application.trail_of(tenant).store)
        self._watch = DestinationWatch(queues, figures, milliseconds)
        self._watching: asyncio.Task[None] | None = None

    def know(self, destinations: Sequence[Destination]) -> None:
        """Send to *destinations* from now on, and to no others."""
        self._sending.know(destinations)
        self._watch.know(destinations)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch.run())

    async def stop(self) -> None:
        """Wait for messages that are on their way, and for no more than that."""
        ending = asyncio.create_task(self._sending.stop())
        await asyncio.wait({ending}, timeout=_STOP_SECONDS)
        for task in (ending, self._watching):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _shown_to(self, destination: Destination) -> InProcess:
        header = None if self._admission is None else partial(self._admission, destination)
        file = destination.file
        return InProcess(self._application, base_of(file.tenant), header, file.purpose)


def base_of(tenant: int) -> str:
    """Return the path of a tenant's FHIR base."""
    return "/fhir" if tenant == DEFAULT_TENANT else f"/t/{tenant}/fhir"
