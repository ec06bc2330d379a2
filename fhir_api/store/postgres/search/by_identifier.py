"""Several identifiers looked up by one statement: what a hospital's messages and transactions ask most.

Spec: https://hl7.org/fhir/R4/http.html#ccreate
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.model.keys import ResourceKey
from fhir_api.search.query import TokenValue, ValueClause
from fhir_api.store.port import Criteria
from fhir_api.store.postgres.hashing import Hasher
from fhir_api.store.postgres.session import Fetch, fenced
from fhir_api.store.postgres.types import type_names

Row = tuple[int, int]
"""Number of a parameter, and the hash of a value."""

_LOOK = fenced(
    "x.place, x.type_id, x.fhir_id",
    "SELECT q.place, r.type_id, r.fhir_id "
    "FROM unnest($2::integer[], $3::integer[], $4::bigint[]) AS q (place, param, hash) "
    "CROSS JOIN LATERAL (SELECT t.rid FROM fhir.token t "
    "WHERE t.tenant_id = c.tenant AND t.param = q.param AND t.hash = q.hash LIMIT $5) t "
    "CROSS JOIN LATERAL (SELECT r.type_id, r.fhir_id FROM fhir.resource r "
    "WHERE r.tenant_id = c.tenant AND r.rid = t.rid AND r.change <> 3 LIMIT 1) r OFFSET 0",
)


def row_of(criteria: Criteria, hasher: Hasher) -> Row | None:
    """Return the row of ``token`` that *criteria* ask for; None where they ask for more than ``system|value``."""
    if len(criteria.clauses) != 1:
        return None
    (clause,) = criteria.clauses
    if not isinstance(clause, ValueClause) or clause.modifier is not None or len(clause.values) != 1:
        return None
    parameter, value = clause.parameter, clause.values[0]
    if not parameter.is_identifier or len(parameter.numbers) != 1 or not isinstance(value, TokenValue):
        return None
    if value.any_system or not value.system or not value.code:
        return None
    return parameter.numbers[0], hasher.token(value.system, value.code)


async def look(fetch: Fetch, rows: Sequence[Row], limit: int) -> list[list[ResourceKey]]:
    """Return up to *limit* keys of current resources for each of *rows*."""
    found: list[list[ResourceKey]] = [[] for _ in rows]
    parameters, hashes = [row[0] for row in rows], [row[1] for row in rows]
    for row in await fetch(_LOOK, list(range(len(rows))), parameters, hashes, limit):
        found[row[0]].append(ResourceKey(type_names()[row[1]], row[2]))
    return found
