"""Searches that look at nothing but what may be reached: neither do their chains, ``_has`` and hierarchies.

Spec: https://hl7.org/fhir/R4/search.html#chaining
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from fhir_api.access.clauses import every
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.search.matching import is_of_hierarchy
from fhir_api.search.query import (
    EVERYTHING,
    AllClause,
    AnyClause,
    ChainClause,
    Clause,
    HasClause,
    NotClause,
    ReferenceValue,
    ValueClause,
    VisibleClause,
)

Reach = Callable[[str], Clause]
"""Gives what has to hold for resources of a type."""


def narrowed(clause: Clause, reach: Reach) -> Clause:
    """Return *clause* so that it sees of other resources only those that *reach* allows.

    Raises:
        FhirError: FORBIDDEN for a hierarchy of resources of which only some may be reached.
    """
    match clause:
        case ChainClause(_, targets):
            return replace(clause, targets=tuple((name, _behind(name, inner, reach)) for name, inner in targets))
        case HasClause(source_type, _, inner):
            return replace(clause, clause=every((reach(source_type), narrowed(inner, reach))))
        case NotClause(inner):
            return NotClause(narrowed(inner, reach))
        case AnyClause(clauses) | AllClause(clauses):
            return replace(clause, clauses=tuple(narrowed(each, reach) for each in clauses))
        case ValueClause() if is_of_hierarchy(clause):
            _check_hierarchy(clause, reach)
            return clause
        case _:
            return clause


def _behind(resource_type: str, clause: Clause, reach: Reach) -> Clause:
    """Return the clause about the target of a chain."""
    inner, seen = narrowed(clause, reach), reach(resource_type)
    return inner if seen is EVERYTHING else AllClause((VisibleClause(seen), inner))


def _check_hierarchy(clause: ValueClause, reach: Reach) -> None:
    parents = (parent for value in clause.values if isinstance(value, ReferenceValue) for parent in value.parents)
    for resource_type in sorted({parent.resource_type for parent in parents}):
        if reach(resource_type) is not EVERYTHING:
            raise refuse(
                ErrorKind.FORBIDDEN,
                f"':{clause.modifier}' looks through all resources of type {resource_type}; you may reach some only.",
            )
