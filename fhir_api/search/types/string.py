"""String parameters.

Spec: https://hl7.org/fhir/R4/search.html#string
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

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


def later_words(add: Add, key: int, value: str) -> None:
    """Add what follows each word but the last of a family name: ``Carreño Quiñones`` is found by either word.

    Spec: https://hl7.org/fhir/R4/search.html#string
    """
    words = fold(value).split()
    for place in range(1, len(words)):
        add(new_entry(StringEntry, (key, " ".join(words[place:]))))


def later_words_of_name(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add the later words of the family name, if there is one."""
    if family := value.get("family"):
        later_words(add, key, family)


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

LATER: dict[str, Callable[..., None]] = {"HumanName": later_words_of_name, "HumanName.family": later_words}
"""What each type, or element, puts into the index under ``Parameter.later``."""


def parse(parameter: Parameter, text: str, reading: Reading, modifier: str | None = None) -> StringValue:
    """Read a text."""
    return StringValue(unescape(text))


def matches(entry: StringEntry, value: StringValue, modifier: str | None = None) -> bool:
    """Tell whether a text starts with the value, contains it, or (``:exact``) equals it.

    But for ``:exact`` both are folded; a value of punctuation only then matches nothing. Comparisons of ``_filter``
    come as the modifiers ``equals``, ``ends-with``, ``gt``, ``lt``, ``ge``, ``le``; the words of ``:text`` as ``word``.
    """
    if modifier == "exact":
        return entry.text == value.text
    wanted = fold(value.text)
    return bool(wanted) and COMPARISONS[modifier](fold(entry.text), wanted)


COMPARISONS: Final[Mapping[str | None, Callable[[str, str], bool]]] = {
    None: str.startswith,
    "contains": str.__contains__,
    "word": lambda text, wanted: f" {wanted}" in f" {text}",
    "equals": str.__eq__,
    "ends-with": str.endswith,
    "gt": str.__gt__,
    "lt": str.__lt__,
    "ge": str.__ge__,
    "le": str.__le__,
}
"""For each modifier: how a folded text is compared with the folded value."""
