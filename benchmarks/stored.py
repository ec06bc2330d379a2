"""What an earlier run has stored: how much of it there is, and values that can be searched for."""

from __future__ import annotations

import asyncpg
import orjson
from stanforis.storage.connection import Connection

from benchmarks.searches import Values
from fhir_api.store.postgres.bodies import unpack
from fhir_api.store.postgres.session import fenced
from fhir_api.store.postgres.types import type_numbers

TENANT = 1
_SOME = fenced(
    "x.fhir_id, x.body",
    "SELECT r.fhir_id, r.body FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.type_id = $2 LIMIT 20000",
)
_COUNT = fenced("x.n", "SELECT count(*) AS n FROM fhir.resource r WHERE r.tenant_id = c.tenant")


async def _context(owner: Connection) -> str:
    return str(await owner.fetchval("SELECT tenancy.sign($1, 'benchmark', 600)", TENANT))


async def count(dsn: str) -> int:
    """Return how many resources the tenant has; *dsn* is the owner's, as the owner alone may sign."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval(_COUNT, await _context(connection)))
    finally:
        await connection.close()


async def note(dsn: str, values: Values) -> None:
    """Note what can be searched for, from some resources of each type in question."""
    connection = await asyncpg.connect(dsn)
    try:
        context = await _context(connection)
        for name in ("Patient", "Encounter", "Observation", "Condition"):
            for row in await connection.fetch(_SOME, context, type_numbers()[name]):
                values.note(name, row["fhir_id"], orjson.loads(unpack(row["body"])))
    finally:
        await connection.close()


async def ready(dsn: str) -> dict[str, int]:
    """Bring statistics and visibility map up to date, as the owner; return the size of tables with indexes, in MiB."""
    owner = await asyncpg.connect(dsn)
    try:
        tables = await owner.fetch("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'fhir' ORDER BY 1")
        for (name,) in tables:
            await owner.execute(f'VACUUM ANALYZE fhir."{name}"')
        sizes = await owner.fetch(
            "SELECT relname, pg_total_relation_size(relid) / 1048576 AS mib FROM pg_stat_user_tables "
            "WHERE schemaname = 'fhir' ORDER BY 2 DESC"
        )
    finally:
        await owner.close()
    return {row["relname"]: row["mib"] for row in sizes if row["mib"]}
