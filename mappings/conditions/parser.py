"""From the text of a condition to its parts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from mappings.conditions.model import All, Any, Condition, Kind, Operand, Question
from mappings.errors import MappingError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"[^"]*"|'[^']*')
    | (?P<sign>>=|<=|[()=><,])
    | (?P<number>\d+(?![\w.]))
    | (?P<word>[A-Za-z][A-Za-z0-9]*(?:[-.][A-Za-z0-9]+)*)
    )""",
    re.VERBOSE,
)
_OPERAND = re.compile(r"([A-Z][A-Z0-9]{1,2})(?:[-.](\d+)(?:\.(\d+))?)?")
_SIGNS = frozenset({"=", ">", "<", ">=", "<="})
_WORDS = frozenset(
    ("IF", "AND", "OR", "NOT", "IS", "ARE", "IN", "VALUED", "VALUE", "EMPTY", "DOES", "EXIST", "EQUALS", "EQUAL", "TO",
     "COUNT", "LST.COUNT", "LENGTH", "GREATER", "LESS", "THAN")
)  # fmt: skip


class _Token(NamedTuple):
    kind: str
    text: str


class _Bare(NamedTuple):
    """An operand that has no test yet."""

    operand: Operand


def parse_condition(text: str) -> Condition:
    """Return the condition that *text* writes.

    Raises:
        MappingError: it does not follow the grammar; the message says at which word.
    """
    parser = _Parser(_tokens(text), text)
    found = parser.alternatives()
    parser.expect_end()
    return found


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    stripped = text.rstrip()
    while place < len(stripped):
        found = _TOKEN.match(stripped, place)
        if found is None:
            raise MappingError(f"condition {text!r}: {stripped[place:]!r} is not understood")
        kind = found.lastgroup or ""
        tokens.append(_Token(kind, found[kind]))
        place = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self._place = 0
        self._subject = Operand()

    def expect_end(self) -> None:
        if self._place < len(self._tokens):
            raise self._refused("the end")

    def alternatives(self) -> Condition:
        found = self._chain("OR", self._together, Any)
        if isinstance(found, _Bare):
            raise self._refused("a test")
        return found

    def _together(self) -> Condition | _Bare:
        return self._chain("AND", self._factor, All)

    def _chain(
        self, word: str, read: Callable[[], Condition | _Bare], kind: Callable[[tuple[Condition, ...]], Condition]
    ) -> Condition | _Bare:
        """Return parts joined by *word*; operands without a test get that of the next part with one."""
        parts = [read()]
        while self._take(word):
            parts.append(read())
        last = parts[-1]
        if isinstance(last, _Bare):
            if len(parts) == 1:
                return last
            raise self._refused("a test")
        tested: list[Condition] = []
        for each in reversed(parts):
            last = self._like(last, each.operand) if isinstance(each, _Bare) else each
            tested.append(last)
        return tested[0] if len(tested) == 1 else kind(tuple(reversed(tested)))

    def _like(self, condition: Condition, operand: Operand) -> Question:
        """Return the first test of *condition*, asked of *operand*."""
        while not isinstance(condition, Question):
            condition = condition.parts[0]
        return replace(condition, operand=operand)

    def _factor(self) -> Condition | _Bare:
        self._take("IF")
        if self._take("("):
            found = self.alternatives()
            self._expect(")")
            return found
        operand = self._operand()
        if operand is not None:
            self._subject = operand
        test = self._test()
        if test is not None:
            return test
        if operand is None:
            raise self._refused("a place or a test")
        return _Bare(operand)

    def _test(self) -> Question | None:
        if self._take("DOES"):
            self._expect("NOT")
            self._expect("EXIST")
            return Question(self._subject, Kind.VALUED, negated=True)
        measured = self._measured()
        if measured is not None:
            return measured
        is_said = self._take("IS") or self._take("ARE")
        negated = self._take("NOT")
        if self._take("VALUED") or self._take("VALUE"):
            return Question(self._subject, Kind.VALUED, negated)
        if self._take("EMPTY"):
            return Question(self._subject, Kind.VALUED, not negated)
        if self._take("IN"):
            return Question(self._subject, Kind.IN, negated, self._list())
        if self._equals() or is_said or negated:
            return Question(self._subject, Kind.IN, negated, (self._value(),))
        return None

    def _measured(self) -> Question | None:
        kind = Kind.COUNT if self._take("COUNT") or self._take("LST.COUNT") else None
        if kind is None and self._take("LENGTH"):
            kind = Kind.LENGTH
        if kind is None:
            return None
        comparison, number = self._comparison(), self._next()
        if number is None or number.kind != "number":
            raise self._refused("a number")
        self._place += 1
        return Question(self._subject, kind, comparison=comparison, number=int(number.text))

    def _comparison(self) -> str:
        token = self._next()
        if token is not None and token.text in _SIGNS:
            self._place += 1
            return token.text
        sign = ">" if self._take("GREATER") else "<" if self._take("LESS") else ""
        if sign:
            self._expect("THAN")
            if not self._take("OR"):
                return sign
        if self._equals():
            return f"{sign}="
        raise self._refused("a comparison")

    def _equals(self) -> bool:
        if self._take("="):
            return True
        if self._take("EQUALS") or self._take("EQUAL"):
            self._take("TO")
            return True
        return False

    def _list(self) -> tuple[str | Operand, ...]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> str | Operand:
        token = self._next()
        if token is not None and token.kind == "text":
            self._place += 1
            return token.text[1:-1]
        operand = self._operand()
        if operand is None:
            raise self._refused("a text in quotes or a place")
        return operand

    def _operand(self) -> Operand | None:
        token = self._next()
        if token is None or token.kind != "word" or token.text.upper() in _WORDS:
            return None
        found = _OPERAND.fullmatch(token.text)
        if found is None:
            raise self._refused("a place such as PID-3.1")
        self._place += 1
        return Operand(found[1], int(found[2] or 0), int(found[3] or 0))

    def _next(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        token = self._next()
        if token is None or token.kind == "text" or token.text.upper() != word:
            return False
        self._place += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._refused(word)

    def _refused(self, expected: str) -> MappingError:
        token = self._next()
        found = repr(token.text) if token is not None else "the end"
        return MappingError(f"condition {self._text!r}: found {found}, expected {expected}")
