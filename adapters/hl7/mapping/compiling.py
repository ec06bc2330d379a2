"""From rows of segments and data types to closures that fill elements.

Each row becomes an :data:`Action`. What is known before a message comes is settled once: the element and its type, the
conversion, the sheet that maps the parts, the table of codes, whether the condition has to be asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from adapters.hl7.encoding.segment import NULL
from adapters.hl7.mapping import functions
from adapters.hl7.mapping.asking import PartSource
from adapters.hl7.mapping.joining import fixed, function_name, joined
from adapters.hl7.mapping.run import Place, Run, UnmappedCode
from adapters.hl7.mapping.tables import Table
from adapters.hl7.mapping.targets import Building, Made, Target, compile_target
from adapters.hl7.mapping.values import CONVERSIONS, Primitive
from conformance.types import nodes
from mappings.conditions import Condition, Kind, Operand, Question, Source, compile_condition
from mappings.conditions.compiler import Asked
from mappings.corrections import Function, condition_of, linked
from mappings.errors import MappingError
from mappings.merging import Sheets
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


@dataclass
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


_REMEMBERED = frozenset({"CodeableConcept", "Coding"})
"""Types whose elements are made of the same few texts again and again."""
_MOST = 4096
"""Texts that are remembered for each sheet."""


def _is_flat(element: Building) -> bool:
    return not any(type(each) is dict or type(each) is Made for each in element.values())


@dataclass
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
    _known: dict[tuple[str, int], tuple[tuple[tuple[Any, Any], ...], tuple[Place, ...], bool]] = field(
        default_factory=dict
    )

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
        if not content and self.type in _REMEMBERED and run.is_usual and run.escape not in text:
            return self._remembered(run, content, text, place, scope)
        return self._fill(run, content, text, place, scope)

    def _remembered(self, run: Run, content: Building, text: str, place: Place, scope: int) -> bool:
        """Fill a coded element as it was filled before from the same text."""
        key = (text, len(place))
        known = self._known.get(key)
        if known is None:
            before = len(run.used), len(run.refused), run.unmapped.total()
            done = self._fill(run, content, text, place, scope)
            is_flat = all(type(each) is not dict or _is_flat(each) for each in content.values())
            if before[1:] == (len(run.refused), run.unmapped.total()) and is_flat and len(self._known) < _MOST:
                kept = tuple((name, dict(each) if type(each) is dict else each) for name, each in content.items())
                used = tuple(each[len(place) :] for each in run.used[before[0] :])
                self._known[key] = kept, used, done
            return done
        kept, used, done = known
        for name, each in kept:
            own = (name[0], name[1], scope) if type(name) is tuple else name
            content[own] = each.copy() if type(each) is dict else each
        run.used += [place + each for each in used]
        return done

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
                    done |= self._run(row, run, content, own, inside, place, scope, source)
        for row in self.empty:
            if row.part > len(parts) or parts[row.part - 1] in _NOTHING:
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
                run.used.append(_leaf((*place, each.field)))
        return True

    def value(self, run: Run, text: str, place: Place) -> tuple[str, Place]:
        """Return the one value of *text* and where it stands; an empty one where no row yields any."""
        parts = run.parts(text, place)
        source = PartSource(run, self.name, parts)
        for row in self.rows:
            part = row.part
            own = (parts[part - 1] if part <= len(parts) else "") if part else text
            if own in _NOTHING:
                continue
            source.own = part
            if row.asked is not None and not row.asked(source):
                continue
            holder: Building = {}
            if row.act(run, holder, own, (*place, part) if part else place, 0, source):
                for each in row.consults:
                    if each.field and each.name in {"", self.name}:
                        run.used.append(_leaf((*place, each.field)))
                return holder["valueString"], _leaf((*place, part))
        return "", place


_NOTHING = frozenset({"", NULL})


def _leaf(place: Place) -> Place:
    return place + (1,) * (5 - len(place))


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
        condition = condition_of(sheet, row.condition)
        part = _part(row.identifier)
        asked, consults, when_empty = self._condition(condition, part)
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
            return self._assigned(target, row.assignment)
        table = self.table(row.vocabulary) if row.vocabulary else None
        name = row.map or ("" if target.type == "" or target.is_primitive else DEFAULT_SHEETS.get(target.type, ""))
        if not name:
            if target.type and not target.is_primitive:
                raise MappingError(f"{target.path} is a {target.type}: the row names no sheet that maps its parts")
            return _direct(target, table, functions.conversion(target, self.sheets.tables)), ()
        kind = self.data_type(name)
        if kind.type == "" and kind.special is None:
            if target.type and not target.is_primitive:
                raise MappingError(f"{target.path} is a {target.type}, {name} yields one value")
            return _scalar(target, kind, table, functions.conversion(target, self.sheets.tables)), ()
        return _complex(root, target, kind, table), ()

    def _assigned(self, target: Target, assignment: str) -> tuple[Action, tuple[Operand, ...]]:
        convert = CONVERSIONS.get(target.type or "string")
        if convert is None:
            raise MappingError(f"{target.path} is a {target.type}: it has no fixed value")
        constant = fixed(assignment)
        if constant is not None:
            value = convert(constant, functions.UTC)
            if value is None or (target.codes is not None and value not in target.codes):
                raise MappingError(f"{target.path}: {constant!r} is not a {target.type}")
            return _constant(target, value), ()
        called = function_name(assignment)
        if called is not None:
            computed = functions.COMPUTING.get(called)
            if computed is None:
                raise MappingError(f"there is no function {called}()")
            return _computed(target, computed), ()
        text, places = joined(assignment)

        def act(run: Run, content: Building, own: str, place: Place, scope: int, source: Asker) -> bool:
            value = convert(text(source), run.zone)
            if value is None:
                return False
            target.put(content, scope, value)
            return True

        return act, places


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


def _constant(target: Target, value: Primitive) -> Action:
    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        target.put(content, scope, value)
        return True

    return act


def _computed(target: Target, compute: functions.Compute) -> Action:
    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        value = compute(run, content, text, place)
        if value is None:
            return False
        target.put(content, scope, value)
        return True

    return act


def _direct(target: Target, table: Table | None, convert: functions.Convert) -> Action:
    """A value as it stands, or its code by a table."""
    put, type_code, looked_up = target.put, target.type, target.is_looked_up

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        said = run.read(text)
        if said in _NOTHING:
            return False
        leaf = place + (1,) * (5 - len(place))
        if table is not None:
            code = table.translate(said, source)
            if code is None:
                _report(run, table, said)
                return False
            said = code.code
        value = convert(run, said)
        if value is None:
            if not looked_up:
                run.refused.append((leaf, type_code))
            return False
        put(content, scope, value)
        run.used.append(leaf)
        return True

    return act


def _scalar(target: Target, kind: DataType, table: Table | None, convert: functions.Convert) -> Action:
    """The one value of a data type, or its code by a table."""

    def written(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        said, leaf = kind.value(run, text, place)
        if not said:
            return False
        if table is not None:
            code = table.translate(said, source)
            if code is None:
                _report(run, table, said)
                return False
            said = code.code
        value = convert(run, said)
        if value is None:
            if not target.is_looked_up:
                run.refused.append((leaf, target.type))
            return False
        target.put(content, scope, value)
        return True

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        before = len(run.used)
        if written(run, content, text, place, scope, source):
            return True
        # what was read and then refused is not mapped
        del run.used[before:]
        return False

    return act


def _complex(root: str, target: Target, kind: DataType, table: Table | None) -> Action:
    """All parts of a data type."""
    if not target.hops and target.last is None and root != kind.type and nodes()[kind.type].kind == "resource":
        return _of_its_own(kind)
    if target.type != kind.type and root == kind.type:
        element: Callable[[Building, int], Building] = lambda content, scope: content  # noqa: E731 - one of two ways
    elif target.is_primitive or (target.type != kind.type and not _fits(target.type, kind.type)):
        raise MappingError(f"{target.path} is a {target.type}, the sheet fills a {kind.type}")
    else:
        element = target.element

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        inner = element(content, scope)
        translated = table is not None and _translated(run, inner, text, place, scope, table, kind.type, source)
        return kind.fill(run, inner, text, place, scope) or translated

    return act


def _of_its_own(kind: DataType) -> Action:
    """A resource of another type, such as the mother of a patient."""

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        made = run.make(kind.type)
        made.is_told = kind.fill(run, made.content, text, place, scope)
        return made.is_told

    return act


def _fits(found: str, filled: str) -> bool:
    node = nodes().get(found)
    return node is not None and (filled in {found, node.base} or found.endswith(filled))


def _translated(
    run: Run, content: Building, text: str, place: Place, scope: int, table: Table, type_code: str, source: Asker
) -> bool:
    """Write the code by the table before the parts are filled, so that what was sent stands after it."""
    said = run.read(run.parts(text, place)[0])
    if said in _NOTHING:
        return False
    code = table.translate(said, source)
    if code is None:
        _report(run, table, said)
        return False
    coding: Building = {"code": code.code}
    if code.system:
        coding = {"system": code.system, "code": code.code}
    if code.display:
        coding["display"] = code.display
    if type_code == "Coding":
        content.update(coding)
    elif type_code == "CodeableConcept":
        content["coding", "1" if code.code == said else "table", scope] = coding
    else:
        return False
    run.used.append(_leaf((*place, 1)))
    return True


def _report(run: Run, table: Table, code: str) -> None:
    run.unmapped[UnmappedCode(run.sender, table.name, code)] += 1
