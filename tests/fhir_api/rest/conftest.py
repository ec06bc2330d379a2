"""The real application on each store, spoken to over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest
from stanforis.settings import Settings

from fhir_api.app import Application, create_app
from fhir_api.definitions import CompiledDefinitions
from fhir_api.opening import Stores, open_postgres
from fhir_api.store.memory.store import MemoryStores
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres import migrations

JSON = {"content-type": "application/fhir+json"}
BASE = "http://127.0.0.1:8080/fhir"
SETTINGS = Settings(base_url=BASE, log_requests=False)
Store = Callable[..., Awaitable[str]]
_tenants = count(1000)


class OnMemory:
    """Memory stores as the application opens them."""

    cursor_key = b"a key of 32 bytes for tests only"

    def __init__(self) -> None:
        self._stores = MemoryStores()

    def for_tenant(self, tenant_id: int) -> TenantStore:
        return self._stores.for_tenant(str(tenant_id))

    async def ready(self) -> None:
        return

    async def close(self) -> None:
        return


class OfOneTest:
    """PostgreSQL stores of which each test sees a tenant of its own."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._first = next(_tenants)
        self.cursor_key = stores.cursor_key
        self.ready = stores.ready
        self.close = stores.close

    def for_tenant(self, tenant_id: int) -> TenantStore:
        return self._stores.for_tenant(self._first + tenant_id)


async def open_memory(_settings: Settings, _definitions: CompiledDefinitions) -> Stores:
    return OnMemory()


async def _open_of_one_test(settings: Settings, definitions: CompiledDefinitions) -> Stores:
    return OfOneTest(await open_postgres(settings, definitions))


@pytest.fixture(scope="session")
def app_on_memory() -> Application:
    """Made once: compiling the definitions is most of the work."""
    return create_app(SETTINGS, open_stores=open_memory)


@pytest.fixture(scope="session")
def app_on_postgres(request: pytest.FixtureRequest) -> Application:
    """Made once, on a database that is migrated."""
    connection = request.getfixturevalue("postgres")
    migrations.upgrade(connection.owner_dsn)
    settings = replace(SETTINGS, database_url=connection.owner_dsn, database_app_url=connection.app_dsn)
    return create_app(settings, open_stores=_open_of_one_test)


@pytest.fixture(params=["memory", "postgres"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[Application]:
    """The application with a store of its own."""
    prepared: Application = request.getfixturevalue(f"app_on_{request.param}")
    await prepared.start()
    yield prepared
    await prepared.stop()


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the FHIR base; paths are relative to it."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) as speaking:
        yield speaking


@pytest.fixture
def store(client: httpx.AsyncClient) -> Store:
    """Store a resource by PUT and return ``Type/id``."""

    async def put(resource_type: str, logical_id: str, **elements: Any) -> str:
        resource = {"resourceType": resource_type, "id": logical_id, **elements}
        response = await client.put(f"/{resource_type}/{logical_id}", json=resource, headers=JSON)
        assert response.status_code in (200, 201), response.text
        return f"{resource_type}/{logical_id}"

    return put
