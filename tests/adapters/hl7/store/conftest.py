"""Message stores to test, in memory and in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts

from adapters.hl7.store.memory import MemoryMessageStores
from adapters.hl7.store.port import MessageStore, MessageStores
from adapters.hl7.store.postgres import migrations
from adapters.hl7.store.postgres.store import open_message_stores
from tests.support.tenants import new_tenant


@pytest.fixture(scope="session")
def hl7_database(postgres: ConnectionInfo) -> ConnectionInfo:
    """The private PostgreSQL with the schema ``hl7``."""
    migrations.upgrade(postgres.owner_dsn)
    migrations.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[MessageStores]:
    """The stores of both kinds."""
    if request.param == "memory":
        yield MemoryMessageStores()
        return
    connection: ConnectionInfo = request.getfixturevalue("hl7_database")
    opened = await open_message_stores(PoolOptions(dsn=connection.app_dsn), await open_contexts(connection.owner_dsn))
    yield opened
    await opened.close()


@pytest.fixture
def store(stores: MessageStores) -> MessageStore:
    """An empty store: a tenant of its own for each test."""
    return stores.for_tenant(new_tenant())
