"""History: current and superseded versions as one list, newest first.

Spec: https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

import orjson

from fhir_api.model.keys import ResourceKey
from fhir_api.store.port import HistoryQuery, Page
from fhir_api.store.postgres.hashing import Hasher
from fhir_api.store.postgres.reads import VERSION_COLUMNS, stored_versions
from fhir_api.store.postgres.session import Fetch, fenced
from fhir_api.store.postgres.statement import Arguments
from fhir_api.store.postgres.types import type_numbers

_COLUMNS = "v.type_id, v.fhir_id, v.version, v.last_updated, v.change, v.body, v.rid, v.marker"
_INSTANCE = (
    "v.rid = (SELECT rid FROM fhir.resource WHERE tenant_id = c.tenant AND id_hash = {hash} AND type_id = {type} "
    "AND fhir_id = {id})"
)
# A version was current until its successor was made; the successor is superseded itself, or current.
_SUCCESSOR_BEFORE = (
    "EXISTS (SELECT FROM fhir.{table} s WHERE s.tenant_id = c.tenant AND s.rid = v.rid AND s.version = v.version + 1 "
    "AND s.last_updated <= {low})"
)


async def page(fetch: Fetch, query: HistoryQuery, hasher: Hasher) -> Page:
    """Return one page of a history; see :class:`fhir_api.store.port.Reader`."""
    if query.resource_type is not None and query.resource_type not in type_numbers():
        return Page([])
    arguments = Arguments()
    order = _order(query)
    conditions = _conditions(query, arguments, hasher)
    if query.cursor is not None:
        after = ", ".join(arguments.bind(value) for value in orjson.loads(query.cursor))
        conditions.append(f"({', '.join(f'v.{name}' for name in order)}) < ({after})")
    newest_first = ", ".join(f"{{0}}{name} DESC" for name in order)
    limit = arguments.bind(query.count + 1)
    halves = [
        f"(SELECT {_COLUMNS} FROM fhir.{table} v WHERE v.tenant_id = c.tenant AND {' AND '.join(conditions) or 'true'} "
        f"ORDER BY {newest_first.format('v.')} LIMIT {limit})"
        for table in ("resource", "history")
    ]
    inner = f"{halves[0]} UNION ALL {halves[1]} ORDER BY {newest_first.format('')} LIMIT {limit}"
    text = fenced(f"{VERSION_COLUMNS}, x.rid, x.marker", inner) + f" ORDER BY {newest_first.format('x.')}"
    rows = await fetch(text, *arguments.values)
    shown = rows[: query.count]
    more = orjson.dumps([shown[-1][name] for name in order]) if len(rows) > query.count and shown else None
    return Page(stored_versions(shown), more)


def _order(query: HistoryQuery) -> tuple[str, ...]:
    """Return the columns a history is ordered by, all descending; an index serves each, or its first column."""
    if query.logical_id is not None:
        return ("version",)
    if query.resource_type is not None:
        return ("last_updated", "marker", "rid", "version")
    return ("marker", "rid", "version")


def _conditions(query: HistoryQuery, arguments: Arguments, hasher: Hasher) -> list[str]:
    conditions = []
    if query.resource_type is not None:
        type_id = arguments.bind(type_numbers()[query.resource_type], "smallint")
        if query.logical_id is not None:
            hashed = arguments.bind(hasher.key(ResourceKey(query.resource_type, query.logical_id)))
            logical_id = arguments.bind(query.logical_id, "text")
            conditions.append(_INSTANCE.format(hash=hashed, type=type_id, id=logical_id))
        else:
            conditions.append(f"v.type_id = {type_id}")
    if query.since is not None:
        conditions.append(f"v.last_updated >= {arguments.bind(query.since)}")
    if query.at is not None:
        low, high = (arguments.bind(value) for value in query.at)
        conditions.append(f"v.last_updated < {high}")
        conditions += [f"NOT {_SUCCESSOR_BEFORE.format(table=table, low=low)}" for table in ("resource", "history")]
    return conditions
