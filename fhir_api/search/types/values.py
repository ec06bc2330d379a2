"""Values of queries of every type: reading them and comparing index entries with them."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.search import words
from fhir_api.search.entries import Component, CompositeEntry, TextEntry, WordsEntry
from fhir_api.search.query import CompositeValue, NearValue, Parameter, Value, WordsValue
from fhir_api.search.types import composite, near
from fhir_api.search.types.reading import Reading
from fhir_api.search.types.registry import MATCHERS, PARSERS


def parse_value(parameter: Parameter, text: str, reading: Reading, modifier: str | None = None) -> Value:
    """Read one value (between commas) of a parameter.

    Raises:
        FhirError: MALFORMED, saying what is expected.
    """
    return parse_values(parameter, (text,), reading, modifier)[0]


def parse_values(
    parameter: Parameter, texts: Sequence[str], reading: Reading, modifier: str | None = None
) -> tuple[Value, ...]:
    """Read values of a parameter, of which there may be thousands; see :func:`parse_value`."""
    if parameter.type == "composite":
        return tuple([composite.parse(parameter, text, reading) for text in texts])
    parse = PARSERS[parameter.type]
    return tuple([parse(parameter, text, reading, modifier) for text in texts])


def matches(
    entry: Component | CompositeEntry | TextEntry | WordsEntry, value: Value, modifier: str | None = None
) -> bool:
    """Tell whether one index entry is what *value* asks for."""
    if isinstance(entry, CompositeEntry):
        if isinstance(value, NearValue):
            return near.matches(entry, value)
        return isinstance(value, CompositeValue) and composite.matches(entry, value)
    if isinstance(entry, WordsEntry):
        return isinstance(value, WordsValue) and words.matches(entry, value)
    return MATCHERS[type(entry)](entry, value, modifier)
