"""A hospital whose messages are looked after: the FHIR server in memory, its messages, and who may come in."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.hl7.applying.application import Application as Applying
from adapters.hl7.applying.plans import AnsweredPlans
from adapters.hl7.applying.server import InProcess
from adapters.hl7.applying.worker import Worker
from adapters.hl7.mapping.plan import Plan
from adapters.hl7.mapping.plans import plan_of
from adapters.hl7.mllp.listener import Peer
from adapters.hl7.operation.mount import Operation
from adapters.hl7.outbound.looking import SentCriteria, Standing
from adapters.hl7.outbound.queue import Queue, Queued, UnavailableQueueError
from adapters.hl7.receiving import Receiver
from adapters.hl7.senders import Sender, Senders
from adapters.hl7.store.memory import MemoryMessageStores
from fhir_api.app import Application, create_app
from identity.access.hosting.authority import Authority
from identity.access.hosting.owner import owner_key, owner_token
from identity.access.store.memory import MemoryAccessStores
from identity.access.tokens.claims import AccessToken, DigitalIdentity
from identity.access.tokens.signing import signed_access_token
from tests.support.applications import BASE, SETTINGS, open_memory
from tests.support.hl7 import ADT

ROOT = "http://127.0.0.1:8080"
SITE = """name: north
zone: Africa/Kigali
senders:
  - name: REG
    application: REG
    expected_seconds: 3600
  - name: QUIET
    application: QUIET
    expected_seconds: 60
"""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder, with the keys and a folder of sites."""
    folder = tmp_path_factory.mktemp("hl7-operation")
    (folder / "sites" / "north").mkdir(parents=True)
    (folder / "sites" / "north" / "site.yaml").write_text(SITE)
    return folder


@pytest.fixture(scope="session")
def guarded(data: Path) -> Application:
    settings = replace(SETTINGS, data=data, hl7_sites=str(data / "sites"))
    return create_app(settings, open_stores=open_memory, access=Authority(settings, stores=MemoryAccessStores()))


@pytest.fixture(scope="session")
def rows(data: Path) -> Plan:
    """The rows of the sender."""
    return plan_of("north/REG", data / "sites")


class NoQueues:
    """Nothing is sent anywhere."""

    def queue(self, tenant: int, destination: str) -> Queue:
        raise UnavailableQueueError(f"{tenant} {destination}")

    async def standings(self, _tenant: int) -> list[Standing]:
        return []

    async def listed(self, _tenant: int, _criteria: SentCriteria, _before: int | None, _count: int) -> list[Queued]:
        return []

    async def read(self, _tenant: int, _number: int) -> Queued | None:
        return None


class Hospital:
    """Messages, what looks after them, and the worker that applies them."""

    def __init__(self, app: Application, data: Path, rows: Plan) -> None:
        self.app, self._data = app, data
        self.stores = MemoryMessageStores()
        self.store = self.stores.for_tenant(1)
        settings = replace(SETTINGS, data=data, hl7_sites=str(data / "sites"), secret="s" * 32)
        self.operation = Operation(
            app, settings, app._access, lambda _: self.owner()["authorization"], self.stores, NoQueues()
        )
        app.put_beside(self.operation)
        self.server = InProcess(app, "/fhir", lambda: self.owner()["authorization"])
        self.plans = AnsweredPlans(lambda _: rows)
        self.worker = Worker(self.store, Applying(self.server, self.plans.of, lambda: 1).apply, lambda: 1 << 50)
        self.receiver = Receiver(self.stores, Senders([Sender("north/REG")]))

    def owner(self) -> dict[str, str]:
        return {"authorization": f"Bearer {owner_token(owner_key(self._data), BASE)}"}

    def token(self, *roles: str, scope: str = "hl7.read hl7.write", tenant: int = 1) -> dict[str, str]:
        now, root = int(time.time()), ROOT if tenant == 1 else f"{ROOT}/t/{tenant}"
        identity = DigitalIdentity(subject_type="practitioner", subject="hashed", tenant=tenant, roles=roles)
        claims = AccessToken(
            issuer=f"{root}/auth",
            subject="u1",
            audience=f"{root}/fhir",
            issued_at=now,
            expires_at=now + 300,
            token_id=f"t{now}",
            client_id="app",
            scope=scope,
            identity=identity,
        )
        return {"authorization": f"Bearer {signed_access_token(claims, owner_key(self._data))}"}

    async def receives(self, control_id: str = "M1", raw: bytes = ADT) -> int:
        """Take a message in and return its number."""
        await self.receiver.receive(raw.replace(b"|M1|", b"|%s|" % control_id.encode()), Peer("127.0.0.1", 0))
        return max(self.store._messages)

    def http(self, headers: dict[str, str] | None = None, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ROOT, headers=headers, **options)

    def api(self, *roles: str, **token: Any) -> httpx.AsyncClient:
        """Return a client of the interface with a token of somebody in these roles."""
        http = self.http(self.token(*roles, **token))
        http.base_url = httpx.URL(f"{ROOT}/hl7/api")
        return http


@pytest.fixture
async def hospital(guarded: Application, data: Path, rows: Plan) -> AsyncIterator[Hospital]:
    await guarded.start()
    yield Hospital(guarded, data, rows)
    await guarded.stop()
