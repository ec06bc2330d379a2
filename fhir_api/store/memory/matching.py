"""Whether a resource is what a clause asks for, straight from the specification.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.model.keys import ResourceKey
from fhir_api.search.contained import chained, link_key
from fhir_api.search.entries import CANONICAL, DateEntry, ReferenceEntry, TokenEntry
from fhir_api.search.query import (
    AllClause,
    AnyClause,
    ChainClause,
    Clause,
    HasClause,
    IdClause,
    LastUpdatedClause,
    MissingClause,
    NotClause,
    Parameter,
    PrimaryDateClause,
    ReferenceValue,
    TypeClause,
    Value,
    ValueClause,
)
from fhir_api.search.types.date import compare
from fhir_api.search.types.values import matches
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
    match clause:
        case ValueClause():
            return _has_value(state, record, clause)
        case MissingClause(parameter=parameter, missing=missing):
            return (parameter.key not in record.index) is missing
        case IdClause(ids=ids):
            return record.version.key.logical_id in ids
        case LastUpdatedClause(values=values):
            instant = record.version.last_updated
            return any(compare(instant, instant + 1, value) for value in values)
        case ChainClause(reference=reference, targets=targets):
            return _leads_inside(state, record, clause) or any(
                target.version.key.resource_type == target_type and holds(state, target, target_clause)
                for target in targets_of(state, record, (reference,))
                for target_type, target_clause in targets
            )
        case HasClause(source_type=source_type, reference=reference, clause=inner):
            return any(
                source.version.key.resource_type == source_type
                and points_at(source, (reference,), record)
                and holds(state, source, inner)
                for source in state.live()
            )
        case PrimaryDateClause(parameters=parameters, low=low, high=high):
            dates = (entry for parameter in parameters for entry in record.index.get(parameter.key, ()))
            return all(date.low < high and date.high > low for date in dates if isinstance(date, DateEntry))
        case AnyClause(clauses=clauses):
            return any(holds(state, record, inner) for inner in clauses)
        case AllClause(clauses=clauses):
            return all(holds(state, record, inner) for inner in clauses)
        case NotClause(clause=inner):
            return not holds(state, record, inner)
        case TypeClause(resource_type=resource_type):
            return record.version.key.resource_type == resource_type


def _leads_inside(state: State, record: Record, chain: ChainClause) -> bool:
    places = record.index.get(link_key(chain.reference.key), ())
    inside = (chained(chain, place.code) for place in places if isinstance(place, TokenEntry))
    return any(clause is not None and holds(state, record, clause) for clause in inside)


def _has_value(state: State, record: Record, clause: ValueClause) -> bool:
    if clause.parameter.type == "reference" and clause.modifier in {"above", "below"}:
        reached = _hierarchy(state, clause.values, clause.modifier)
        return not reached.isdisjoint(references(record, (clause.parameter,)))
    modifier = None if clause.modifier == "not" else clause.modifier
    found = any(
        matches(entry, value, modifier)
        for entry in record.index.get(clause.parameter.key, ())
        for value in clause.values
    )
    return found is not (clause.modifier == "not")


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
