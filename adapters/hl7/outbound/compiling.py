"""Outbound rows, compiled once for a version of HL7 v2: what is wrong in them is said with its file and place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.hl7.outbound.tables import Backward, backward
from adapters.hl7.structures.library import VERSIONS, structures
from adapters.hl7.structures.rows import FieldRow, Member, Structures
from fhir_api import fhirpath
from mappings.corrections import linked
from mappings.errors import MappingError
from mappings.merging import common
from mappings.outbound import (
    OUTBOUND,
    MessageFile,
    OutboundRows,
    Place,
    Related,
    SegmentRow,
    Sheet,
    Trigger,
    ValueRow,
    outbound,
    place,
)
from mappings.rows import CodeRow
from mappings.sites import lay_over

_ALIASES = {"CE": "CWE", "CNE": "CWE", "CF": "CWE", "PPN": "XCN", "CN": "XCN", "ID": "IS", "ST": "IS"}
"""Data types whose components stand as in another one."""
_WITHDRAWN = "WD"


@dataclass(frozen=True, slots=True)
class Value:
    """What stands at a place.

    Attributes:
        place: where.
        path: gives the elements.
        data_type: of the place, in this version.
        is_repeating: whether a field takes more than one.
        table: turns codes back; None for none.
        unmapped: what is done with a code that it has no row for.
    """

    place: Place
    path: fhirpath.Compiled
    data_type: str
    is_repeating: bool
    table: Backward | None
    unmapped: str


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """A segment for each element, or a group of them.

    Attributes:
        of: gives the elements.
        segment: its id; empty for a group.
        values: by the FHIR type of the element.
        otherwise: where there is no element.
        data_types: of the fields, by position.
        rows: what follows for each element.
    """

    of: fhirpath.Compiled
    segment: str
    values: Mapping[str, tuple[Value, ...]]
    otherwise: tuple[Value, ...]
    data_types: Mapping[int, str]
    rows: tuple[SegmentPlan, ...]


@dataclass(frozen=True, slots=True)
class RelatedPlan:
    """Resources that belong to a message: referred to, or found by a search whose text has paths in it."""

    name: str
    reference: fhirpath.Compiled | None
    onward: fhirpath.Compiled | None
    search: tuple[tuple[str, fhirpath.Compiled | None], ...]


@dataclass(frozen=True, slots=True)
class TriggerPlan:
    """A change that makes a message."""

    event: str
    interactions: frozenset[str]
    criteria: fhirpath.Compiled
    asks_previous: bool


@dataclass(frozen=True, slots=True)
class MessagePlan:
    """One message structure, ready to be written.

    Attributes:
        name: of its file.
        file: its rows.
        version: of HL7 v2.
        triggers: in their order.
        related: in their order.
        patient: gives the patients whose lanes it stands in.
        segments: without MSH.
        writers: how data types are written, by ``CX[Identifier]``.
    """

    name: str
    file: MessageFile
    version: str
    triggers: tuple[TriggerPlan, ...]
    related: tuple[RelatedPlan, ...]
    patient: fhirpath.Compiled
    segments: tuple[SegmentPlan, ...]
    writers: Mapping[str, tuple[Value, ...]]

    def writer(self, data_type: str, fhir_type: str) -> tuple[Value, ...] | None:
        """Return how an element of *fhir_type* is written as *data_type*; None where no sheet says it."""
        rows = self.writers.get(f"{_ALIASES.get(data_type, data_type)}[{fhir_type}]")
        components = len(structures(self.version).data_types.get(data_type, ()))
        if rows is None or not components:
            return rows
        return tuple(row for row in rows if row.place.component <= components)


def compiled(version: str, folder: Path = OUTBOUND, over: Sequence[Path] = ()) -> dict[str, MessagePlan]:
    """Return the messages of a folder by the name of their file, those whose structure *version* has.

    Args:
        version: of HL7 v2, one of :data:`VERSIONS`.
        folder: where the rows stand.
        over: folders whose ``tables/`` go before those of every destination, the first before the second.

    Raises:
        MappingError: a row cannot be used.
    """
    if version not in VERSIONS:
        raise MappingError(f"version: expected one of {', '.join(VERSIONS)}, found {version!r}")
    sheets = common().copy()
    for each in (folder, *reversed(over)):
        lay_over(sheets, each, each.name)
    return _Compiler(version, outbound(folder), sheets.tables).messages()


class _Compiler:
    def __init__(self, version: str, rows: OutboundRows, tables: Mapping[str, tuple[CodeRow, ...]]) -> None:
        self._version = version
        self._rows = rows
        self._known: Structures = structures(version)
        self._named = tables
        self._tables = backward(tables)

    def messages(self) -> dict[str, MessagePlan]:
        writers = {name: self._writer(sheet) for name, sheet in self._rows.datatypes.items()}
        return {
            name: self._message(name, file, writers)
            for name, file in self._rows.messages.items()
            if self._root(f"outbound/{name}.yaml", file)
        }

    def _root(self, where: str, file: MessageFile) -> frozenset[str]:
        """Return the segments of a structure; none where this version does not have it, but another one does."""
        if not any(file.structure in structures(version).messages for version in VERSIONS):
            raise MappingError(f"{where}: structure: no version of HL7 v2 has {file.structure!r}")
        root = self._known.messages.get(file.structure)
        return frozenset() if root is None else _ids(root)

    def _message(self, name: str, file: MessageFile, writers: Mapping[str, tuple[Value, ...]]) -> MessagePlan:
        where = f"outbound/{name}.yaml"
        rows = tuple(
            self._segment(f"{where}: segments[{number}]", row, file.resource)
            for number, row in enumerate(file.segments)
        )
        ever = frozenset[str]().union(
            *(
                _ids(known[file.structure])
                for each in VERSIONS
                if file.structure in (known := structures(each).messages)
            )
        )
        segments = self._placed(where, rows, self._root(where, file), ever)
        return MessagePlan(
            name, file, self._version,
            tuple(self._trigger(f"{where}: trigger {each.event}", each, file.resource) for each in file.triggers),
            tuple(self._related(f"{where}: related {each.name}", each, file.resource) for each in file.related),
            self._path(f"{where}: patient", file.patient, file.resource),
            segments, writers,
        )  # fmt: skip

    def _placed(
        self, where: str, rows: tuple[SegmentPlan, ...], known: frozenset[str], ever: frozenset[str]
    ) -> tuple[SegmentPlan, ...]:
        """Return the rows without segments that this version's structure does not have, but another version's."""
        kept = []
        for each in rows:
            if each.segment and not each.segment.startswith("Z") and each.segment not in ever:
                raise MappingError(f"{where}: the structure has no segment {each.segment}")
            if not each.segment or each.segment.startswith("Z") or each.segment in known:
                kept.append(replace(each, rows=self._placed(where, each.rows, known, ever)))
        return tuple(kept)

    def _trigger(self, where: str, trigger: Trigger, resource: str) -> TriggerPlan:
        criteria = self._path(where, trigger.criteria, resource)
        return TriggerPlan(trigger.event, frozenset(trigger.interactions), criteria, "%previous" in trigger.criteria)

    def _related(self, where: str, row: Related, resource: str) -> RelatedPlan:
        if row.reference:
            onward = self._path(where, row.onward, None) if row.onward else None
            return RelatedPlan(row.name, self._path(where, row.reference, resource), onward, ())
        pieces: list[tuple[str, fhirpath.Compiled | None]] = []
        for piece in row.search.split("{"):
            path, brace, text = piece.rpartition("}")
            if brace:
                pieces.append(("", self._path(where, path, resource)))
            pieces.append((text, None))
        return RelatedPlan(row.name, None, None, tuple(pieces))

    def _segment(self, where: str, row: SegmentRow, context: str | None) -> SegmentPlan:
        of = self._path(where, row.of, context)
        if not row.sheet:
            types = of.result_types
            inner = types[0] if types is not None and len(types) == 1 else None
            return SegmentPlan(of, "", {}, (), {}, self._segments(where, row.rows, inner))
        sheets = [each for each in self._rows.segments.values() if row.sheet in {each.name, each.writes}]
        if not sheets:
            raise MappingError(f"{where}: segments.yaml has no {row.sheet!r}")
        segment = sheets[0].writes
        otherwise = tuple(
            self._value(f"{where}: {text}", _place(f"{where}.otherwise", text, segment), ValueRow(path), context)
            for text, path in row.otherwise.items()
        )
        data_types = {number: each.data_type for number, each in enumerate(self._fields(segment), 1)}
        inner = sheets[0].type if len(sheets) == 1 else None
        values = {sheet.type: self._values(sheet) for sheet in sheets}
        return SegmentPlan(of, segment, values, otherwise, data_types, self._segments(where, row.rows, inner))

    def _values(self, sheet: Sheet) -> tuple[Value, ...]:
        return tuple(
            self._value(f"outbound/segments.yaml: {sheet.name} {at}", at, row, sheet.type)
            for at, row in sheet.rows
            if self._has(at)
        )

    def _segments(self, where: str, rows: tuple[SegmentRow, ...], context: str | None) -> tuple[SegmentPlan, ...]:
        return tuple(self._segment(f"{where}.rows[{number}]", row, context) for number, row in enumerate(rows))

    def _fields(self, segment: str) -> tuple[FieldRow, ...]:
        return self._known.segments.get(segment, ())

    def _has(self, at: Place) -> bool:
        """Tell whether this version has a place; an older one has fewer."""
        if at.name.startswith("Z"):
            return True
        row = self._known.field(at.name, at.field)
        if row is None or row.max == 0 or row.data_type == _WITHDRAWN:
            return False
        return bool(not at.component or self._part(row.data_type, at.component) is not None)

    def _value(self, where: str, at: Place, row: ValueRow, context: str | None) -> Value:
        field = self._known.field(at.name, at.field)
        data_type = field.data_type if field is not None else "ST"
        for number in (at.component, at.subcomponent):
            data_type = (self._part(data_type, number) or "ST") if number else data_type
        is_repeating = field is not None and field.max != 1 and not at.component
        return self._made(where, at, row, context, data_type, is_repeating=is_repeating)

    def _writer(self, sheet: Sheet) -> tuple[Value, ...]:
        where = f"outbound/datatypes.yaml: {sheet.name}"
        made = []
        for at, row in sheet.rows:
            data_type = sheet.writes
            for number in (at.component, at.subcomponent):
                data_type = (self._part(data_type, number) or "ST") if number else data_type
            made.append(self._made(f"{where} {at}", at, row, sheet.type, data_type, is_repeating=False))
        return tuple(made)

    def _part(self, data_type: str, number: int) -> str | None:
        parts = self._known.data_types.get(data_type)
        if parts is None:
            parts = next((self._known.data_types[old] for old, new in _ALIASES.items()
                          if new == data_type and old in self._known.data_types), ())  # fmt: skip
        return parts[number - 1].data_type if 0 < number <= len(parts) else None

    def _made(
        self, where: str, at: Place, row: ValueRow, context: str | None, data_type: str, *, is_repeating: bool
    ) -> Value:
        table = None
        if row.table:
            table = self._tables.get(linked(self._named, row.table) or row.table)
            if table is None:
                raise MappingError(f"{where}: there is no table {row.table!r}")
        path = self._path(where, row.path, context)
        return Value(at, path, data_type, is_repeating, table, row.unmapped)

    def _path(self, where: str, text: str, context: str | None) -> fhirpath.Compiled:
        try:
            return fhirpath.compile(text, type_name=context, is_strict=context is not None)
        except fhirpath.FhirPathError as error:
            raise MappingError(f"{where}: {error}") from error


def _place(where: str, text: str, segment: str) -> Place:
    try:
        at = place(text)
    except ValueError:
        at = Place("")
    if at.name != segment:
        raise MappingError(f"{where}: expected a field of {segment}, found {text!r}")
    return at


def _ids(member: Member) -> frozenset[str]:
    if not member.members:
        return frozenset((member.name,))
    return frozenset[str]().union(*(_ids(each) for each in member.members))
