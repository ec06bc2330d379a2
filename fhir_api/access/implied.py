"""What a search asks for anyway need not be asked again.

Apps search for the patient they are restricted to, and for the codes of their scopes.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.search.query import NOTHING, AllClause, AnyClause, Clause, NotClause, ValueClause


def is_implied(clause: Clause, asked: Sequence[Clause]) -> bool:
    """Tell whether *clause* holds wherever all of *asked* do; False where that is not seen at once."""
    if NOTHING in asked:
        return True
    match clause:
        case AllClause(clauses):
            return all(is_implied(each, asked) for each in clauses)
        case AnyClause(clauses):
            return _is_one_of(clauses, asked) or any(
                is_implied(each, asked) for each in clauses if isinstance(each, ValueClause)
            )
        case ValueClause(parameter, None, values):
            return any(
                isinstance(each, ValueClause)
                and each.parameter == parameter
                and each.modifier is None
                and set(each.values) <= set(values)
                for each in asked
            )
        case NotClause():
            return clause in asked
        case _:
            return False


def _is_one_of(clauses: Sequence[Clause], asked: Sequence[Clause]) -> bool:
    """Tell whether one of *asked* has no alternatives but some of *clauses*."""
    known = set(clauses)
    return any(isinstance(each, AnyClause) and known.issuperset(each.clauses) for each in asked)


def asked_of(resource_type: str, asked: Sequence[Clause]) -> list[Clause]:
    """Return what a search over several types asks of resources of one: alternatives of other types left out."""
    return [_of_type(resource_type, each) if isinstance(each, AnyClause) else each for each in asked]


def _of_type(resource_type: str, clause: AnyClause) -> Clause:
    kept = tuple(each for each in clause.clauses if not _is_of_other(resource_type, each))
    return clause if len(kept) == len(clause.clauses) else AnyClause(kept)


def _is_of_other(resource_type: str, clause: Clause) -> bool:
    """Tell whether *clause* is about what resources of another type point at."""
    if not isinstance(clause, ValueClause) or clause.modifier is not None:
        return False
    parameter = clause.parameter
    return parameter.type == "reference" and parameter.resource_type not in (resource_type, "Resource")


def tells_type(clause: Clause, resource_type: str) -> bool:
    """Tell whether *clause* can hold for resources of this type only."""
    match clause:
        case ValueClause(parameter, modifier):
            return modifier != "not" and parameter.resource_type == resource_type
        case AnyClause(clauses):
            return all(tells_type(each, resource_type) for each in clauses)
        case AllClause(clauses):
            return any(tells_type(each, resource_type) for each in clauses)
        case _:
            return False
