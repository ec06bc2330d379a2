"""Chains that lead into contained resources: asked for only where the tenant has such references.

Whether it has any is told by the first statement of a search, beside what that is for.

Spec: https://hl7.org/fhir/R4/search.html#contained
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from fhir_api.search.contained import chains, link_key, with_contained
from fhir_api.search.query import Clause
from fhir_api.store.postgres.session import Fetch, fenced
from fhir_api.store.postgres.statement import Arguments

_INSIDE = (
    "(SELECT array_agg(concat(k.param, ' ', k.code)) FROM fhir.token_code k WHERE k.tenant_id = c.tenant "
    "AND k.param = ANY({}::integer[]))"
)
_ASKED = fenced("x.inside", f"SELECT {_INSIDE.format('$2')} AS inside OFFSET 0")


def links(clauses: Sequence[Clause]) -> list[int]:
    """Return the keys under which it is known where chains of *clauses* lead into contained resources."""
    return sorted({link_key(chain.reference.key) for chain in chains(clauses)})


def inside(wanted: Sequence[int], arguments: Arguments) -> str:
    """Return SQL for what there is under these keys; read by :func:`leading`."""
    return _INSIDE.format(arguments.bind(wanted, "integer[]")) if wanted else "NULL::text[]"


def leading(clauses: Sequence[Clause], found: Sequence[str] | None) -> tuple[Clause, ...]:
    """Return *clauses* with chains that lead into contained resources, too, where something was *found*."""
    places: dict[int, list[str]] = defaultdict(list)
    for each in found or ():
        key, _, place = each.partition(" ")
        places[int(key)].append(place)
    return tuple(with_contained(clause, places) for clause in clauses) if places else tuple(clauses)


async def asked(fetch: Fetch, wanted: Sequence[int]) -> Sequence[str] | None:
    """Ask what there is under these keys."""
    (row,) = await fetch(_ASKED, wanted)
    found: Sequence[str] | None = row["inside"]
    return found


async def leading_inside(fetch: Fetch, clauses: Sequence[Clause]) -> tuple[Clause, ...]:
    """Return *clauses* with chains that lead into contained resources, too, where there are any."""
    wanted = links(clauses)
    return await leading_on(fetch, clauses, await asked(fetch, wanted)) if wanted else tuple(clauses)


async def leading_on(fetch: Fetch, clauses: Sequence[Clause], found: Sequence[str] | None) -> tuple[Clause, ...]:
    """Return what :func:`leading` does, with chains that lead on to what is contained beside that."""
    known, led = set(links(clauses)), leading(clauses, found)
    while found and (wanted := sorted({*links(led)} - known)):
        known.update(wanted)
        found = await asked(fetch, wanted)
        led = leading(led, found)
    return led
