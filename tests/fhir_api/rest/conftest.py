"""The real application on a memory store, spoken to over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fhir_api.app import Application, create_app
from fhir_api.definitions import CompiledDefinitions
from fhir_api.store.memory.store import MemoryStores
from fhir_api.store.port import TenantStore
from stanforis.settings import Settings

JSON = {"content-type": "application/fhir+json"}
SETTINGS = Settings(base_url="http://127.0.0.1:8080/fhir", log_requests=False)
Store = Callable[..., Awaitable[str]]


class Stores:
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


async def open_memory(_settings: Settings, _definitions: CompiledDefinitions) -> Stores:
    return Stores()


@pytest.fixture(scope="session")
def prepared_app() -> Application:
    """Made once: compiling the definitions is most of the work."""
    return create_app(SETTINGS, open_stores=open_memory)


@pytest.fixture
async def app(prepared_app: Application) -> AsyncIterator[Application]:
    """The application with a store of its own."""
    await prepared_app.start()
    yield prepared_app
    await prepared_app.stop()


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the FHIR base; paths are relative to it."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/fhir") as speaking:
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
