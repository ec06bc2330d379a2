"""Where a resource stood before it was changed: its place in an order, from a superseded version.

Spec: https://hl7.org/fhir/R4/search.html#sort
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, TypeVar

import orjson

from fhir_api.model.dates import EARLIEST
from fhir_api.model.errors import FhirError
from fhir_api.model.keys import ResourceKey
from fhir_api.search.entries import DateEntry, IdentifierEntry, IndexEntries, StringEntry, TokenEntry, UriEntry
from fhir_api.search.extract.partial import partial_extractor
from fhir_api.search.query import Parameter, SortKey, ValueClause
from fhir_api.search.types.values import matches
from fhir_api.store.postgres.encode import Codes, Encoder, IndexRows
from fhir_api.store.postgres.types import type_numbers

Values = tuple[Any, ...]
"""The values of an order's keys."""

_Entry = TypeVar("_Entry", DateEntry, StringEntry, UriEntry)


@dataclass(frozen=True, slots=True)
class Former:
    """A superseded version.

    Attributes:
        rid: the resource's number.
        last_updated: milliseconds since 1970.
        body: as it was stored.
        encoder: makes rows of entries.
        zone: of dates without one.
        told: what its row tells of its place; null where only the body does.
    """

    rid: int
    key: ResourceKey
    last_updated: int
    body: bytes
    encoder: Encoder
    zone: tzinfo
    told: Values

    def entries(self, parameters: tuple[Parameter, ...]) -> IndexEntries:
        """Return what was in the index for *parameters*."""
        try:
            return partial_extractor(parameters, self.zone).extract_tree(
                self.key.resource_type, orjson.loads(self.body)
            )
        except FhirError:
            # the expression of a tenant's own parameter failed, as it did when the version was stored
            return IndexEntries(EARLIEST)

    def rows(self, entries: IndexEntries) -> IndexRows:
        """Return the index rows of entries of this version."""
        return self.encoder.rows(entries, self.rid, Codes(set()))


def by_sort(sort: Sequence[SortKey]) -> Callable[[Former], Values]:
    """Return what gives the place in an order by *sort*: for each parameter whether it is missing, and its value."""
    parameters = tuple(parameter for key in sort for parameter in key.parameters)

    def place(former: Former) -> Values:
        entries, values = former.entries(parameters), list[Any]()
        rows = former.rows(entries)
        for key in sort:
            if key.parameter is None:
                values.append(former.key.logical_id if key.code == "_id" else former.last_updated)
                continue
            mine = next((each for each in key.parameters if each.resource_type == former.key.resource_type), None)
            found = list(_values(mine, entries, rows, descending=key.descending)) if mine else []
            values += [0, (max if key.descending else min)(found)] if found else [1, _filler(key.parameter)]
        return *values, former.rid

    return place


def _filler(parameter: Parameter) -> object:
    return "" if parameter.type in {"token", "string", "uri", "reference"} else 0


def _values(parameter: Parameter, entries: IndexEntries, rows: IndexRows, *, descending: bool) -> Iterable[Any]:
    number = parameter.key
    match parameter.type:
        case "token":
            named: tuple[TokenEntry | IdentifierEntry, ...] = (*entries.tokens, *entries.identifiers)
            return (entry.code for entry in named if entry.parameter == number)
        case "date":
            return (row[2 if descending else 1] for row in rows.date if row[0] in {number, -number})
        case "string" | "uri":
            return (row[1] for row in rows.string if row[0] == number)
        case "reference":
            targets = (entry.target.partition("/") for entry in entries.references if entry.parameter == number)
            return (f"{type_numbers()[kind]:03d}/{rest}" for kind, _, rest in targets if kind in type_numbers())
        case _:
            ranges = (row[4] if row[3] == -math.inf else row[3] for row in rows.composite if row[0] == number)
            return (*(row[2] for row in rows.quantity if row[0] == number), *ranges)


def by_range(clause: ValueClause) -> Callable[[Former], Values | None]:
    """Return what gives the place along the rows of *clause*: the first that matches, None where none did.

    Dates lie newest first, texts from A to Z.
    """
    numbers, modifier = (clause.parameter.key, *clause.later), clause.modifier

    def found(entries: Iterable[_Entry]) -> list[_Entry]:
        ours = (entry for entry in entries if entry.parameter in numbers)
        return [entry for entry in ours if any(matches(entry, value, modifier) for value in clause.values)]

    def place(former: Former) -> Values | None:
        entries = former.entries((clause.parameter,))
        rows = former.rows(
            IndexEntries(
                entries.low, dates=found(entries.dates), strings=found(entries.strings), uris=found(entries.uris)
            )
        )
        if clause.parameter.type == "date":
            return (*max(row[1:3] for row in rows.date), former.rid) if rows.date else None
        texts = [row[1:3] for row in rows.string if row[0] in numbers]
        return (*min(texts), former.rid) if texts else None

    return place
