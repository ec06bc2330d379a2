"""Full text: the words of a resource and of its narrative, for ``_content`` and ``_text``.

A resource has one entry for each, the set of its words: most resources of a type share theirs with others, and a store
keeps a set once.

Spec: https://hl7.org/fhir/R4/search.html#content
"""

from __future__ import annotations

import html
import re
from functools import cache, lru_cache
from typing import Any, Final

from fhir_api.search.clause_trees import with_values
from fhir_api.search.entries import IndexEntries, WordsEntry, parameter_key
from fhir_api.search.folding import fold
from fhir_api.search.query import AllClause, AnyClause, Clause, Parameter, StringValue, ValueClause, WordsValue
from fhir_api.search.text_query import any_text, text_clause

FULL_TEXT: Final = frozenset({"_text", "_content"})
"""The parameters that look for words."""

_SILENT: Final = frozenset({
    "id", "reference", "system", "url", "div", "data", "profile", "source", "versionId", "lastUpdated", "contentType",
})  # fmt: skip
"""Properties that name or link something, or hold no text (the narrative is read apart)."""

_WORDLESS: Final = re.compile(r"\d{4}(-\d\d|$)|[a-z][a-z0-9+.-]*:\S+$|[0-9a-f]{8}-[0-9a-f]{4}-|\d\d:\d\d:")
"""Dates, times, URLs and UUIDs."""

_LONGEST: Final = 64
_TAGS: Final = re.compile(r"<[^>]*>")


def add_words(entries: IndexEntries, resource_type: str, tree: dict[str, Any]) -> None:
    """Add the words of a resource, and those of its narrative."""
    texts: list[str] = []
    _collect(tree, texts)
    words = _together(frozenset(texts))
    narrative = _narrative(tree)
    if narrative:
        entries.words.append(WordsEntry(_key(resource_type, "_text"), narrative))
        words |= narrative
    if words:
        entries.words.append(WordsEntry(_key(resource_type, "_content"), words))


_key = cache(parameter_key)


def _narrative(tree: dict[str, Any]) -> frozenset[str]:
    text = tree.get("text")
    division = text.get("div") if isinstance(text, dict) else None
    return _split(html.unescape(_TAGS.sub(" ", division))) if isinstance(division, str) else frozenset()


def _collect(value: dict[str, Any], texts: list[str]) -> None:
    """Add to *texts* those of an element and of what is in it."""
    for name, inner in value.items():
        if name in _SILENT:
            continue
        kind = type(inner)
        if kind is str:
            # most texts that begin with a digit are dates
            if not (inner[:4].isdigit() and _WORDLESS.match(inner)):
                texts.append(inner)
        elif kind is dict:
            _collect(inner, texts)
        elif kind is list:
            for each in inner:
                if type(each) is dict:
                    _collect(each, texts)
                elif type(each) is str:
                    texts.append(each)


@lru_cache(maxsize=4096)
def _together(texts: frozenset[str]) -> frozenset[str]:
    """Return the words of all *texts*; most resources of a type have the same."""
    return frozenset().union(*map(_words, texts))


@lru_cache(maxsize=16384)
def _words(text: str) -> frozenset[str]:
    return frozenset() if _WORDLESS.match(text) else _split(text)


def _split(text: str) -> frozenset[str]:
    return frozenset(word[:_LONGEST] for word in fold(text).split())


def words_clause(resource_type: str, code: str, texts: list[str]) -> Clause:
    """Return the clause that the words of a resource are what one of *texts* asks for.

    Raises:
        FhirError: MALFORMED for a text that cannot be read, or has no words.
    """
    parameter = Parameter(resource_type, code, "token", parameter_key(resource_type, code), "", "")
    searched = ValueClause(parameter, "words", ())
    return any_text(text_clause(code, searched, text, _split) for text in texts)


def text_of_words(parameter: Parameter, texts: list[str]) -> Clause:
    """Return the clause that words of the texts of a string parameter begin as one of *texts* asks for.

    Raises:
        FhirError: MALFORMED for a text that cannot be read, or has no words.
    """
    searched = ValueClause(parameter, "word", ())
    split = (text_clause(f"{parameter.code}:text", searched, text, _split) for text in texts)
    return with_values(any_text(split), _each_word)


def _each_word(clause: ValueClause) -> Clause:
    sets = (value.words for value in clause.values if isinstance(value, WordsValue))
    return AnyClause(
        tuple(
            AllClause(tuple(ValueClause(clause.parameter, "word", (StringValue(word),)) for word in words))
            for words in sets
        )
    )


def matches(entry: WordsEntry, value: WordsValue, modifier: str | None = None) -> bool:
    """Tell whether all words of the value are there."""
    return entry.words.issuperset(value.words)
