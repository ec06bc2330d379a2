"""String parameters.

Spec: https://hl7.org/fhir/R4/search.html#string
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_api.search.entries import StringEntry, new_entry
from fhir_api.search.folding import fold
from fhir_api.search.query import Parameter, StringValue
from fhir_api.search.types.escapes import unescape
from fhir_api.search.types.reading import Reading

Add = Callable[[StringEntry], None]


def string(add: Add, key: int, value: str) -> None:
    """Add a text as written."""
    add(new_entry(StringEntry, (key, value)))


def human_name(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add each part of a HumanName."""
    for name in ("family", "text"):
        if part := value.get(name):
            add(new_entry(StringEntry, (key, part)))
    for name in ("given", "prefix", "suffix"):
        for part in value.get(name) or ():
            if part is not None:
                add(new_entry(StringEntry, (key, part)))


def address(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add each part of an Address."""
    for part in value.get("line") or ():
        if part is not None:
            add(new_entry(StringEntry, (key, part)))
    for name in ("city", "district", "state", "postalCode", "country", "text"):
        if part := value.get(name):
            add(new_entry(StringEntry, (key, part)))


LEAVES: dict[str, Callable[..., None]] = {
    **dict.fromkeys(("string", "markdown", "code", "id", "uri"), string),
    "HumanName": human_name,
    "Address": address,
}
"""What each FHIR type puts into the index."""


def parse(parameter: Parameter, text: str, reading: Reading, modifier: str | None = None) -> StringValue:
    """Read a text."""
    return StringValue(unescape(text))


def matches(entry: StringEntry, value: StringValue, modifier: str | None = None) -> bool:
    """Tell whether a text starts with the value, contains it, or (``:exact``) equals it.

    But for ``:exact`` both are folded; a value of punctuation only then matches nothing.
    """
    if modifier == "exact":
        return entry.text == value.text
    wanted = fold(value.text)
    if not wanted:
        return False
    if modifier == "contains":
        return wanted in fold(entry.text)
    return fold(entry.text).startswith(wanted)
