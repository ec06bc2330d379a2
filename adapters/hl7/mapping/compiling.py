"""From rows of segments and data types to closures that fill elements.

Each row becomes an :data:`Action`. What is known before a message comes is settled once: the element and its type, the
conversion, the sheet that maps the parts, the table of codes, whether the condition has to be asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import NamedTuple

from adapters.hl7.mapping import actions, functions
from adapters.hl7.mapping.datatypes import Action, Asker, Compiled, DataType
from adapters.hl7.mapping.joining import fixed, function_name, joined
from adapters.hl7.mapping.run import Place, Run
from adapters.hl7.mapping.tables import Table
from adapters.hl7.mapping.targets import Building, Target, compile_target
from adapters.hl7.mapping.writing import FORMS, conversions
from conformance.types import nodes
from mappings.conditions import Condition, Kind, Operand, Question, compile_condition
from mappings.conditions.compiler import Asked
from mappings.corrections import Function, condition_of, linked
from mappings.errors import MappingError
from mappings.merging import Sheets
from mappings.rows import Row

DEFAULT_SHEETS = {
    "CodeableConcept": "CWE[CodeableConcept]",
    "Coding": "CWE[Coding]",
    "HumanName": "XPN[HumanName]",
    "Address": "XAD[Address]",
    "ContactPoint": "XTN[ContactPoint]",
    "Identifier": "CX[Identifier]",
    "Period": "DR[Period]",
}
"""The sheet of a row that names none, by the type of its element."""


class Problem(NamedTuple):
    """A row that is not used.

    Attributes:
        sheet: its sheet.
        line: its line in the file.
        identifier: what it maps.
        text: why.
        origin: ``base``, ``own`` or the file of a site.
    """

    sheet: str
    line: int
    identifier: str
    text: str
    origin: str


class Compiler:
    """Compiles sheets; each data type once.

    Attributes:
        problems: rows that cannot be used.
    """

    def __init__(self, sheets: Sheets) -> None:
        self.sheets = sheets
        self.problems: list[Problem] = []
        self._types: dict[str, DataType] = {}
        self._tables: dict[str, Table] = {}
        self._segments: dict[tuple[str, str], list[Compiled]] = {}
        self._allowed: dict[str, frozenset[str]] = {}
        self._conversions = conversions(sheets.plain.get(FORMS, ()))

    def segment_rows(self, name: str, root: str) -> list[Compiled]:
        """Return the rows of a segment's sheet, for an element of type *root*."""
        if (name, root) not in self._segments:
            self._segments[name, root] = self.rows(name, root, self.sheets.segments[name])
        return self._segments[name, root]

    def table(self, name: str) -> Table:
        """Return a table of codes.

        Raises:
            MappingError: there is none.
        """
        found = linked(self.sheets.tables, name)
        if found is None:
            raise MappingError(f"there is no table {name!r}")
        if found not in self._tables:
            self._tables[found] = Table(found, self.sheets.tables[found])
        return self._tables[found]

    def table_problems(self) -> list[Problem]:
        """Return what is wrong with tables of files: those that no row asks, and codes that no element may have."""
        asked = {*self._tables, functions.SYSTEMS, functions.AUTHORITIES}
        found: list[Problem] = []
        for name, rows in self.sheets.tables.items():
            listed = [row for row in rows if row.file]
            allowed = self._allowed.get(name)
            if listed and name not in asked:
                like = get_close_matches(name, asked, 1)
                meant = f"; is {like[0]} meant?" if like else ""
                found.append(Problem(name, 1, name, f"no row asks a table of this name{meant}", listed[0].file))
            elif allowed is not None:
                wrong = [row for row in listed if row.target and row.target not in allowed]
                codes = ", ".join(sorted(allowed)[:_SHOWN])
                found += [
                    Problem(name, row.line, row.code, f"column target: {row.target!r} is none of {codes}", row.file)
                    for row in wrong
                ]
        return found

    def data_type(self, name: str) -> DataType:
        """Return a data type's sheet.

        Raises:
            MappingError: there is none.
        """
        called = function_name(name)
        if called is not None:
            special = functions.FILLING.get(called)
            if special is None:
                raise MappingError(f"there is no function {called}()")
            return DataType(called, special.type, special=special.fill)
        found = linked(self.sheets.datatypes, name)
        if found is None:
            raise MappingError(f"there is no sheet {name!r} of a data type")
        if found not in self._types:
            short, _, rest = found.partition("[")
            rows = self.sheets.datatypes[found]
            filled = rest.rstrip("]").split("-")[0]
            node = nodes().get(filled)
            is_value = any(row.target == "$value" for row in rows) or node is None or node.kind == "primitive-type"
            compiled = self._types[found] = DataType(short, "" if is_value else filled)
            compiled.rows = self.rows(found, compiled.type, rows)
            compiled.ready()
        return self._types[found]

    def rows(self, sheet: str, root: str, rows: tuple[Row, ...]) -> list[Compiled]:
        """Return the rows of a sheet that write something; those that cannot be used become problems."""
        found: list[Compiled] = []
        for row in rows:
            if not row.target:
                continue
            try:
                found.append(self.row(sheet, root, row))
            except MappingError as error:
                self.problems.append(
                    Problem(sheet, row.line, row.identifier, str(error), self.sheets.origin(sheet, row))
                )
        return found

    def row(self, sheet: str, root: str, row: Row) -> Compiled:
        """Return one row ready to run.

        Raises:
            MappingError: it cannot be used; the text says why.
        """
        with _column("condition"):
            condition = condition_of(sheet, row.condition)
        part = _part(row.identifier)
        asked, consults, when_empty = self._condition(condition, part)
        with _column("target"):
            target = _VALUE if root == "" else compile_target(root, "" if row.target == "$this" else row.target)
        act, more = self._action(root, target, row)
        kept = None if isinstance(condition, Function) else condition
        return Compiled(row, part, asked, act, when_empty, (*consults, *more), kept)

    def _condition(
        self, condition: Condition | Function | None, part: int
    ) -> tuple[Asked | None, tuple[Operand, ...], bool]:
        if condition is None:
            return None, (), False
        if isinstance(condition, Function):
            return functions.asked(condition.name, self.sheets.tables), (), False
        return compile_condition(condition), tuple(_consulted(condition)), _may_be_empty(condition, part)

    def _action(self, root: str, target: Target, row: Row) -> tuple[Action, tuple[Operand, ...]]:
        if row.assignment:
            with _column("assignment"):
                return self._assigned(target, row.assignment)
        with _column("vocabulary"):
            table = self.table(row.vocabulary) if row.vocabulary else None
        if table is not None and target.codes is not None:
            self._allowed[table.name] = self._allowed.get(table.name, frozenset()) | target.codes
        with _column("map"):
            return self._mapped(root, target, row, table)

    def _mapped(self, root: str, target: Target, row: Row, table: Table | None) -> tuple[Action, tuple[Operand, ...]]:
        name = row.map or ("" if target.type == "" or target.is_primitive else DEFAULT_SHEETS.get(target.type, ""))
        if not name:
            if target.type and not target.is_primitive:
                raise MappingError(f"{target.path} is a {target.type}: the row names no sheet that maps its parts")
            return actions.direct(target, table, self._conversion(target)), ()
        kind = self.data_type(name)
        if kind.type == "" and kind.special is None:
            if target.type and not target.is_primitive:
                raise MappingError(f"{target.path} is a {target.type}, {name} yields one value")
            return actions.scalar(target, kind, table, self._conversion(target)), ()
        return actions.composite(root, target, kind, table), ()

    def _conversion(self, target: Target) -> functions.Convert:
        return functions.conversion(target, self.sheets.tables, self._conversions)

    def _assigned(self, target: Target, assignment: str) -> tuple[Action, tuple[Operand, ...]]:
        convert = self._conversions.get(target.type or "string")
        if convert is None:
            raise MappingError(f"{target.path} is a {target.type}: it has no fixed value")
        constant = fixed(assignment)
        if constant is not None:
            value = convert(constant, functions.UTC)
            if value is None or (target.codes is not None and value not in target.codes):
                raise MappingError(f"{target.path}: {constant!r} is not a {target.type}")
            return actions.constant(target, value), ()
        called = function_name(assignment)
        if called is not None:
            computed = functions.COMPUTING.get(called)
            if computed is None:
                raise MappingError(f"there is no function {called}()")
            return actions.computed(target, computed), ()
        text, places = joined(assignment)

        def act(run: Run, content: Building, own: str, place: Place, scope: int, source: Asker) -> bool:
            value = convert(text(source), run.zone)
            if value is None:
                return False
            target.put(content, scope, value)
            return True

        return act, places


_SHOWN = 12
"""How many codes a message lists."""


@contextmanager
def _column(name: str) -> Iterator[None]:
    """Name the column in what is wrong with it."""
    try:
        yield
    except MappingError as error:
        raise MappingError(f"column {name}: {error}") from error


_VALUE = compile_target("Extension", "valueString")._replace(type="", path="$value")


def _part(identifier: str) -> int:
    found = re.search(r"[-.](\d+)$", identifier)
    return int(found[1]) if found else 0


def _consulted(condition: Condition) -> list[Operand]:
    """Return the places whose values a condition names: where it holds, they are told by what the row writes."""
    if isinstance(condition, Question):
        return [condition.operand] if condition.values and not condition.negated else []
    return [operand for part in condition.parts for operand in _consulted(part)]


def _may_be_empty(condition: Condition, part: int) -> bool:
    """Return whether a row counts where its own place, as a whole, is empty."""
    if isinstance(condition, Question):
        own = not condition.operand.name or condition.operand.field == part
        return condition.kind is Kind.VALUED and condition.negated and own and not condition.operand.component
    return any(_may_be_empty(each, part) for each in condition.parts)
