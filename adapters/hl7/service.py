"""The HL7 v2 process: a listener, for each tenant a worker that makes what was stored FHIR, and what is sent.

It holds the FHIR server itself: messages go through its front door, in process, as requests with a token of their own.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from stanforis.audit import TenantTrail
from stanforis.settings import Settings
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts

from adapters.hl7.applying.answering import Answering
from adapters.hl7.applying.application import Application
from adapters.hl7.applying.plans import AnsweredPlans
from adapters.hl7.applying.server import InProcess, Receive, Scope, Send
from adapters.hl7.applying.worker import Worker, milliseconds
from adapters.hl7.delayed import Delayed, QueueOf
from adapters.hl7.following import Following
from adapters.hl7.mapping.plans import Plans
from adapters.hl7.mllp.listener import Limits, Listener
from adapters.hl7.mllp.tls import server_context
from adapters.hl7.operation.figures import Figures
from adapters.hl7.operation.noting import keep_nothing
from adapters.hl7.operation.reloading import Reloading
from adapters.hl7.operation.watching import Watch
from adapters.hl7.outbound.destinations import Destination, destinations
from adapters.hl7.outward import Admission, Outward, base_of
from adapters.hl7.receiving import Receiver
from adapters.hl7.removing import Note, Removing
from adapters.hl7.senders import Sender, Senders
from adapters.hl7.sites import senders
from adapters.hl7.store.port import MessageStores, Settlement, StoredMessage
from adapters.hl7.store.postgres.outbound import PostgresQueues
from adapters.hl7.store.postgres.store import open_message_stores
from mappings.sites import SITES

_CONNECTIONS = 4
"""Database connections for messages; the FHIR server has its own."""

Authorization = Callable[[int], str]
"""Gives the header ``Authorization`` of requests for a tenant."""


class Hosted(Protocol):
    """The FHIR server as an application of this process."""

    async def start(self) -> None:
        """Open what it needs."""
        ...

    async def stop(self) -> None:
        """Close what it opened."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...

    def trail_of(self, tenant: int) -> TenantTrail:
        """Return the audit trail of a tenant."""
        ...


@dataclass(frozen=True, slots=True)
class Tenant:
    """What goes on for one tenant."""

    worker: Worker
    answering: Answering
    delayed: Delayed
    following: Following
    removing: Removing


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long messages are kept.

    Attributes:
        days: of senders without days of their own; 0 keeps all.
        note_of: gives what is told of messages that were removed, by tenant.
    """

    days: int
    note_of: Callable[[int], Note]


class Service:
    """Receives and applies the messages of all senders."""

    def __init__(
        self, application: Hosted, stores: MessageStores, known: Iterable[Sender], plans: AnsweredPlans,
        queue_of: QueueOf, keeping: Keeping, authorization: Authorization | None = None, figures: Figures | None = None,
    ) -> None:  # fmt: skip
        """Prepare.

        Args:
            application: the FHIR server, started.
            stores: where messages are kept.
            known: the senders.
            plans: what their messages become.
            queue_of: where answers wait that senders get later.
            keeping: how long messages are kept.
            authorization: for requests to the FHIR server; None where it lets everybody in.
            figures: count what happens.
        """
        self._application = application
        self._stores = stores
        self._plans = plans
        self._queue_of = queue_of
        self._keeping = keeping
        self._authorization = authorization
        self.figures = figures or Figures()
        self._watch = Watch(stores, self.figures, milliseconds)
        self._served = list(known)
        self._watch.know(self._served)
        self._tenants = {number: self._tenant(number) for number in {sender.tenant for sender in self._served}}
        self.receiver = Receiver(
            stores,
            Senders(self._served),
            stored=lambda tenant: self._tenants[tenant].worker.wake(),
            heard=lambda sender, is_stored: self._watch.heard(sender, is_stored=is_stored),
            follow=lambda tenant, number: self._tenants[tenant].following.answer(number),
        )
        self._tasks: list[asyncio.Task[None]] = []

    def server(self, number: int) -> InProcess:
        """Return the FHIR server as a client of a tenant sees it."""
        header = self._authorization
        return InProcess(self._application, base_of(number), None if header is None else lambda: header(number))

    def _tenant(self, number: int) -> Tenant:
        server = self.server(number)
        store = self._stores.for_tenant(number)
        delayed = Delayed(number, self._served, self._queue_of, milliseconds)
        apply = Application(server, self._plans.of, milliseconds, delayed.tell).apply

        async def counted(stored: StoredMessage) -> Settlement:
            settlement = await apply(stored)
            self.figures.worked_on(number, stored.sender, settlement.state)
            return settlement

        worker = Worker(store, counted)
        note = self._keeping.note_of(number)
        removing = Removing(number, self._served, store, self._keeping.days, milliseconds, note)
        following = Following(store, delayed.answer)
        return Tenant(worker, Answering(server, self._plans, store, worker), delayed, following, removing)

    async def start(self) -> None:
        """Begin to work; what people said before is known from the first message on."""
        for tenant in self._tenants.values():
            await self._begin(tenant)
        self._tasks.append(asyncio.create_task(self._watch.run()))

    async def _begin(self, tenant: Tenant) -> None:
        await tenant.answering.look()
        for work in (tenant.worker, tenant.answering, tenant.following, tenant.removing):
            self._tasks.append(asyncio.create_task(work.run()))

    async def know(self, known: Iterable[Sender]) -> None:
        """Serve *known* from now on; what others sent before is still worked on."""
        self._served = list(known)
        for number in {sender.tenant for sender in self._served} - set(self._tenants):
            self._tenants[number] = self._tenant(number)
            await self._begin(self._tenants[number])
        for tenant in self._tenants.values():
            tenant.delayed.know(self._served)
            tenant.removing.know(self._served)
        self._watch.know(self._served)
        self.receiver.know(Senders(self._served))

    async def stop(self) -> None:
        """Finish the messages in hand and end."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task


