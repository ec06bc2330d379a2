"""The stores that have to keep the contract of ``fhir_api.store.port``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import PoolOptions

from fhir_api.store.memory.store import MemoryStores
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.opening import open_stores
from tests.support.stores import DEFINITIONS, EXTRACTOR

_tenants = count(1_000_000)


@pytest.fixture(scope="session")
def migrated(postgres: ConnectionInfo) -> ConnectionInfo:
    """The private PostgreSQL with the server's tables."""
    migrations.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[TenantStore]:
    """An empty store: a tenant of its own for each test."""
    if request.param == "memory":
        yield MemoryStores().for_tenant("default")
        return
    connection: ConnectionInfo = request.getfixturevalue("migrated")
    stores = await open_stores(PoolOptions(dsn=connection.app_dsn), DEFINITIONS, EXTRACTOR)
    yield stores.for_tenant(next(_tenants))
    await stores.close()
