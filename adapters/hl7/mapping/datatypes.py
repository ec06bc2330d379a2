"""Sheets of data types, ready to fill elements: the rows of ``CX[Identifier]``, by the part of the value each is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from adapters.hl7.encoding.segment import NULL
from adapters.hl7.mapping.asking import PartSource
from adapters.hl7.mapping.run import Place, Run, leaf
from adapters.hl7.mapping.targets import Building
from mappings.conditions import Condition, Operand, Source
from mappings.conditions.compiler import Asked
from mappings.rows import Row


class Asker(Source, Protocol):
    """A source that knows which part is in hand."""

    own: int


class _Nowhere:
    """The source of rows that ask nothing."""

    own = 0

    def values(self, operand: Operand) -> Sequence[str]:
        return ()

    def count(self, operand: Operand) -> int:
        return 0


NOWHERE = _Nowhere()


Action = Callable[[Run, Building, str, Place, int, Asker], bool]
"""Fills an element of *content* from *text*, which stands at *place*; tells whether it did."""


@dataclass(slots=True)
class Compiled:
    """A row ready to run.

    Attributes:
        row: as merged.
        part: position of the field or component; 0 for the whole.
        asked: its condition; None for always.
        act: what it does.
        when_empty: whether it may count although its own place is empty.
        consults: places whose values the condition or text uses up.
        condition: the condition as it was read; None for always, and where a function answers.
    """

    row: Row
    part: int
    asked: Asked | None
    act: Action
    when_empty: bool
    consults: tuple[Operand, ...]
    condition: Condition | None = None


@dataclass(slots=True)
class DataType:
    """A sheet of a data type.

    Attributes:
        name: of the v2 type: ``CX``.
        type: FHIR type that it fills; empty where it yields one value.
        rows: its rows.
        special: the function that does it instead of rows.
    """

    name: str
    type: str
    rows: list[Compiled] = field(default_factory=list)
    special: Callable[[Run, Building, str, Place, int], bool] | None = None
    asks: bool = False
    whole: list[Compiled] = field(default_factory=list)
    by_part: list[list[Compiled]] = field(default_factory=list)
    empty: list[Compiled] = field(default_factory=list)

    def ready(self) -> None:
        """Sort the rows by the part that each is of."""
        self.asks = any(row.asked is not None or row.consults for row in self.rows)
        self.whole = [row for row in self.rows if not row.part]
        most = max((row.part for row in self.rows), default=0)
        self.by_part = [[row for row in self.rows if row.part == part] for part in range(1, most + 1)]
        self.empty = [row for row in self.rows if row.part and row.when_empty]

    def fill(self, run: Run, content: Building, text: str, place: Place, scope: int) -> bool:
        """Fill the element *content* from the value *text*; tell whether anything was there."""
        if self.special is not None:
            return self.special(run, content, text, place, scope)
        return self._fill(run, content, text, place, scope)

    def _fill(self, run: Run, content: Building, text: str, place: Place, scope: int) -> bool:
        parts = run.parts(text, place)
        source: Asker = PartSource(run, self.name, parts) if self.asks else NOWHERE
        done = False
        for row in self.whole:
            done |= self._run(row, run, content, text, place, place, scope, source)
        for number, (own, rows) in enumerate(zip(parts, self.by_part, strict=False), 1):
            if own and own != NULL and rows:
                inside = (*place, number)
                for row in rows:
                    if row.asked is None and not row.consults:
                        done |= row.act(run, content, own, inside, scope, source)
                    else:
                        done |= self._run(row, run, content, own, inside, place, scope, source)
        for row in self.empty:
            if row.part > len(parts) or parts[row.part - 1] in NOTHING:
                done |= self._run(row, run, content, "", (*place, row.part), place, scope, source)
        return done

    def _run(
        self,
        row: Compiled,
        run: Run,
        content: Building,
        own: str,
        inside: Place,
        place: Place,
        scope: int,
        source: Asker,
    ) -> bool:
        if row.asked is not None:
            source.own = row.part
            if not row.asked(source):
                return False
        if not row.act(run, content, own, inside, scope, source):
            return False
        for each in row.consults:
            if each.field and each.name in {"", self.name}:
                run.used.append(leaf((*place, each.field)))
        return True

    def value(self, run: Run, text: str, place: Place) -> tuple[str, Place]:
        """Return the one value of *text* and where it stands; an empty one where no row yields any."""
        parts = run.parts(text, place)
        source = PartSource(run, self.name, parts)
        for row in self.rows:
            part = row.part
            own = (parts[part - 1] if part <= len(parts) else "") if part else text
            if own in NOTHING:
                continue
            source.own = part
            if row.asked is not None and not row.asked(source):
                continue
            holder: Building = {}
            if row.act(run, holder, own, (*place, part) if part else place, 0, source):
                for each in row.consults:
                    if each.field and each.name in {"", self.name}:
                        run.used.append(leaf((*place, each.field)))
                return holder["valueString"], leaf((*place, part))
        return "", place


NOTHING = frozenset({"", NULL})
