"""A trail on each store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from stanforis.audit.batches import audit_key
from stanforis.audit.memory import MemoryAuditStore
from stanforis.audit.migrations import CHAIN
from stanforis.audit.port import AuditStore
from stanforis.audit.postgres import PostgresAuditStore
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.contexts import open_contexts

from fhir_api.store.postgres import migrations
from tests.support.tenants import new_tenant

KEY = audit_key(b"a secret of an installation")


@pytest.fixture(scope="session")
def migrated(postgres: ConnectionInfo) -> ConnectionInfo:
    """A database that has the trail's schema."""
    migrations.upgrade(postgres.owner_dsn)
    CHAIN.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[AuditStore]:
    """Keeps the trails."""
    if request.param == "memory":
        yield MemoryAuditStore()
        return
    connection = request.getfixturevalue("migrated")
    pool = Pool(PoolOptions(connection.app_dsn, size=4, role="stanforis_app"))
    found = PostgresAuditStore(pool, await open_contexts(connection.owner_dsn))
    await found.prepare()
    yield found
    await pool.close()


@pytest.fixture
def tenant() -> int:
    """A tenant of its own for each test."""
    return new_tenant()
