"""The PostgreSQL store with a connection that can be spoiled."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.store import PostgresStores
from tests.support.databases import stores_on


@pytest.fixture(scope="session")
def migrated(postgres: ConnectionInfo) -> ConnectionInfo:
    """The private PostgreSQL with the server's tables."""
    migrations.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture
async def stores(migrated: ConnectionInfo) -> AsyncIterator[PostgresStores]:
    """Stores of all tenants over a single connection, so that what one leaves behind the next would find."""
    opened = await stores_on(migrated, 1)
    yield opened
    await opened.close()
