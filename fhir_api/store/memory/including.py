"""What ``_include`` and ``_revinclude`` add to a page.

Spec: https://hl7.org/fhir/R4/search.html#include
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhir_api.model.keys import ResourceKey
from fhir_api.search.query import NOTHING, Include, Query
from fhir_api.store.memory.matching import holds, points_at, targets_of
from fhir_api.store.memory.state import Record, State


def included(state: State, matches: Sequence[Record], query: Query) -> list[Record]:
    """Return what the query's includes add to *matches*: each resource once, in the order in which it is reached."""
    reached: dict[ResourceKey, Record] = {record.version.key: record for record in matches}
    fresh: Sequence[Record] = matches
    iterate = [include for include in query.includes if include.iterate]
    applied: Sequence[Include] = query.includes
    while fresh and applied:
        found: dict[ResourceKey, Record] = {}
        for include in applied:
            for record in fresh:
                for other in _one(state, record, include):
                    if other.key not in reached and _is_visible(state, other, query):
                        found.setdefault(other.version.key, other)
        reached |= found
        fresh, applied = list(found.values()), iterate
    return list(reached.values())[len(matches) :]


def _is_visible(state: State, record: Record, query: Query) -> bool:
    return query.visible is None or holds(state, record, query.visible.get(record.key.resource_type, NOTHING))


def _one(state: State, record: Record, include: Include) -> Iterator[Record]:
    key = record.version.key
    if include.reverse:
        if include.target_type in {None, key.resource_type}:
            for other in state.live():
                if other.version.key.resource_type == include.source_type and points_at(
                    other, include.parameters, record
                ):
                    yield other
    elif key.resource_type == include.source_type:
        for target in targets_of(state, record, include.parameters):
            if include.target_type in {None, target.version.key.resource_type}:
                yield target
