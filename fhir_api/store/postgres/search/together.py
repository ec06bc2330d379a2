"""Criteria that the rows of a composite answer together, each of which may be frequent while both seldom meet.

Rows of a composite lie by code and value, so a code and a quantity that never meet cost one look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from fhir_api.search.query import Clause, CompositeValue, Parameter, Query, ValueClause
from fhir_api.search.together import composites_of_single_elements
from fhir_api.store.postgres.search import presence
from fhir_api.store.postgres.search.drivers import choose
from fhir_api.store.postgres.session import Fetch, fenced
from fhir_api.store.postgres.types import type_numbers
from fhir_api.store.postgres.writes import Indexing

MOST_VALUES: Final = 4
"""So many combinations of values at most are looked for together."""
_TYPES: Final = frozenset({"token", "number", "quantity"})

_LACKS = f"NOT ({presence.has_bit('n.present', '$4::integer')})"
_APART = fenced(
    "x.found",
    f"SELECT EXISTS (SELECT FROM ({presence.sets('$2::smallint')}) n "
    f"WHERE {presence.has_all('n.present', '$3::integer[]')} AND {_LACKS}) AS found OFFSET 0",
)
"""Whether resources of a type have all of some parameters and not another one."""


async def together(fetch: Fetch, query: Query, indexing: Indexing) -> tuple[Clause, ...]:
    """Return the criteria of *query*, those that a composite answers as one if no resource has them without it."""
    if len(query.resource_types) != 1:
        return query.clauses
    driver = choose(query.clauses).driver
    for composite in composites_of_single_elements(indexing.definitions, query.resource_types[0]):
        members = _members(composite, query.clauses)
        # whoever starts at a patient looks at few resources anyway
        if members and any(member is driver for member in members) and not await _apart(fetch, composite, indexing):
            values = tuple(map(CompositeValue, product(*(member.values for member in members))))
            others = (each for each in query.clauses if not any(each is member for member in members))
            return (ValueClause(composite, None, values), *others)
    return query.clauses


def _members(composite: Parameter, clauses: Sequence[Clause]) -> list[ValueClause]:
    """Return a clause for each component, none if one is missing."""
    found = [next(_on(component, clauses), None) for component in composite.components]
    members = [each for each in found if each is not None]
    number = 1
    for member in members:
        number *= len(member.values)
    return members if len(members) == len(found) and number <= MOST_VALUES else []


def _on(component: Parameter, clauses: Sequence[Clause]) -> Iterator[ValueClause]:
    plain = (each for each in clauses if isinstance(each, ValueClause) and each.modifier is None)
    return (each for each in plain if component.type in _TYPES and each.parameter.key == component.key)


async def _apart(fetch: Fetch, composite: Parameter, indexing: Indexing) -> bool:
    """Tell whether resources have values for all components and none for the composite."""
    bits = [indexing.present.number(composite.resource_type, each.key) for each in (*composite.components, composite)]
    (row,) = await fetch(_APART, type_numbers()[composite.resource_type], bits[:-1], bits[-1])
    return bool(row[0])
