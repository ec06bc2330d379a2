"""From a condition to a closure that asks it of a message."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Protocol

from mappings.conditions.model import All, Condition, Kind, Operand, Question


class Source(Protocol):
    """What conditions ask: a message at one place of a mapping."""

    def values(self, operand: Operand) -> Sequence[str]:
        """Return the values at a place, one for each repetition; empty ones and nulls are left out."""
        ...

    def count(self, operand: Operand) -> int:
        """Return how many repetitions of a place are valued."""
        ...


Asked = Callable[[Source], bool]

_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def compile_condition(condition: Condition) -> Asked:
    """Return a function that tells whether *condition* holds."""
    if isinstance(condition, Question):
        asked = _test(condition)
        return _negated(asked) if condition.negated else asked
    parts = [compile_condition(part) for part in condition.parts]
    join = _both if isinstance(condition, All) else _either
    asked = parts.pop()
    while parts:
        asked = join(parts.pop(), asked)
    return asked


def _both(first: Asked, second: Asked) -> Asked:
    return lambda source: first(source) and second(source)


def _either(first: Asked, second: Asked) -> Asked:
    return lambda source: first(source) or second(source)


def _negated(asked: Asked) -> Asked:
    return lambda source: not asked(source)


def _test(test: Question) -> Asked:
    operand = test.operand
    if test.kind is Kind.VALUED:
        return lambda source: bool(source.values(operand))
    if test.kind is Kind.IN:
        return _in(test)
    compare, number = _COMPARISONS[test.comparison], test.number
    if test.kind is Kind.COUNT:
        return lambda source: compare(source.count(operand), number)
    return lambda source: compare(len(next(iter(source.values(operand)), "")), number)


def _in(test: Question) -> Asked:
    operand = test.operand
    texts = frozenset(value for value in test.values if not isinstance(value, Operand))
    places = tuple(value for value in test.values if isinstance(value, Operand))
    if not places:
        return lambda source: not texts.isdisjoint(source.values(operand))

    def asked(source: Source) -> bool:
        wanted = texts.union(*(source.values(place) for place in places))
        return not wanted.isdisjoint(source.values(operand))

    return asked
