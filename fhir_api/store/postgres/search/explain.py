"""The statements of a search with their plans, as they are carried out for a tenant: same role, same row security.

Plans are those that are kept, made without looking at values: they hold ``$1`` where a patient's value would stand.

Spec: https://www.postgresql.org/docs/current/sql-explain.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson
from stanforis.storage.connection import Connection

from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import Query
from fhir_api.store.explaining import ExplainedStatement, IndexUse
from fhir_api.store.postgres.arrays import PackedBigints
from fhir_api.store.postgres.search import run
from fhir_api.store.postgres.search.counts import Counts
from fhir_api.store.postgres.search.written import Written
from fhir_api.store.postgres.writes import Indexing

_NAME: Final = "stanforis_explained"
_PARAMETER: Final = re.compile(r"param = (?:ANY \()?\$(\d+)")
_KEY: Final = re.compile(r"param = '?(-?\d+)")


async def explained(connection: Connection, tenant: str, query: Query, indexing: Indexing) -> list[ExplainedStatement]:
    """Return the statements of a search, each carried out twice: for its plan, and for what the next one needs."""
    found: list[ExplainedStatement] = []
    codes = _codes(indexing.definitions)

    async def fetch(statement: str, *arguments: Any) -> list[asyncpg.Record]:
        if statement.startswith("EXPLAIN "):
            # an estimate is a plan itself
            return await connection.fetch(statement, tenant, *arguments)
        plan = await _plan(connection, statement, (tenant, *arguments))
        served = [_use(node, (tenant, *arguments), codes) for node in _nodes(plan[0]["Plan"]) if "Index Name" in node]
        found.append(ExplainedStatement(statement, served, plan))
        return await connection.fetch(statement, tenant, *arguments)

    await run.page(fetch, query, indexing, Counts(), Written())
    return found


async def _plan(connection: Connection, statement: str, arguments: Sequence[Any]) -> Any:
    """Return the plan of a prepared statement: a bare EXPLAIN would plan with the values and show them."""
    await connection.execute(f"PREPARE {_NAME} AS {statement}")
    try:
        values = ", ".join(map(_literal, arguments))
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {_NAME}({values})")
    finally:
        await connection.execute(f"DEALLOCATE {_NAME}")
    return orjson.loads(rows[0][0])


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return f"'{value}'"
    if isinstance(value, PackedBigints):
        return _literal(value.numbers)
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    text = _array(value) if isinstance(value, list | tuple) else str(value)
    return "'" + text.replace("'", "''") + "'"


def _array(values: Sequence[Any]) -> str:
    return "{" + ",".join(map(_member, values)) + "}"


def _member(value: Any) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)


def _use(node: Mapping[str, Any], arguments: Sequence[Any], codes: Mapping[int, str]) -> IndexUse:
    condition = str(node.get("Index Cond", ""))
    keys = [arguments[int(number) - 1] for number in _PARAMETER.findall(condition)]
    keys = [each for key in keys for each in (key if isinstance(key, list) else [key])]
    keys += map(int, _KEY.findall(condition))
    return IndexUse(
        parameters=tuple(dict.fromkeys(codes[abs(key)] for key in keys if isinstance(key, int) and abs(key) in codes)),
        table=str(node.get("Relation Name", "")),
        index=str(node["Index Name"]),
        condition=condition,
        rows=node.get("Actual Rows", 0) * node.get("Actual Loops", 1),
        buffers=node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0),
    )


def _codes(definitions: SearchDefinitions) -> dict[int, str]:
    """Return ``Type.code`` for the number of every search parameter."""
    return {
        abs(parameter.key): f"{parameter.resource_type}.{parameter.code}"
        for resource_type in sorted(definitions.resource_types)
        for parameter in definitions.parameters(resource_type).values()
    }
