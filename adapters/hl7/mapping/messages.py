"""From the rows of a message structure to what each of its segments does.

A row makes a resource, or goes on with one that another segment began. Resources are told apart by type and label
(``Observation[2]``). A label lives in the innermost group that holds all segments whose rows name it; where only one
segment does, each occurrence of the segment begins a new resource.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.hl7.encoding import Segment
from adapters.hl7.encoding.segment import NULL
from adapters.hl7.mapping import layout
from adapters.hl7.mapping.asking import FieldSource
from adapters.hl7.mapping.compiling import Compiler, Problem
from adapters.hl7.mapping.datatypes import Compiled
from adapters.hl7.mapping.functions import asked as function_asked
from adapters.hl7.mapping.guarding import Choice, choice
from adapters.hl7.mapping.layout import Layout, Positioned
from adapters.hl7.mapping.linking import RESOURCE, Label, Link, Pending, links
from adapters.hl7.mapping.run import Run
from adapters.hl7.mapping.targets import Building, Made, Target, compile_target
from conformance.types import nodes
from mappings.conditions import compile_condition
from mappings.conditions.compiler import Asked
from mappings.corrections import Function, condition_of, linked
from mappings.errors import MappingError
from mappings.paths import parse_path
from mappings.rows import Row
from mappings.sites import FLOATING

_EACH = "[each]"
"""Label of the elements that the repetitions of a field make."""
LAST = "last"
"""Label of the resource of a type that was begun last: a Z segment after an OBX tells more of its Observation."""
SCOPES = 1000
"""Scopes of a segment: the repetitions of its fields make elements of their own."""


@dataclass
class SegmentRows:
    """The rows of a segment that fill one resource.

    Attributes:
        first: rows of the segment as a whole.
        fields: rows by the position of their field.
        empty: rows that may count although their field is empty, by position.
        choices: the rows of a field that another field chooses between, by position.
        each: rows that tell of each element that repetitions of one field make, by position.
    """

    first: list[Compiled] = field(default_factory=list)
    fields: dict[int, list[Compiled]] = field(default_factory=dict)
    empty: dict[int, list[Compiled]] = field(default_factory=dict)
    choices: dict[int, Choice] = field(default_factory=dict)
    each: dict[int, list[Compiled]] = field(default_factory=dict)


class MessageRow(NamedTuple):
    """What a row of a message structure does with a segment.

    Attributes:
        label: the resource that it fills.
        name: the label as groups know it.
        home: key of the group that the resource lives in; empty where each segment has its own.
        inside: the element of the resource that it fills; None for the resource.
        asked: its condition.
        rows: rows of the segment.
        links: references that it sets.
        is_floating: whether its segment may stand anywhere, and tells more of the resource that stands nearest.
        is_of_element: whether it names an element: its references belong to the one that its segment fills.
    """

    label: Label
    name: str
    home: str
    inside: Target | None
    asked: Asked | None
    rows: SegmentRows
    links: tuple[Link, ...]
    is_floating: bool
    is_of_element: bool


class MessagePlan:
    """A message structure ready to run.

    Attributes:
        name: of the structure: ``ADT_A01``.
        layout: where its segments stand.
        rows: what each place of a segment does.
    """

    def __init__(self, name: str, compiler: Compiler) -> None:
        self.name = name
        rows = compiler.sheets.messages[name]
        self._compiler = compiler
        floating = {key.rpartition(FLOATING)[2]: key for row in rows if FLOATING in (key := row.identifier)}
        self.layout = Layout(_structure(name, [row for row in rows if FLOATING not in row.identifier]), floating)
        self.rows: dict[str, list[MessageRow]] = {}
        homes = _homes(name, rows)
        for row in rows:
            if row.target and not row.identifier.startswith("/"):
                try:
                    self.rows.setdefault(_key(name, row.identifier), []).append(self._row(row, homes))
                except MappingError as error:
                    compiler.problems.append(
                        Problem(name, row.line, row.identifier, str(error), compiler.sheets.origin(name, row))
                    )

    def apply(self, run: Run) -> list[Pending]:
        """Fill the resources of a message; return the references still to be set."""
        pending: list[Pending] = []
        for positioned in self.layout.place(run.message):
            rows = self.rows.get(positioned.key)
            if rows:
                _apply_rows(run, positioned, rows, pending)
        for made in run.made:
            if not made.is_told:
                made.content.clear()
        return [each for each in pending if each.own.is_told]

    def _row(self, row: Row, homes: dict[Label, str]) -> MessageRow:
        steps = parse_path(row.target)
        label = Label(steps[0].name, steps[0].label)
        if label.type not in nodes() or nodes()[label.type].kind != "resource":
            raise MappingError(f"{row.target}: {label.type} is not a resource type")
        _, dot, path = row.target.partition(".")
        inside = compile_target(label.type, path) if dot else None
        root = label.type if inside is None else inside.type
        condition = condition_of(self.name, row.condition)
        asked: Asked | None = None
        if isinstance(condition, Function):
            asked = function_asked(condition.name, self._compiler.sheets.tables)
        elif condition is not None:
            asked = compile_condition(condition)
        if inside is not None and inside.last is not None:
            # the segment's sheet writes the whole path from the resource on
            root, inside = label.type, None
        return MessageRow(
            label,
            str(label),
            homes.get(label, ""),
            inside,
            asked,
            self._segment(row, root),
            links(row.assignment, label, homes),
            FLOATING in row.identifier,
            bool(dot),
        )

    def _segment(self, row: Row, root: str) -> SegmentRows:
        found = SegmentRows()
        if not row.map:
            return found
        name = linked(self._compiler.sheets.segments, row.map)
        if name is None:
            raise MappingError(f"there is no sheet {row.map!r} of a segment")
        for compiled in self._compiler.segment_rows(name, root):
            if not compiled.part:
                found.first.append(compiled)
            else:
                found.fields.setdefault(compiled.part, []).append(compiled)
                if compiled.when_empty:
                    found.empty.setdefault(compiled.part, []).append(compiled)
        for position, compiled_rows in found.fields.items():
            each = [compiled for compiled in compiled_rows if _EACH in compiled.row.target]
            if each:
                found.each[position] = each
            chosen = choice(name[:3], position, compiled_rows)
            if chosen is not None:
                found.choices[position] = chosen
        return found


def _apply_rows(run: Run, positioned: Positioned, rows: list[MessageRow], pending: list[Pending]) -> None:
    source = FieldSource(run, positioned.group, positioned.segment)
    local: dict[str, Made] = {}
    for row in rows:
        source.own, source.repetition = 0, ""
        if row.asked is not None and not row.asked(source):
            continue
        made = _resource(run, row, positioned, local)
        content = made.content if row.inside is None else row.inside.element(made.content, positioned.number)
        made.is_told |= fill(run, content, positioned, row.rows, source)
        scope = positioned.number * SCOPES if row.is_of_element else -1 - len(pending)
        pending.extend(Pending(link, made, row.label, positioned.group, scope) for link in row.links)


def _resource(run: Run, row: MessageRow, positioned: Positioned, local: dict[str, Made]) -> Made:
    """Return the resource that a row fills: the one of its group, or a new one."""
    name, group = row.name, positioned.group
    made = local.get(name)
    if made is None and row.is_floating:
        made = _told_more(run, row, positioned)
    elif made is None and row.home:
        made = group.around(row.home).made.get(name)
    if made is None:
        made = run.make(row.label.type)
        made.group = group
        (group.around(row.home) if row.home else group).register(name, made)
    local[name] = made
    return made


def _told_more(run: Run, row: MessageRow, positioned: Positioned) -> Made | None:
    """Return the resource that a segment which may stand anywhere tells more of; None for one of its own."""
    if row.label.label == LAST:
        return next((each for each in reversed(run.made) if each.type == row.label.type), None)
    # each of its occurrences makes a resource of its own
    own = row.label.label == positioned.segment.id
    return None if own else positioned.group.find(row.name)


def fill(run: Run, content: Building, positioned: Positioned, rows: SegmentRows, source: FieldSource) -> bool:
    """Fill an element from a segment; tell whether any field of it had a part in that."""
    is_told = False
    number, segment = positioned.number, positioned.segment
    base = number * SCOPES
    for row in rows.first:
        if row.asked is None or row.asked(source):
            row.act(run, content, segment.text, (number,), base, source)
    texts = segment.texts
    length = len(texts)
    for position, found in rows.fields.items():
        text = texts[position] if position < length else ""
        if text and text != NULL:
            if position in rows.choices:
                found = rows.choices[position].rows(source)  # noqa: PLW2901 - fewer rows of the same field
            is_told |= _field(run, content, (number, position), text, found, source, base)
    if rows.each:
        _spread(run, content, positioned, rows, source)
    for position, found in rows.empty.items():
        if position >= length or texts[position] in {"", NULL}:
            source.own, source.repetition = position, ""
            for row in found:
                if row.asked is None or row.asked(source):
                    row.act(run, content, "", (number, position, 1), base, source)
    return is_told


def _spread(run: Run, content: Building, positioned: Positioned, rows: SegmentRows, source: FieldSource) -> None:
    """Tell of the second and later elements, too, what a field says that does not repeat."""
    texts = positioned.segment.texts
    said = {position: texts[position] for position in rows.each if position < len(texts) and texts[position]}
    counts = {position: text.count(run.repetition) + 1 if run.repetition else 1 for position, text in said.items()}
    for position, text in said.items():
        if counts[position] > 1:
            continue
        source.own, source.repetition = position, text
        place = (positioned.number, position, 1)
        for scope in range(1, max(counts.values())):
            for row in rows.each[position]:
                if row.asked is None or row.asked(source):
                    row.act(run, content, text, place, positioned.number * SCOPES + scope, source)


def _field(
    run: Run, content: Building, at: tuple[int, int], text: str, rows: list[Compiled], source: FieldSource, base: int
) -> bool:
    is_told = False
    number, position = at
    source.own = position
    literal = number == 0 and position <= 2  # noqa: PLR2004 - the delimiters themselves
    repetitions = text.split(run.repetition) if run.repetition and run.repetition in text and not literal else (text,)
    for count, repetition in enumerate(repetitions):
        if not repetition or repetition == NULL:
            continue
        source.repetition = repetition
        place = (number, position, count + 1)
        for row in rows:
            if row.asked is not None and not row.asked(source):
                continue
            if row.act(run, content, repetition, place, base + count, source):
                is_told = True
                for each in row.consults:
                    _consulted(run, each, number, source.segment, place)
    return is_told


def _consulted(run: Run, operand: tuple[str, int, int], number: int, segment: Segment, place: tuple[int, ...]) -> None:
    name, position, component = operand
    if name in {"", segment.id}:
        same = not position or position == place[1]
        run.used.append((*(place if same else (number, position, 1)), component or 1, 1))


def _key(name: str, identifier: str) -> str:
    """Return the place that a row maps; some rows misspell the structure, or say which segment theirs follows."""
    _, dot, rest = re.sub(r":follow:[A-Z0-9]{3}", "", identifier.strip()).partition(".")
    return f"{name}{dot}{rest}"


def _structure(name: str, rows: Sequence[Row]) -> layout.Place:
    """Return the structure that the rows of a message tell: groups by the parts of their identifiers."""
    repeats = {_key(name, row.identifier): row.repeats for row in rows if not row.identifier.startswith("/")}
    order: dict[str, list[str]] = {name: []}
    for row in rows:
        if row.identifier.startswith("/"):
            continue
        key = _key(name, row.identifier)
        parts = key.split(".")
        for depth in range(1, len(parts)):
            parent, child = ".".join(parts[:depth]), ".".join(parts[: depth + 1])
            members = order.setdefault(parent, [])
            if child not in members:
                members.append(child)
    return _place(name, order, repeats)


def _place(key: str, order: dict[str, list[str]], repeats: dict[str, bool]) -> layout.Place:
    members = tuple(_place(child, order, repeats) for child in order.get(key, ()))
    repeated = repeats.get(key, True)
    return layout.Place(key.rsplit(".", 1)[-1], key, repeated, members)


def _homes(name: str, rows: tuple[Row, ...]) -> dict[Label, str]:
    """Return the group that each resource lives in; empty for one that each segment has of its own."""
    places: dict[Label, list[str]] = {}
    for row in rows:
        if row.target and not row.identifier.startswith("/") and FLOATING not in row.identifier:
            match = RESOURCE.match(row.target)
            if match is not None:
                places.setdefault(Label(match["type"], match["label"] or "1"), []).append(_key(name, row.identifier))
    return {label: _home(keys) for label, keys in places.items()}


def _home(keys: list[str]) -> str:
    if len(set(keys)) == 1:
        return ""
    split = [key.split(".")[:-1] for key in keys]
    shared: list[str] = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared)
