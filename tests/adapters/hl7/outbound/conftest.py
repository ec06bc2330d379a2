"""A FHIR server on PostgreSQL, a destination that answers as it is told, and rows to send by."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from stanforis.audit import Record
from stanforis.audit.port import AuditStoreError
from stanforis.settings import Settings
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts

from adapters.hl7.acknowledgement import acknowledge
from adapters.hl7.applying.server import InProcess
from adapters.hl7.encoding import Message
from adapters.hl7.mllp import Listener, Oversized, Peer, Reply, listen
from adapters.hl7.outbound.destinations import Destination, destinations
from adapters.hl7.outbound.following import Following
from adapters.hl7.outbound.making import Making
from adapters.hl7.outbound.queue import Fate
from adapters.hl7.outbound.related import FromServer
from adapters.hl7.outbound.service import Sending
from adapters.hl7.store.postgres import migrations as hl7_migrations
from adapters.hl7.store.postgres.outbound import PostgresQueue, PostgresQueues
from fhir_api.app import Application, create_app
from fhir_api.definitions import CompiledDefinitions
from fhir_api.opening import Stores
from fhir_api.store.postgres import migrations
from tests.support.applications import SETTINGS, OfOneTest, open_of_one_test

Json = dict[str, Any]


@dataclass
class Receiver:
    """A system that messages are sent to.

    Attributes:
        code: gives MSA-1 of the answer to a message.
        changed: what becomes of an answer on its way.
        received: messages that came, in their order.
        port: where it listens.
    """

    code: Callable[[Message], str] = lambda _message: "AA"
    changed: Callable[[bytes], bytes] = lambda answer: answer
    received: list[Message] = field(default_factory=list)
    port: int = 0
    _listener: Listener | None = None
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, raw: bytes | Oversized, _peer: Peer) -> Reply:
        assert isinstance(raw, bytes)
        message = Message.parse(raw)
        async with self._came:
            self.received.append(message)
            self._came.notify_all()
        return Reply((self.changed(acknowledge(message, self.code(message)).raw),), is_stored=True)

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._listener = await listen(self.answer, port=self.port, tls=tls)
        self.port = self._listener.port

    async def stop(self) -> None:
        if self._listener is not None:
            await self._listener.stop()
            self._listener = None

    async def until(self, count: int) -> None:
        """Wait until so many messages came."""
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: len(self.received) >= count)

    def seen(self, place: str) -> list[str]:
        return [message[place] for message in self.received]


class Hospital:
    """A FHIR server, and what it sends.

    Attributes:
        server: the FHIR server.
        receiver: who gets messages.
        tenant: whose changes are sent.
        clock: milliseconds since 1970.
        running: what makes and sends messages.
        disclosed: records of what was sent.
        is_trail_down: whether the audit trail does not answer.
    """

    def __init__(
        self, server: InProcess, receiver: Receiver, queues: PostgresQueues, tenant: int, folder: Path
    ) -> None:
        self.server = server
        self.receiver = receiver
        self.tenant = tenant
        self.clock = 1_800_000_000_000
        self._queues = queues
        self._folder = folder
        self.running: list[Sending] = []
        self.disclosed: list[Record] = []
        self.is_trail_down = False

    def destination(self, name: str = "RIS", **settings: Any) -> Destination:
        """Return a destination of a site's file."""
        lines = {
            "name": name, "host": "127.0.0.1", "port": self.receiver.port, "tenant": self.tenant,
            "messages": ["ADT_A01", "ADT_A03", "ADT_A05", "ADT_A39"], "start": "beginning", "answer_seconds": 3600,
        } | settings  # fmt: skip
        site = self._folder / "north"
        site.mkdir(exist_ok=True)
        (site / "site.yaml").write_text(f"name: north\ndestinations:\n  - {exact(lines)}\n")
        return destinations(self._folder)[0]

    async def begin(self, *sent_to: Destination) -> None:
        sending = Sending(
            self._queues, lambda _destination: self.server, lambda _tenant: self._keep, lambda: self.clock
        )
        sending.know(sent_to)
        self.running.append(sending)

    async def _keep(self, record: Record) -> None:
        if self.is_trail_down:
            raise AuditStoreError
        self.disclosed.append(record)

    async def end(self) -> None:
        await asyncio.gather(*(sending.stop() for sending in self.running))
        self.running.clear()

    def queue(self, destination: Destination) -> PostgresQueue:
        return self._queues.queue(self.tenant, destination.name)

    async def put(self, resource: Json) -> None:
        answer = await self.server.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        assert answer.status in {200, 201}, answer

    def following(self, destination: Destination) -> Following:
        """Return who follows the changes for a destination."""
        library = FromServer(self.server)
        making = Making(destination, library, lambda: 0)
        return Following(destination, self._queues.log(self.tenant), self.queue(destination), library, making)

    async def until(self, destination: Destination, fate: Fate, count: int, step: int = 0) -> None:
        """Wait until the queue has so many messages of that fate; the clock goes on by *step* ms meanwhile."""
        async with asyncio.timeout(30):
            while (await self.queue(destination).counts())[fate] < count:
                self.clock += step
                await asyncio.sleep(0.02)


def exact(lines: Json) -> str:
    """Return settings as one line of YAML."""
    from fhir_api.model import exact_json  # noqa: PLC0415 - used here only

    return exact_json.written(lines).decode()


@pytest.fixture(scope="session")
def outbound_database(postgres: ConnectionInfo) -> ConnectionInfo:
    """The private PostgreSQL with the schemas ``fhir`` and ``hl7``."""
    migrations.upgrade(postgres.owner_dsn)
    hl7_migrations.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture
async def queues(outbound_database: ConnectionInfo) -> AsyncIterator[PostgresQueues]:
    """The queues of all tenants."""
    contexts = await open_contexts(outbound_database.owner_dsn)
    opened = PostgresQueues(PoolOptions(dsn=outbound_database.app_dsn, size=4), contexts)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def prepared(outbound_database: ConnectionInfo) -> tuple[Application, list[int]]:
    """The application, made once, and the tenants that its starts had."""
    first: list[int] = []

    async def open_and_tell(settings: Settings, definitions: CompiledDefinitions) -> Stores:
        stores = await open_of_one_test(settings, definitions)
        assert isinstance(stores, OfOneTest)
        first.append(stores.first)
        return stores

    settings = replace(SETTINGS, database_url=outbound_database.owner_dsn, database_app_url=outbound_database.app_dsn)
    return create_app(settings, open_stores=open_and_tell), first


@pytest.fixture
async def hospital(
    prepared: tuple[Application, list[int]], queues: PostgresQueues, tmp_path: Path
) -> AsyncIterator[Hospital]:
    """A hospital without data, and a receiver that listens."""
    application, first = prepared
    await application.start()
    receiver = Receiver()
    await receiver.start()
    # the application calls its tenant 1
    opened = Hospital(InProcess(application, "/fhir"), receiver, queues, first[-1] + 1, tmp_path)
    yield opened
    await opened.end()
    await receiver.stop()
    await application.stop()
