"""A database with the records of tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy import migrations
from stanforis.tenancy.contexts import Contexts, open_contexts
from stanforis.tenancy.registry import Registry

_numbers = count()


@pytest.fixture(scope="session")
def tenancy_database(postgres: ConnectionInfo) -> ConnectionInfo:
    """The private PostgreSQL with the schema ``tenancy``."""
    migrations.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture
async def contexts(tenancy_database: ConnectionInfo) -> Contexts:
    """What signs for that database."""
    return await open_contexts(tenancy_database.owner_dsn)


@pytest.fixture
async def pool(tenancy_database: ConnectionInfo) -> AsyncIterator[Pool]:
    """Connections as the server's role."""
    opened = Pool(PoolOptions(tenancy_database.app_dsn, size=2))
    yield opened
    await opened.close()


@pytest.fixture
def registry(pool: Pool, contexts: Contexts) -> Registry:
    """The records."""
    return Registry(pool, contexts)


@pytest.fixture
def slug() -> str:
    """A name that no other test uses."""
    return f"clinic-{next(_numbers)}"
