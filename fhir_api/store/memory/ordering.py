"""Sort keys of resources, and the cursor that says where a page starts.

A resource without a value for a sort key comes last, whatever the direction. Of several values the one that comes first
in the order counts.

Spec: https://hl7.org/fhir/R4/search.html#sort
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cmp_to_key, partial
from typing import NamedTuple

import orjson

from fhir_api.model.dates import EARLIEST
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.search.entries import (
    CompositeEntry,
    DateEntry,
    IdentifierEntry,
    NumberEntry,
    QuantityEntry,
    RangeEntry,
    ReferenceEntry,
    StringEntry,
    TextEntry,
    TokenEntry,
    UriEntry,
    WordsEntry,
)
from fhir_api.search.folding import fold
from fhir_api.search.matching import Entry
from fhir_api.search.query import SortKey
from fhir_api.store.memory.state import Record

SortValue = str | float | None


class Place(NamedTuple):
    """Where a resource stands in the order: its sort values, and its number among equals."""

    values: tuple[SortValue, ...]
    number: int


def place(record: Record, sort: Sequence[SortKey]) -> Place:
    """Return where *record* stands."""
    if not sort:
        return Place((record.entries.low if record.entries else EARLIEST,), record.number)
    return Place(tuple(_value(record, key) for key in sort), record.number)


class Start(NamedTuple):
    """Where a page starts: behind *place*, in a walk that began when the log held *begun* versions."""

    begun: int
    place: Place

    def cursor(self) -> bytes:
        """Return it as bytes."""
        return orjson.dumps([self.begun, list(self.place.values), self.place.number])

    @classmethod
    def read(cls, cursor: bytes, sort: Sequence[SortKey]) -> Start:
        """Return what a cursor says.

        Raises:
            FhirError: MALFORMED for bytes that are no cursor of this order.
        """
        try:
            begun, values, number = orjson.loads(cursor)
            if len(values) == len(_directions(sort)) and isinstance(number, int) and isinstance(begun, int):
                return cls(begun, Place(tuple(values), number))
        except (ValueError, TypeError):
            pass
        raise refuse(ErrorKind.MALFORMED, "The cursor is not one of this search.")


Placed = tuple[Place, Record]


def ordered(found: Sequence[Placed], sort: Sequence[SortKey], start: Start | None = None) -> list[Placed]:
    """Return records in the order of *sort*, those behind *start*; without a sort, the newest by primary date first."""
    compare = partial(_compare, descending=_directions(sort))
    if start is not None:
        found = [each for each in found if compare(each[0], start.place) > 0]
    key = cmp_to_key(compare)
    return sorted(found, key=lambda each: key(each[0]))


def _directions(sort: Sequence[SortKey]) -> tuple[bool, ...]:
    return tuple(key.descending for key in sort) or (True,)


def _compare(one: Place, other: Place, descending: Sequence[bool]) -> int:
    for mine, theirs, reverse in zip(one.values, other.values, descending, strict=True):
        if mine is None or theirs is None:
            sign = (mine is None) - (theirs is None)
        else:
            sign = _compare_values(theirs, mine) if reverse else _compare_values(mine, theirs)
        if sign:
            return sign
    return other.number - one.number


def _compare_values(one: str | float, other: str | float) -> int:
    if isinstance(one, str) or isinstance(other, str):
        return (str(one) > str(other)) - (str(one) < str(other))
    return (one > other) - (one < other)


def _value(record: Record, key: SortKey) -> SortValue:
    if key.parameter is None:
        return record.version.key.logical_id if key.code == "_id" else record.version.last_updated
    entries = [entry for parameter in key.parameters for entry in record.index.get(parameter.key, ())]
    values = [value for entry in entries if (value := _entry_value(entry)) is not None]
    if not values:
        return None
    return (max if key.descending else min)(values, key=cmp_to_key(_compare_values))


def _entry_value(entry: Entry) -> SortValue:
    match entry:
        case StringEntry(text=text):
            return fold(text)
        case TokenEntry(code=code) | IdentifierEntry(code=code):
            return code
        case ReferenceEntry(target=target):
            return None if target.startswith("|") else target
        case DateEntry(low=low):
            return low
        case NumberEntry(value=value) | QuantityEntry(value=value):
            return value
        case RangeEntry(low=low, high=high):
            return high if low == -math.inf else low
        case UriEntry(uri=uri):
            return uri
        case CompositeEntry() | TextEntry() | WordsEntry():
            return None
