"""Clauses put together so that what narrows nothing costs nothing.

Spec: https://hl7.org/fhir/R4/security.html#access-control
"""

from __future__ import annotations

from collections.abc import Iterable

from fhir_api.search.query import EVERYTHING, NOTHING, AllClause, AnyClause, Clause, NotClause


def every(clauses: Iterable[Clause]) -> Clause:
    """Return the clause that all *clauses* hold; those that always hold are left out."""
    found = tuple(dict.fromkeys(each for each in clauses if each != EVERYTHING))
    if NOTHING in found:
        return NOTHING
    if len(found) == 1:
        return found[0]
    return AllClause(found) if found else EVERYTHING


def some(clauses: Iterable[Clause]) -> Clause:
    """Return the clause that one of *clauses* holds; those that never hold are left out."""
    found = tuple(dict.fromkeys(each for each in clauses if each != NOTHING))
    if EVERYTHING in found:
        return EVERYTHING
    if len(found) == 1:
        return found[0]
    return AnyClause(found) if found else NOTHING


def never(clause: Clause) -> Clause:
    """Return the clause that *clause* does not hold."""
    if clause == NOTHING:
        return EVERYTHING
    return NOTHING if clause == EVERYTHING else NotClause(clause)
