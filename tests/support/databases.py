"""The PostgreSQL store of a private database, and sessions that speak for a tenant."""

from __future__ import annotations

from dataclasses import replace

import psycopg
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import Session, open_contexts

from fhir_api.store.limits import Limits
from fhir_api.store.postgres.opening import open_stores
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import DEFINITIONS, EXTRACTOR

PATIENCE = 60.0
"""Seconds for whatever is asked: on a loaded machine a test must not fail for want of time."""
LIMITS = Limits({each: replace(limit, seconds=PATIENCE) for each, limit in Limits().of.items()})


async def stores_on(database: ConnectionInfo, size: int = 8) -> PostgresStores:
    """Open the stores of a database that is migrated."""
    contexts = await open_contexts(database.owner_dsn)
    options = PoolOptions(database.app_dsn, size=size, acquire_seconds=PATIENCE)
    return await open_stores(options, DEFINITIONS, EXTRACTOR, LIMITS, contexts=contexts)


def speak_for(session: psycopg.Connection, tenant: int) -> None:
    """Put a tenant's context in force for a whole session of the owner."""
    session.execute("SELECT set_config('stanforis.tenant', tenancy.sign(%s, 'test', 600), false)", [tenant])


async def signed(database: ConnectionInfo, session: Session, tenant: int) -> str:
    """Return a tenant's context for a session of whatever role, as the server would sign it."""
    return (await open_contexts(database.owner_dsn)).of(session, tenant)
