"""What the planner expects of searches in a large store: what costs little must not be refused for an estimate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.store.explaining import Explaining
from fhir_api.store.postgres.guard import COSTLY
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import query, write
from tests.support.tenants import new_tenant

_AS_MANY = (
    "SELECT pg_restore_relation_stats('schemaname', 'fhir', 'relname', 'resource', 'reltuples', 5000000::real, "
    "'relpages', (pg_relation_size('fhir.resource') / 8192)::integer)"
)
_ALIKE = (
    "SELECT pg_restore_attribute_stats('schemaname', 'fhir', 'relname', 'resource', 'attname', $1::text, "
    "'inherited', false, 'null_frac', 0::real, 'avg_width', 8, 'n_distinct', $2::real)"
)
"""Have the planner take the table for one of five million rows, of few types and fewer sets of parameters."""


@pytest.fixture
async def owner(migrated: ConnectionInfo) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(migrated.owner_dsn)
    yield connection
    await connection.execute("ANALYZE fhir.resource")
    await connection.close()


def observation(number: int) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "x"}}


@pytest.mark.parametrize("missing", ["true", "false"])
async def test_missing_is_expected_to_cost_little(
    stores: PostgresStores, owner: asyncpg.Connection[asyncpg.Record], missing: str
) -> None:
    if owner.get_server_version() < (18,):
        pytest.skip("PostgreSQL 18 or newer takes statistics")
    store = stores.for_tenant(new_tenant())
    await store.write([write(observation(number)) for number in range(20)])
    await owner.execute("ANALYZE fhir.resource")
    await owner.execute(_AS_MANY)
    for column, different in (("type_id", 4.0), ("present", 30.0), ("tenant_id", 1.0)):
        await owner.execute(_ALIKE, column, different)
    assert isinstance(store, Explaining)
    plans = [each.plan for each in await store.explain(query(f"Observation?code:missing={missing}"))]
    assert [cost for plan in plans if (cost := plan[0]["Plan"]["Total Cost"]) >= COSTLY] == []
