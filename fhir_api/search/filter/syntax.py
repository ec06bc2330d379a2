"""The grammar of ``_filter``: from text to a tree of comparisons.

Spec: https://hl7.org/fhir/R4/search_filter.html, grammar
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from fhir_api.search.refusals import bad_value

OPERATORS: Final = frozenset(
    {"eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re"}
)
DEEPEST: Final = 32
"""How deep brackets may nest."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<mark>[()\[\].])
      | (?P<name>[A-Za-z_][A-Za-z0-9_\-]*(?::[A-Za-z\-]+)?)
    )""",
    re.VERBOSE,
)
_VALUE = re.compile(r'\s*(?P<value>"(?:[^"\\]|\\.)*"|[^\s()\[\]]+)')
_ESCAPE = re.compile(r"\\(.)")


class Step(NamedTuple):
    """One name of a path: a reference to follow, or the parameter at the end.

    Attributes:
        name: a search parameter.
        where: what the resource behind the reference has to fulfil besides; None for nothing.
    """

    name: str
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path operator value``.

    Attributes:
        path: references to follow, then a parameter.
        operator: one of ``OPERATORS``.
        value: without its quotation marks.
        is_text: whether it stood in quotation marks.
    """

    path: tuple[Step, ...]
    operator: str
    value: str
    is_text: bool


@dataclass(frozen=True, slots=True)
class Not:
    """``not (…)``."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class And:
    """All of several expressions."""

    members: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of several expressions."""

    members: tuple[Expression, ...]


Expression = Comparison | Not | And | Or


def parse(text: str) -> Expression:
    """Read a filter; ``and`` binds closer than ``or``.

    Raises:
        FhirError: MALFORMED, with the position of what is not expected there.
    """
    reader = _Reader(text)
    expression = reader.disjunction(0)
    if not reader.is_at_end():
        raise reader.unexpected("'and', 'or' or the end")
    return expression


class _Reader:
    """Reads from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def is_at_end(self) -> bool:
        return not self._text[self._at :].strip()

    def unexpected(self, expected: str) -> Exception:
        # the text itself is not repeated: it holds what is searched for
        return bad_value("_filter", f"{expected} at character {self._at + 1}")

    def disjunction(self, depth: int) -> Expression:
        members = [self._conjunction(depth)]
        while self._takes("or"):
            members.append(self._conjunction(depth))
        return members[0] if len(members) == 1 else Or(tuple(members))

    def _conjunction(self, depth: int) -> Expression:
        members = [self._term(depth)]
        while self._takes("and"):
            members.append(self._term(depth))
        return members[0] if len(members) == 1 else And(tuple(members))

    def _term(self, depth: int) -> Expression:
        if depth > DEEPEST:
            raise self.unexpected(f"at most {DEEPEST} brackets inside each other")
        if self._takes("("):
            return self._closed(self.disjunction(depth + 1), ")")
        before = self._at
        if self._takes("not"):
            if self._takes("("):
                return Not(self._closed(self.disjunction(depth + 1), ")"))
            self._at = before
        return self._comparison(depth)

    def _closed(self, inside: Expression, mark: str) -> Expression:
        if not self._takes(mark):
            raise self.unexpected(f"'{mark}'")
        return inside

    def _comparison(self, depth: int) -> Comparison:
        path = [self._step(depth)]
        while self._takes("."):
            path.append(self._step(depth))
        if path[-1].where is not None:
            raise self.unexpected("'.' and a search parameter")
        operator = self._word()
        if operator not in OPERATORS:
            raise self.unexpected(f"an operator ({', '.join(sorted(OPERATORS))})")
        value = _VALUE.match(self._text, self._at)
        if value is None:
            raise self.unexpected("a value")
        self._at = value.end()
        found = value["value"]
        is_text = found.startswith('"')
        return Comparison(tuple(path), operator, _ESCAPE.sub(r"\1", found[1:-1]) if is_text else found, is_text)

    def _step(self, depth: int) -> Step:
        name = self._word()
        if name is None:
            raise self.unexpected("a search parameter")
        where = self._closed(self.disjunction(depth + 1), "]") if self._takes("[") else None
        return Step(name, where)

    def _word(self) -> str | None:
        token = _TOKEN.match(self._text, self._at)
        if token is None or token["name"] is None:
            return None
        self._at = token.end()
        return token["name"]

    def _takes(self, expected: str) -> bool:
        token = _TOKEN.match(self._text, self._at)
        if token is None or expected not in (token["mark"], token["name"]):
            return False
        self._at = token.end()
        return True
