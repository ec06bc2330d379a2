"""Chains that lead into contained resources: asked for only where the tenant has such references.

Spec: https://hl7.org/fhir/R4/search.html#contained
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from fhir_api.search.contained import chains, link_key, with_contained
from fhir_api.search.query import Clause
from fhir_api.store.postgres.session import Fetch, fenced

PLACES = fenced(
    "x.param, x.code",
    "SELECT k.param, k.code FROM fhir.token_code k WHERE k.tenant_id = c.tenant AND k.param = ANY($2::integer[]) "
    "OFFSET 0",
)


async def leading_inside(fetch: Fetch, clauses: Sequence[Clause]) -> tuple[Clause, ...]:
    """Return *clauses* with chains that lead into contained resources, too, where there are any."""
    links = sorted({link_key(chain.reference.key) for chain in chains(clauses)})
    if not links:
        return tuple(clauses)
    places: dict[int, list[str]] = defaultdict(list)
    for parameter, place in await fetch(PLACES, links):
        places[parameter].append(place)
    return tuple(with_contained(clause, places) for clause in clauses) if places else tuple(clauses)
