"""The real application on each store, spoken to over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from fhir_api.app import Application, create_app
from fhir_api.store.postgres import migrations
from tests.support.applications import BASE, SETTINGS, open_memory, open_of_one_test

JSON = {"content-type": "application/fhir+json"}
Store = Callable[..., Awaitable[str]]


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
    return create_app(settings, open_stores=open_of_one_test)


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
