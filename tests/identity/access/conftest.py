"""The stores that have to keep the contract of ``identity.access.store.port``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.contexts import open_contexts

from identity.access.store import migrations
from identity.access.store.memory import MemoryAccessStores
from identity.access.store.port import AccessStore
from identity.access.store.postgres import PostgresAccessStores
from tests.support.access import Access
from tests.support.tenants import new_tenant

NewAccessStore = Callable[[], AccessStore]


@pytest.fixture(scope="session")
def access_migrated(postgres: ConnectionInfo) -> ConnectionInfo:
    """The private PostgreSQL with the tables of the authorization server."""
    migrations.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture(params=["memory", "postgres"])
async def new_access_store(request: pytest.FixtureRequest) -> AsyncIterator[NewAccessStore]:
    """Gives empty stores: a tenant of its own each time."""
    if request.param == "memory":
        stores = MemoryAccessStores()
        yield lambda: stores.for_tenant(new_tenant())
        return
    connection: ConnectionInfo = request.getfixturevalue("access_migrated")
    pool = Pool(PoolOptions(dsn=connection.app_dsn))
    contexts = await open_contexts(connection.owner_dsn)
    yield lambda: PostgresAccessStores(pool, contexts).for_tenant(new_tenant())
    await pool.close()


@pytest.fixture
def access_store(new_access_store: NewAccessStore) -> AccessStore:
    """An empty store of a tenant of its own."""
    return new_access_store()


@pytest.fixture
async def access() -> Access:
    """An authorization server with one app, one system and one nurse."""
    return await Access().set_up()
