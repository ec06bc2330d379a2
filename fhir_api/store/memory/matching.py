"""Whether a resource is what a clause asks for, straight from the specification.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.model.keys import ResourceKey
from fhir_api.search import matching as matching_rules
from fhir_api.search.contained import chained, link_key
from fhir_api.search.entries import CANONICAL, ReferenceEntry, TokenEntry
from fhir_api.search.query import ChainClause, Clause, HasClause, Parameter, ReferenceValue, Value, ValueClause
from fhir_api.store.memory.state import Record, State


def matching(state: State, resource_types: Sequence[str], clauses: Sequence[Clause]) -> list[Record]:
    """Return the current resources of the types (all types when empty) for which every clause holds."""
    return [
        record
        for record in state.live()
        if (not resource_types or record.version.key.resource_type in resource_types)
        and all(holds(state, record, clause) for clause in clauses)
    ]


def holds(state: State, record: Record, clause: Clause) -> bool:
    """Tell whether *clause* holds for one resource."""

    def beyond(resource: Record, asked: ChainClause | HasClause | ValueClause) -> bool:
        match asked:
            case ChainClause():
                return _leads(state, resource, asked)
            case HasClause(source_type=source_type, reference=reference, clause=inner):
                return any(
                    source.key.resource_type == source_type
                    and points_at(source, (reference,), resource)
                    and holds(state, source, inner)
                    for source in state.live()
                )
            case ValueClause(parameter=parameter, modifier=modifier, values=values):
                reached = _hierarchy(state, values, modifier or "")
                return not reached.isdisjoint(references(resource, (parameter,)))

    return matching_rules.holds(record, clause, beyond)


def _leads(state: State, record: Record, chain: ChainClause) -> bool:
    return _leads_inside(state, record, chain) or any(
        target.key.resource_type == target_type and holds(state, target, target_clause)
        for target in targets_of(state, record, (chain.reference,))
        for target_type, target_clause in chain.targets
    )


def _leads_inside(state: State, record: Record, chain: ChainClause) -> bool:
    places = record.index.get(link_key(chain.reference.key), ())
    inside = (chained(chain, place.code) for place in places if isinstance(place, TokenEntry))
    return any(clause is not None and holds(state, record, clause) for clause in inside)


def _hierarchy(state: State, values: Sequence[Value], direction: str) -> set[str]:
    """Return the references of *values* with all that are above or below them."""
    reached: set[str] = set()
    for value in values:
        waiting = list(value.candidates) if isinstance(value, ReferenceValue) else []
        parents = value.parents if isinstance(value, ReferenceValue) else ()
        while waiting:
            each = waiting.pop()
            if each not in reached:
                reached.add(each)
                waiting += _next(state, each, parents, direction)
    return reached


def _next(state: State, target: str, parents: Sequence[Parameter], direction: str) -> list[str]:
    if direction == "below":
        return [str(record.version.key) for record in state.live() if target in references(record, parents)]
    resource_type, _, logical_id = target.partition("/")
    current = state.current(ResourceKey(resource_type, logical_id))
    return [] if current is None or current.version.is_deletion else references(current, parents)


def references(record: Record, parameters: Sequence[Parameter]) -> list[str]:
    """Return what a resource points at by reference *parameters*."""
    entries = (entry for parameter in parameters for entry in record.index.get(parameter.key, ()))
    return [entry.target for entry in entries if isinstance(entry, ReferenceEntry) and entry.target]


def targets_of(state: State, record: Record, parameters: Sequence[Parameter]) -> list[Record]:
    """Return the resources here that a resource points at."""
    found = []
    for target in references(record, parameters):
        if target.startswith("|"):
            found += [other for other in state.live() if target in _names(other)]
            continue
        resource_type, _, logical_id = target.partition("/")
        current = state.current(ResourceKey(resource_type, logical_id))
        if current is not None and not current.version.is_deletion:
            found.append(current)
    return found


def points_at(record: Record, parameters: Sequence[Parameter], target: Record) -> bool:
    """Tell whether a resource points at *target*."""
    return not {str(target.version.key), *_names(target)}.isdisjoint(references(record, parameters))


def _names(record: Record) -> list[str]:
    entries = record.index.get(CANONICAL, ())
    return [entry.target for entry in entries if isinstance(entry, ReferenceEntry)]
