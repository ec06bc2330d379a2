"""Rows of one field that another field chooses between, such as those of OBX-5 by the data type in OBX-2.

The value of the other field is asked once; rows that it rules out are not looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from adapters.hl7.mapping.datatypes import Compiled
from mappings.conditions import All, Condition, Kind, Operand, Question, Source, compile_condition

_FEWEST = 3
"""Rows that have to share a question, so that asking it once pays."""


class Choice:
    """The rows of a field, by the value of another one.

    Attributes:
        operand: the other field.
    """

    def __init__(self, operand: Operand, rows: Sequence[Compiled]) -> None:
        self.operand = operand
        self._rows = [(row, _guard(row.condition, operand)) for row in rows]
        self._chosen: dict[str, list[Compiled]] = {
            value: self._choose(value) for _, guard in self._rows if guard is not None for value in guard
        }
        self._others = [row for row, guard in self._rows if guard is None]

    def rows(self, source: Source) -> list[Compiled]:
        """Return the rows that may count."""
        found = source.values(self.operand)
        return self._chosen.get(found[0], self._others) if found else self._others

    def _choose(self, value: str) -> list[Compiled]:
        return [
            row if guard is None else _without(row, self.operand)
            for row, guard in self._rows
            if guard is None or value in guard
        ]


def choice(segment: str, position: int, rows: Sequence[Compiled]) -> Choice | None:
    """Return the rows of a field by another field of the same segment; None where no other field chooses."""
    counts = Counter(
        part.operand
        for row in rows
        for part in _parts(row.condition)
        if _is_guard(part) and part.operand.name == segment and part.operand.field != position
    )
    if not counts:
        return None
    operand, number = counts.most_common(1)[0]
    return Choice(operand, rows) if number >= _FEWEST else None


def _parts(condition: Condition | None) -> list[Question]:
    listed = condition.parts if isinstance(condition, All) else (condition,)
    return [part for part in listed if isinstance(part, Question)]


def _is_guard(part: Question) -> bool:
    plain = all(isinstance(value, str) for value in part.values)
    return part.kind is Kind.IN and not part.negated and plain and not part.operand.component


def _guard(condition: Condition | None, operand: Operand) -> frozenset[str] | None:
    found = next((part for part in _parts(condition) if _is_guard(part) and part.operand == operand), None)
    return None if found is None else frozenset(str(value) for value in found.values)


def _without(row: Compiled, operand: Operand) -> Compiled:
    """Return a row that no longer asks what was asked already."""
    listed = row.condition.parts if isinstance(row.condition, All) else (row.condition,)
    rest = tuple(
        part
        for part in listed
        if part is not None and not (isinstance(part, Question) and _is_guard(part) and part.operand == operand)
    )
    asked = compile_condition(All(rest) if len(rest) > 1 else rest[0]) if rest else None
    return replace(row, asked=asked)
