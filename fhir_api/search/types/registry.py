"""Every type of search parameter by its name, but for ``composite``, which is built from these.

Spec: https://hl7.org/fhir/R4/valueset-search-param-type.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fhir_api.search.entries import (
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
)
from fhir_api.search.query import Parameter, Value
from fhir_api.search.types import date, near, number, quantity, ranges, reference, sound, string, token, uri
from fhir_api.search.types.reading import Reading

LEAVES: Final[Mapping[str, Mapping[str, Callable[..., None]]]] = {
    "token": token.LEAVES,
    "reference": reference.LEAVES,
    "date": date.LEAVES,
    "string": string.LEAVES,
    "number": number.LEAVES,
    "quantity": quantity.LEAVES,
    "uri": uri.LEAVES,
    "special": near.LEAVES,
}
"""For each type of parameter and each FHIR type: what puts an element into the index."""


def leaves(parameter: Parameter) -> Mapping[str, Callable[..., None]]:
    """Return what puts an element of each FHIR type into the index of *parameter*."""
    return sound.LEAVES if parameter.by_sound else LEAVES[parameter.type]


PARSERS: Final[Mapping[str, Callable[[Parameter, str, Reading, str | None], Value]]] = {
    "token": token.parse,
    "reference": reference.parse,
    "date": date.parse,
    "string": string.parse,
    "number": number.parse,
    "quantity": quantity.parse,
    "uri": uri.parse,
    "special": near.parse,
}
"""For each type of parameter: what reads one value of a query."""

MATCHERS: Final[Mapping[type, Callable[[Any, Any, str | None], bool]]] = {
    TokenEntry: token.matches,
    IdentifierEntry: token.matches,
    TextEntry: token.text_matches,
    ReferenceEntry: reference.matches,
    DateEntry: date.matches,
    StringEntry: string.matches,
    NumberEntry: number.matches,
    QuantityEntry: quantity.matches,
    RangeEntry: ranges.matches,
    UriEntry: uri.matches,
}
"""For each kind of entry: what compares it with a value."""
