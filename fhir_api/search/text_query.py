"""What ``_text`` and ``_content`` ask for: words with ``AND``, ``OR``, ``NOT`` or ``-``, brackets and quotation marks.

Words that stand side by side all have to be there, in any order, those in quotation marks as well. ``AND`` and ``OR``
count in any case, as in the specification's example ``(bone OR liver) and metastases``; ``NOT`` in capitals.

Spec: https://hl7.org/fhir/R4/search.html#text
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from fhir_api.model.errors import FhirError
from fhir_api.search.query import AllClause, AnyClause, Clause, NotClause, ValueClause, WordsValue
from fhir_api.search.refusals import bad_value

_TOKEN: Final = re.compile(r'[()]|-?"[^"]*"|-\(|[^\s()"]+')
_DEEPEST: Final = 32
"""How many brackets may stand within each other."""


def text_clause(name: str, parameter_clause: ValueClause, text: str, words: Callable[[str], frozenset[str]]) -> Clause:
    """Return what *text* asks for.

    Args:
        name: of the search parameter, for refusals.
        parameter_clause: on the parameter that is searched; its values are replaced.
        text: of the client.
        words: gives the words of a text as they are indexed.

    Raises:
        FhirError: MALFORMED where brackets do not fit, or a word is missing.
    """
    reader = _TextReader(name, parameter_clause, words, deque(_tokens(text)))
    found = reader.either()
    if reader.waiting:
        raise reader.refusal()
    return found


def any_text(clauses: Iterable[Clause]) -> Clause:
    """Return the clause that one of *clauses* holds; words alone become values of one clause."""
    each = tuple(clauses)
    values = tuple(value for clause in each if isinstance(clause, ValueClause) for value in clause.values)
    first = next((clause for clause in each if isinstance(clause, ValueClause)), None)
    others = tuple(clause for clause in each if not isinstance(clause, ValueClause))
    if first is None:
        return others[0] if len(others) == 1 else AnyClause(others)
    together = replace(first, values=values)
    return AnyClause((together, *others)) if others else together


def _tokens(text: str) -> list[str]:
    """Return words, brackets, operators and quoted texts; a minus before something becomes ``NOT``."""
    found: list[str] = []
    for token in _TOKEN.findall(text):
        found += ["NOT", token[1:]] if token[0] == "-" and len(token) > 1 else [token]
    return found


@dataclass(slots=True)
class _TextReader:
    name: str
    clause: ValueClause
    words: Callable[[str], frozenset[str]]
    waiting: deque[str]
    depth: int = 0

    def either(self) -> Clause:
        """Read alternatives."""
        sides = [self._both()]
        while self._takes("or"):
            sides.append(self._both())
        return any_text(sides)

    def _both(self) -> Clause:
        members = [self._one()]
        while self._takes("and") or (self.waiting and not self._is_end(self.waiting[0])):
            members.append(self._one())
        return self._all(members)

    def _one(self) -> Clause:
        negated = False
        while self.waiting and self.waiting[0] == "NOT":
            self.waiting.popleft()
            negated = not negated
        found = self._bracket() if self._takes("(") else self._words()
        return NotClause(found) if negated else found

    def _bracket(self) -> Clause:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.refusal()
        inside = self.either()
        if not self._takes(")"):
            raise self.refusal()
        self.depth -= 1
        return inside

    def _words(self) -> Clause:
        token = self.waiting.popleft() if self.waiting else ""
        sought = self.words(token)
        if not sought or self._is_end(token):
            raise self.refusal()
        return replace(self.clause, values=(WordsValue(tuple(sorted(sought))),))

    def _all(self, members: list[Clause]) -> Clause:
        """Return the clause that all *members* hold; words become one value."""
        together: set[str] = set()
        others: list[Clause] = []
        for member in members:
            match member:
                case ValueClause(values=(WordsValue(words),)):
                    together.update(words)
                case _:
                    others.append(member)
        if together:
            others.insert(0, replace(self.clause, values=(WordsValue(tuple(sorted(together))),)))
        return others[0] if len(others) == 1 else AllClause(tuple(others))

    def _takes(self, token: str) -> bool:
        if self.waiting and self.waiting[0].lower() == token:
            self.waiting.popleft()
            return True
        return False

    @staticmethod
    def _is_end(word: str) -> bool:
        return word == ")" or word.lower() == "or"

    def refusal(self) -> FhirError:
        """Make the error for a text that cannot be read."""
        return bad_value(self.name, "words, with 'AND', 'OR', 'NOT', brackets and quotation marks between them")