async def serve(
    application: Hosted,
    settings: Settings,
    listening: socket.socket,
    *,
    authorization: Authorization | None,
    admission: Admission | None = None,
    sends: bool,
    on_ready: Callable[[], None],
    until: asyncio.Event,
) -> None:
    """Receive and apply messages until *until* is set; several processes may do so side by side.

    Args:
        application: the FHIR server, not started yet.
        settings: of the installation.
        listening: takes connections.
        authorization: see :class:`Service`.
        admission: for requests of destinations; None where the FHIR server lets everybody in.
        sends: send messages, too; one process does.
        on_ready: called once messages are taken.
        until: ends it.

    Raises:
        MappingError: a file of a site cannot be used.
    """
    folder = Path(settings.hl7_sites) if settings.hl7_sites else SITES
    known, plans, sent_to = senders(folder), Plans(folder), destinations(folder)
    await application.start()
    stores, queues = await _opened(settings)
    keeping = Keeping(settings.hl7_keep_days, partial(_note_of, application, settings))
    service = Service(application, stores, known, AnsweredPlans(plans.of), queues.queue, keeping, authorization)

    outward = Outward(application, queues, service.figures, admission)

    async def know(known: Sequence[Sender], wanted: Sequence[Destination]) -> None:
        await service.know(known)
        if sends:
            outward.know(wanted)

    reloading = asyncio.create_task(Reloading(folder, plans, know, service.figures, sent_to).run())
    listener = Listener(service.receiver.receive, Limits(), commit_bytes=False)
    try:
        await service.start()
        if sends:
            outward.know(sent_to)
        await listener.start_on(listening, _tls(settings))
        on_ready()
        await until.wait()
    finally:
        until.set()
        await listener.stop()
        reloading.cancel()
        await service.stop()
        await outward.stop()
        await queues.close()
        await stores.close()
        await application.stop()


def _note_of(application: Hosted, settings: Settings, tenant: int) -> Note:
    """Return what puts records on the trail of a tenant."""
    return keep_nothing if settings.audit == "off" else application.trail_of(tenant).keep


async def _opened(settings: Settings) -> tuple[MessageStores, PostgresQueues]:
    """Return what keeps messages that come, and those that are sent."""
    contexts = await open_contexts(settings.database_url, shared_sessions=settings.database_sessions_shared)
    options = PoolOptions(
        dsn=settings.database_app_url or settings.database_url,
        size=_CONNECTIONS,
        acquire_seconds=settings.database_wait,
        shared_sessions=settings.database_sessions_shared,
    )
    return await open_message_stores(options, contexts), PostgresQueues(options, contexts)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.hl7_certificate:
        return None
    authorities = Path(settings.hl7_client_authorities) if settings.hl7_client_authorities else None
    return server_context(Path(settings.hl7_certificate), Path(settings.hl7_key), authorities)
