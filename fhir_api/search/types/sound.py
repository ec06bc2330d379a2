"""String parameters that find names by their sound: ``phonetic``.

The words of a name and of a value are compared by what Metaphone makes of them, letter for letter.

Spec: https://hl7.org/fhir/R4/patient.html#search
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from jellyfish import metaphone

from fhir_api.search.entries import StringEntry, new_entry
from fhir_api.search.folding import fold
from fhir_api.search.query import AllClause, AnyClause, Clause, Parameter, StringValue, ValueClause
from fhir_api.search.types.escapes import unescape
from fhir_api.search.types.string import Add, human_name, string

PARAMETERS: Final = frozenset({
    "http://hl7.org/fhir/SearchParameter/individual-phonetic", "http://hl7.org/fhir/SearchParameter/Organization-phonetic",
})  # fmt: skip
"""URLs of the parameters that are of this kind."""


@lru_cache(maxsize=16384)
def sounds(text: str) -> tuple[str, ...]:
    """Return what each word of *text* sounds like; a word in letters that Metaphone does not know is left as it is."""
    return tuple(metaphone(word) or word for word in fold(text).split())


def _by_sound(leaf: Callable[..., None]) -> Callable[..., None]:
    """Return the function that adds the sounds of what *leaf* adds."""

    def add_sounds(add: Add, key: int, value: Any) -> None:
        def add_each(entry: StringEntry) -> None:
            # a name without words is no missing name
            for sound in sounds(entry.text) or ("",):
                add(new_entry(StringEntry, (key, sound)))

        leaf(add_each, key, value)

    return add_sounds


LEAVES: Final[dict[str, Callable[..., None]]] = {"HumanName": _by_sound(human_name), "string": _by_sound(string)}
"""What each FHIR type puts into the index."""


def clause(parameter: Parameter, texts: Sequence[str]) -> Clause:
    """Return the clause that names sound like every word of one of *texts*."""
    return AnyClause(tuple(_alike(parameter, unescape(text)) for text in texts))


def _alike(parameter: Parameter, text: str) -> Clause:
    words = sounds(text)
    found = tuple(ValueClause(parameter, "equals", (StringValue(word),)) for word in words)
    return AllClause(found) if found else AnyClause(())
