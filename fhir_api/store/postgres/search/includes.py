"""``_include`` and ``_revinclude``: references followed from the resources of a page.

Spec: https://hl7.org/fhir/R4/search.html#include
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.entries import CANONICAL
from fhir_api.search.query import Clause, Include, Query
from fhir_api.search.sharing import by_rows
from fhir_api.store.postgres.reads import VERSION_COLUMNS, stored_versions
from fhir_api.store.postgres.search.conditions import Candidate, Conditions
from fhir_api.store.postgres.session import Fetch, fenced
from fhir_api.store.postgres.statement import Arguments
from fhir_api.store.postgres.types import type_numbers
from fhir_api.store.postgres.writes import Indexing

MOST_INCLUDED = 5000
"""Resources that includes may add to one page; a search that wants more is refused, never cut short in silence."""

# $2 resources followed from (numbers, or hashes of their keys), $3 parameters, $4 type wanted or 0, $5 limit
_FORWARD = (
    "b.id_hash = ANY(ARRAY(SELECT DISTINCT f.target FROM fhir.reference f "
    "WHERE f.tenant_id = c.tenant AND f.rid = ANY($2::bigint[]) AND f.param = ANY($3::integer[])))"
)
_REVERSE = (
    "b.rid = ANY(ARRAY(SELECT DISTINCT f.rid FROM fhir.reference f "
    "WHERE f.tenant_id = c.tenant AND f.param = ANY($3::integer[]) AND f.target = ANY($2::bigint[])))"
)
_FORWARD_BY_NAME = (
    "b.rid = ANY(ARRAY(SELECT DISTINCT n.rid FROM fhir.reference f JOIN fhir.reference n "
    f"ON n.tenant_id = c.tenant AND n.param = {CANONICAL} AND n.target = f.target "
    "WHERE f.tenant_id = c.tenant AND f.rid = ANY($2::bigint[]) AND f.param = ANY($3::integer[])))"
)
_REVERSE_BY_NAME = (
    "b.rid = ANY(ARRAY(SELECT DISTINCT f.rid FROM fhir.reference n JOIN fhir.reference f "
    "ON f.tenant_id = c.tenant AND f.param = ANY($3::integer[]) AND f.target = n.target "
    f"WHERE n.tenant_id = c.tenant AND n.rid = ANY($2::bigint[]) AND n.param = {CANONICAL}))"
)
_ARGUMENTS = 4
_INCLUDED = Candidate("b.rid", "b.low", "b.id_hash")


@lru_cache(64)
def _found(place: str, visible: str = "") -> str:
    """Return the statement of the resources ``b`` at *place* for which the condition *visible* holds."""
    return fenced(
        f"{VERSION_COLUMNS}, x.rid",
        "SELECT b.* FROM fhir.resource b WHERE b.tenant_id = c.tenant AND b.change <> 3 "
        f"AND ($4::smallint = 0 OR b.type_id = $4::smallint) AND {place}{visible} ORDER BY b.rid LIMIT $5::bigint",
    )


Visible = Mapping[str, Clause]
Numbered = tuple[int, StoredVersion]
"""A resource with its number in the store."""


async def follow(fetch: Fetch, indexing: Indexing, matches: Sequence[Numbered], query: Query) -> list[StoredVersion]:
    """Return what a query's includes add to *matches*: each resource once, none that is a match.

    Raises:
        FhirError: TOO_COSTLY when it is more than ``MOST_INCLUDED``.
    """
    seen = {rid for rid, _ in matches}
    included: list[StoredVersion] = []
    origins, rules = list(matches), [each for include in query.includes for each in by_rows(include)]
    while origins and rules:
        found: dict[int, StoredVersion] = {}
        for include in rules:
            found |= dict(await _one(fetch, indexing, origins, include, query.visible))
        new = [(rid, version) for rid, version in found.items() if rid not in seen]
        seen.update(found)
        included += [version for _, version in new]
        if len(included) > MOST_INCLUDED:
            raise refuse(
                ErrorKind.TOO_COSTLY,
                f"The includes add more than {MOST_INCLUDED} resources to this page; ask for a smaller '_count'.",
            )
        # what was found now is followed by the iterating includes only
        origins, rules = new, [include for include in rules if include.iterate]
    return included


async def _one(
    fetch: Fetch, indexing: Indexing, origins: Sequence[Numbered], include: Include, visible: Visible | None
) -> list[Numbered]:
    starts = [(rid, version.key) for rid, version in origins if _starts_at(include, version.key)]
    if not starts or not include.parameters:
        return []
    wanted = include.source_type if include.reverse else include.target_type
    seen, values = ("", []) if visible is None else _seen(indexing, _reached(include, visible))
    rest = (type_numbers()[wanted] if wanted else 0, MOST_INCLUDED + 1, *values)
    keys = [parameter.key for parameter in include.parameters]
    rids = [rid for rid, _ in starts]
    if include.reverse:
        hashes = [indexing.encoder.hasher.key(key) for _, key in starts]
        rows = list(await fetch(_found(_REVERSE, seen), hashes, keys, *rest))
    else:
        rows = list(await fetch(_found(_FORWARD, seen), rids, keys, *rest))
    named = [parameter.key for parameter in include.parameters if parameter.is_canonical]
    if named:
        place = _REVERSE_BY_NAME if include.reverse else _FORWARD_BY_NAME
        rows += await fetch(_found(place, seen), rids, named, *rest)
    return list(zip((row["rid"] for row in rows), stored_versions(rows), strict=True))


def _reached(include: Include, visible: Visible) -> Visible:
    """Return those of *visible* that an include can lead to."""
    if include.reverse:
        types: frozenset[str] = frozenset((include.source_type,))
    elif include.target_type is not None:
        types = frozenset((include.target_type,))
    else:
        types = frozenset(target for parameter in include.parameters for target in parameter.targets)
        if "Resource" in types or not all(parameter.targets for parameter in include.parameters):
            return visible
    return {name: clause for name, clause in visible.items() if name in types}


def _seen(indexing: Indexing, visible: Visible) -> tuple[str, list[Any]]:
    """Return the condition that ``b`` is what *visible* says, with its arguments."""
    arguments = Arguments()
    arguments.values = [None] * _ARGUMENTS
    conditions = Conditions(arguments, indexing)
    alike: dict[Clause, list[int]] = {}
    for name, clause in visible.items():
        alike.setdefault(clause, []).append(type_numbers()[name])
    kinds = [
        f"(b.type_id = ANY({arguments.bind(numbers, 'smallint[]')}) AND {conditions.holds(clause, _INCLUDED)})"
        for clause, numbers in alike.items()
    ]
    return f" AND ({' OR '.join(kinds) or 'false'})", arguments.values[_ARGUMENTS:]


def _starts_at(include: Include, key: ResourceKey) -> bool:
    if include.reverse:
        return include.target_type in {None, key.resource_type}
    return include.source_type == key.resource_type
