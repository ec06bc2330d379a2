"""Whether one version of a resource may be reached, by its body alone.

Spec: https://hl7.org/fhir/R4/security.html#access-control
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

import orjson

from fhir_api.model.errors import FhirError
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.entries import IndexEntries
from fhir_api.search.extract.partial import partial_extractor
from fhir_api.search.matching import Index, holds, indexed
from fhir_api.search.query import (
    EVERYTHING,
    AllClause,
    AnyClause,
    ChainClause,
    Clause,
    HasClause,
    IdClause,
    MissingClause,
    NotClause,
    Parameter,
    ValueClause,
    VisibleClause,
)


@dataclass(frozen=True, slots=True)
class _Judged:
    key: ResourceKey
    last_updated: int
    index: Index


class Judge:
    """Tells whether a clause, which asks about one resource alone, holds for versions.

    Attributes:
        clause: what has to hold.
    """

    __slots__ = ("_extractor", "clause")

    def __init__(self, clause: Clause, zone: tzinfo) -> None:
        """Judge by *clause*; *zone* is that of dates without one."""
        self.clause = clause
        self._extractor = partial_extractor(tuple(dict.fromkeys(_mentioned(clause))), zone)

    def fits(self, version: StoredVersion) -> bool:
        """Tell whether it holds for a version that is no deletion."""
        if self.clause is EVERYTHING:
            return True
        key = version.key
        if isinstance(self.clause, IdClause):
            return key.logical_id in self.clause.ids
        try:
            entries = self._extractor.extract_tree(key.resource_type, orjson.loads(version.body))
        except FhirError:
            # stored while checks were off: what cannot be looked at is not shown
            return False
        return holds(_Judged(key, version.last_updated, indexed(entries)), self.clause, _beyond)

    def would_fit(self, key: ResourceKey, entries: IndexEntries) -> bool:
        """Tell whether it will hold for a resource that is about to be stored with *entries*."""
        return self.clause is EVERYTHING or holds(_Judged(key, 0, indexed(entries)), self.clause, _beyond)


def _beyond(_judged: _Judged, clause: ChainClause | HasClause | ValueClause) -> bool:
    raise TypeError(f"{type(clause).__name__} is not decided by a resource alone")


def _mentioned(clause: Clause) -> Iterator[Parameter]:
    match clause:
        case ValueClause(parameter) | MissingClause(parameter):
            yield parameter
        case AnyClause(clauses) | AllClause(clauses):
            for each in clauses:
                yield from _mentioned(each)
        case NotClause(inner) | VisibleClause(inner):
            yield from _mentioned(inner)
        case _:
            return
