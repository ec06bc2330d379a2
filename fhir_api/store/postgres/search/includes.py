"""``_include`` and ``_revinclude``: references followed from the resources of a page.

Spec: https://hl7.org/fhir/R4/search.html#include
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.entries import CANONICAL
from fhir_api.search.query import Include
from fhir_api.store.postgres.hashing import Hasher
from fhir_api.store.postgres.reads import VERSION_COLUMNS, stored_versions
from fhir_api.store.postgres.session import Fetch, fenced
from fhir_api.store.postgres.types import type_numbers

MOST_INCLUDED = 5000
"""Resources that includes may add to one page; a search that wants more is refused, never cut short in silence."""

# $2 resources followed from (numbers, or hashes of their keys), $3 parameters, $4 type wanted or 0, $5 limit
_FOUND = (
    "SELECT r.* FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.change <> 3 "
    "AND ($4::smallint = 0 OR r.type_id = $4::smallint) AND {place} ORDER BY r.rid LIMIT $5::bigint"
)
FORWARD = fenced(
    f"{VERSION_COLUMNS}, x.rid",
    _FOUND.format(
        place="r.id_hash = ANY(ARRAY(SELECT DISTINCT f.target FROM fhir.reference f "
        "WHERE f.tenant_id = c.tenant AND f.rid = ANY($2::bigint[]) AND f.param = ANY($3::integer[])))"
    ),
)
REVERSE = fenced(
    f"{VERSION_COLUMNS}, x.rid",
    _FOUND.format(
        place="r.rid = ANY(ARRAY(SELECT DISTINCT f.rid FROM fhir.reference f "
        "WHERE f.tenant_id = c.tenant AND f.param = ANY($3::integer[]) AND f.target = ANY($2::bigint[])))"
    ),
)

FORWARD_BY_NAME = fenced(
    f"{VERSION_COLUMNS}, x.rid",
    _FOUND.format(
        place="r.rid = ANY(ARRAY(SELECT DISTINCT n.rid FROM fhir.reference f JOIN fhir.reference n "
        f"ON n.tenant_id = c.tenant AND n.param = {CANONICAL} AND n.target = f.target "
        "WHERE f.tenant_id = c.tenant AND f.rid = ANY($2::bigint[]) AND f.param = ANY($3::integer[])))"
    ),
)
REVERSE_BY_NAME = fenced(
    f"{VERSION_COLUMNS}, x.rid",
    _FOUND.format(
        place="r.rid = ANY(ARRAY(SELECT DISTINCT f.rid FROM fhir.reference n JOIN fhir.reference f "
        "ON f.tenant_id = c.tenant AND f.param = ANY($3::integer[]) AND f.target = n.target "
        f"WHERE n.tenant_id = c.tenant AND n.rid = ANY($2::bigint[]) AND n.param = {CANONICAL}))"
    ),
)

Numbered = tuple[int, StoredVersion]
"""A resource with its number in the store."""


async def follow(
    fetch: Fetch, hasher: Hasher, matches: Sequence[Numbered], includes: Sequence[Include]
) -> list[StoredVersion]:
    """Return what *includes* add to *matches*: each resource once, none that is a match.

    Raises:
        FhirError: TOO_COSTLY when it is more than ``MOST_INCLUDED``.
    """
    seen = {rid for rid, _ in matches}
    included: list[StoredVersion] = []
    origins, rules = list(matches), list(includes)
    while origins and rules:
        found: dict[int, StoredVersion] = {}
        for include in rules:
            found |= dict(await _one(fetch, hasher, origins, include))
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


async def _one(fetch: Fetch, hasher: Hasher, origins: Sequence[Numbered], include: Include) -> list[Numbered]:
    starts = [(rid, version.key) for rid, version in origins if _starts_at(include, version.key)]
    if not starts or not include.parameters:
        return []
    wanted = include.source_type if include.reverse else include.target_type
    rest = (type_numbers()[wanted] if wanted else 0, MOST_INCLUDED + 1)
    keys = [parameter.key for parameter in include.parameters]
    rids = [rid for rid, _ in starts]
    if include.reverse:
        rows = list(await fetch(REVERSE, [hasher.key(key) for _, key in starts], keys, *rest))
    else:
        rows = list(await fetch(FORWARD, rids, keys, *rest))
    named = [parameter.key for parameter in include.parameters if parameter.is_canonical]
    if named:
        rows += await fetch(REVERSE_BY_NAME if include.reverse else FORWARD_BY_NAME, rids, named, *rest)
    return list(zip((row["rid"] for row in rows), stored_versions(rows), strict=True))


def _starts_at(include: Include, key: ResourceKey) -> bool:
    if include.reverse:
        return include.target_type in {None, key.resource_type}
    return include.source_type == key.resource_type
