"""Whether a resource is what a clause asks for, by its index entries, straight from the specification.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from fhir_api.model.keys import ResourceKey
from fhir_api.search.entries import Component, CompositeEntry, DateEntry, IndexEntries, TextEntry, WordsEntry
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
    PrimaryDateClause,
    TypeClause,
    ValueClause,
    VisibleClause,
)
from fhir_api.search.types.date import compare
from fhir_api.search.types.values import matches

Entry = Component | CompositeEntry | TextEntry | WordsEntry
Index = Mapping[int, Sequence[Entry]]
"""The entries of each parameter."""


class Indexed(Protocol):
    """A resource with its index entries."""

    @property
    def key(self) -> ResourceKey:
        """Its name."""

    @property
    def last_updated(self) -> int:
        """When its version was made, milliseconds since 1970."""

    @property
    def index(self) -> Index:
        """Its entries."""


R = TypeVar("R", bound=Indexed)
Beyond = Callable[[R, ChainClause | HasClause | ValueClause], bool]
"""Tells whether a clause holds that asks about other resources too: a chain, ``_has``, a place in a hierarchy."""


def indexed(*entries: IndexEntries | None) -> Index:
    """Return entries by their parameters."""
    found: dict[int, list[Entry]] = defaultdict(list)
    for each in filter(None, entries):
        lists: tuple[Sequence[Entry], ...] = (
            each.tokens,
            each.identifiers,
            each.references,
            each.dates,
            each.strings,
            each.numbers,
            each.quantities,
            each.uris,
            each.composites,
            each.texts,
            each.words,
        )
        for entry in (entry for kind in lists for entry in kind):
            found[entry.parameter].append(entry)
    return found


def holds(resource: R, clause: Clause, beyond: Beyond[R]) -> bool:
    """Tell whether *clause* holds for one resource; what asks about others is left to *beyond*."""
    match clause:
        case ChainClause() | HasClause():
            return beyond(resource, clause)
        case ValueClause():
            return beyond(resource, clause) if is_of_hierarchy(clause) else has_value(resource.index, clause)
        case MissingClause(parameter=parameter, missing=missing):
            return (parameter.key not in resource.index) is missing
        case IdClause(ids=ids):
            return resource.key.logical_id in ids
        case LastUpdatedClause(values=values):
            instant = resource.last_updated
            return any(compare(instant, instant + 1, value) for value in values)
        case PrimaryDateClause(parameters=parameters, low=low, high=high):
            dates = (entry for parameter in parameters for entry in resource.index.get(parameter.key, ()))
            return all(date.low < high and date.high > low for date in dates if isinstance(date, DateEntry))
        case AnyClause(clauses=clauses):
            return any(holds(resource, inner, beyond) for inner in clauses)
        case AllClause(clauses=clauses):
            return all(holds(resource, inner, beyond) for inner in clauses)
        case NotClause(clause=inner):
            return not holds(resource, inner, beyond)
        case VisibleClause(clause=inner):
            return holds(resource, inner, beyond)
        case TypeClause(resource_type=resource_type):
            return resource.key.resource_type == resource_type


def is_of_hierarchy(clause: ValueClause) -> bool:
    """Tell whether a clause asks for what lies above or below a resource."""
    return clause.parameter.type == "reference" and clause.modifier in {"above", "below"}


def has_value(index: Index, clause: ValueClause) -> bool:
    """Tell whether one of the entries has one of the clause's values (with ``:not``: none has)."""
    modifier = None if clause.modifier == "not" else clause.modifier
    entries = (entry for key in (clause.parameter.key, *clause.later) for entry in index.get(key, ()))
    found = any(matches(entry, value, modifier) for entry in entries for value in clause.values)
    return found is not (clause.modifier == "not")
