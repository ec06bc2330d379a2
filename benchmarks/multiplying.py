"""Making a filled store several times as large inside PostgreSQL, which takes a fraction of what storing takes.

Every copy of the stored resources has numbers, ids, identifiers and references of its own, and lies some weeks earlier;
its bodies are those of the originals. Indexes are made anew at the end, so they are as small as can be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import asyncpg
from rich.progress import Progress
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.search.definitions import SearchDefinitions
from fhir_api.store.postgres.types import PLACES

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

_WEEK = 7 * 86_400_000
_SPREAD = 0x1E3779B97F4A7C15
_NUMBERS = 1 << 30
"""Between the numbers of two copies; a type has room for about a thousand."""
_ORIGINAL = f"rid % {1 << PLACES} < {_NUMBERS}"
_ENDS = 1 << 60
"""Dates beyond stand for no beginning and no end."""
_FORCE = 'ALTER TABLE fhir."{}" {} ROW LEVEL SECURITY'


def _columns(number: int) -> dict[str, str]:
    """Return the columns of each table as the *number*-th copy has them; ``$1`` are the parameters of identifiers."""

    def earlier(column: str) -> str:
        return f"CASE WHEN abs({column}) < {_ENDS} THEN {column} - {number * _WEEK} ELSE {column} END"

    def other(column: str) -> str:
        return f"{column} # {number * _SPREAD % (1 << 62)}"

    rid, low, high, dated = f"rid + {number * _NUMBERS}", earlier("low"), earlier("high"), earlier("dated")
    identifier = f"CASE WHEN param = ANY($1::integer[]) THEN {other('hash')} ELSE hash END"
    return {
        "resource": f"tenant_id, {rid}, {other('id_hash')}, last_updated, {low}, marker, index_hash, version, type_id, "
        f"change, md5(fhir_id || '{number}'), present, body",
        "token": f"tenant_id, param, {identifier}, {low}, {rid}",
        "reference": f"tenant_id, param, {other('target')}, {low}, {rid}",
        "date": f"tenant_id, param, {low}, {high}, {rid}",
        "string": f"tenant_id, param, folded, exact, {rid}",
        "quantity": f"tenant_id, param, unit, value, {rid}, {dated}",
        "composite": f"tenant_id, param, first, second, low, high, folded, {rid}, {dated}",
    }


_INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition, k.conname,
       pg_get_constraintdef(k.oid) AS constrained
FROM pg_index i LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid
WHERE i.indrelid = ('fhir.' || $1)::regclass ORDER BY i.indexrelid
"""


async def multiply(database: ConnectionInfo, times: int, definitions: SearchDefinitions) -> None:
    """Add copies of all that is stored, until there is *times* as much."""
    identifiers = [
        parameter.key
        for resource_type in definitions.resource_types
        for parameter in definitions.parameters(resource_type).values()
        if parameter.is_identifier
    ]
    owner = await asyncpg.connect(database.owner_dsn)
    try:
        await owner.execute("SET maintenance_work_mem = '1GB'; SET synchronous_commit = off")
        with Progress(transient=True) as progress:
            tables = list(_columns(1))
            task = progress.add_task("copying", total=len(tables) * times)
            for table in tables:
                await _multiply(owner, table, times, identifiers, lambda: progress.advance(task))
    finally:
        await owner.close()


async def _multiply(
    owner: Connection, table: str, times: int, identifiers: list[int], done: Callable[[], None]
) -> None:
    async with owner.transaction():
        indexes = await owner.fetch(_INDEXES, table)
        await owner.execute(_FORCE.format(table, "NO FORCE"))
        for index in indexes:
            dropped = f"ALTER TABLE fhir.{table} DROP CONSTRAINT {index['conname']}"
            await owner.execute(dropped if index["conname"] else f"DROP INDEX {index['name']}")
        for number in range(1, times):
            columns = _columns(number)[table]
            added = f"INSERT INTO fhir.{table} SELECT {columns} FROM fhir.{table} WHERE {_ORIGINAL}"  # noqa: S608 - our own words
            await owner.execute(added, *([identifiers] if table == "token" else []))
            done()
        for index in indexes:
            added = f"ALTER TABLE fhir.{table} ADD CONSTRAINT {index['conname']} {index['constrained']}"
            await owner.execute(added if index["conname"] else index["definition"])
        await owner.execute(_FORCE.format(table, "FORCE"))
        done()
