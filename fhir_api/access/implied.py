"""What a search asks for anyway need not be asked again.

Apps search for the patient they are restricted to, and for the codes of their scopes.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fhir_api.access.clauses import some
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


def asked_by_type(asked: Sequence[Clause]) -> Callable[[str], list[Clause]]:
    """Return what gives what a search over several types asks of one: alternatives of other types are left out."""
    parts = [_parts(each) if isinstance(each, AnyClause) else each for each in asked]

    def of(resource_type: str) -> list[Clause]:
        return [_joined(each, resource_type) if isinstance(each, dict) else each for each in parts]

    return of


def _parts(clause: AnyClause) -> dict[str, list[Clause]]:
    """Return the alternatives that are about what resources of a type point at, by the type; "" has all others."""
    found: dict[str, list[Clause]] = {"": []}
    for each in clause.clauses:
        is_plain = isinstance(each, ValueClause) and each.modifier is None and each.parameter.type == "reference"
        name = each.parameter.resource_type if isinstance(each, ValueClause) and is_plain else ""
        found.setdefault("" if name == "Resource" else name, []).append(each)
    return found


def _joined(parts: dict[str, list[Clause]], resource_type: str) -> Clause:
    return some((*parts[""], *parts.get(resource_type, ())))


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
