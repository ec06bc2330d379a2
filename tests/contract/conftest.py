"""The stores that have to keep the contract of ``fhir_api.store.port``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.store.memory.store import MemoryStores
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres import migrations
from tests.support.databases import stores_on
from tests.support.tenants import new_tenant

NewStore = Callable[[], TenantStore]


@pytest.fixture(scope="session")
def migrated(postgres: ConnectionInfo) -> ConnectionInfo:
    """The private PostgreSQL with the server's tables."""
    migrations.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture(params=["memory", "postgres"])
async def new_store(request: pytest.FixtureRequest) -> AsyncIterator[NewStore]:
    """Gives empty stores: a tenant of its own each time."""
    if request.param == "memory":
        yield lambda: MemoryStores().for_tenant("default")
        return
    connection: ConnectionInfo = request.getfixturevalue("migrated")
    stores = await stores_on(connection)
    yield lambda: stores.for_tenant(new_tenant())
    await stores.close()


@pytest.fixture
def store(new_store: NewStore) -> TenantStore:
    """An empty store: a tenant of its own for each test."""
    return new_store()
