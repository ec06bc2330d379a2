"""Rows of messages that are sent: which change makes which message, and what its segments and fields say.

A folder of outbound rows::

    datatypes.yaml   how a FHIR data type is written as one of HL7 v2: ``CX[Identifier]``
    segments.yaml    how a resource is written as a segment: ``PID[Patient]``
    ADT_A01.yaml     a message structure: what triggers it, what belongs to it, and its segments

Everything between a place and a value is FHIRPath; a reader that is not a program can follow it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from mappings.errors import MappingError

OUTBOUND = Path(__file__).parent / "outbound"
DATATYPES = "datatypes.yaml"
SEGMENTS = "segments.yaml"
INTERACTIONS = frozenset({"create", "update", "delete"})

_SHEET = re.compile(r"([A-Z][A-Z0-9]{1,2}[A-Z0-9]?)\[([A-Za-z.]+)\]")
_FIELD = re.compile(r"([A-Z][A-Z0-9]{2})-(\d{1,3})(?:\.(\d{1,2}))?(?:\.(\d{1,2}))?")
_COMPONENT = re.compile(r"([A-Z]{2,3})\.(\d{1,2})(?:\.(\d{1,2}))?")

_T = TypeVar("_T")


class ValueRow(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands at a place.

    Attributes:
        path: FHIRPath over the element that the sheet is about.
        table: the table whose rows turn FHIR's codes back into those of HL7 v2; empty for none.
        unmapped: what is done with a code without a row: ``leave`` it out, ``keep`` it as it is, or ``refuse`` the
            message.
    """

    path: str
    table: str = ""
    unmapped: str = "leave"


Rows = dict[str, str | ValueRow]
"""By place; a text alone is a path."""


class SegmentRow(Struct, frozen=True, forbid_unknown_fields=True):
    """One segment of a message, or a group of them, for each of some elements.

    Attributes:
        of: FHIRPath: the elements; one segment, or one run of *rows*, for each.
        sheet: what is written: ``PID[Patient]``, or ``OBX``, where the element's type chooses; empty for a group.
        otherwise: fields of the segment where there is no such element; empty leaves it out.
        rows: what follows for each element.
    """

    of: str
    sheet: str = ""
    otherwise: dict[str, str] = field(default_factory=dict)
    rows: tuple[SegmentRow, ...] = ()


class Trigger(Struct, frozen=True, forbid_unknown_fields=True):
    """A change that makes a message.

    Attributes:
        event: MSH-9.2.
        interactions: ``create``, ``update`` (a patch is one), ``delete``.
        criteria: FHIRPath over the new version; ``%previous`` is the version before, empty for a create.
    """

    event: str
    interactions: tuple[str, ...]
    criteria: str = "true"


class Related(Struct, frozen=True, forbid_unknown_fields=True):
    """Resources that belong to the message, under a name of their own (``%name``).

    Attributes:
        name: of the variable.
        reference: FHIRPath that gives the References; empty where they are searched for.
        onward: FHIRPath over each resource that was read: more References, followed in the same way.
        search: a search, with FHIRPath in braces: ``Encounter?patient={id}``.
    """

    name: str
    reference: str = ""
    search: str = ""
    onward: str = ""


class MessageFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A message structure and its rows.

    Attributes:
        message: MSH-9.1.
        structure: MSH-9.3.
        resource: type of the resource whose change triggers it.
        triggers: asked in their order; the first that fits says the event.
        related: read one after the other; each may use those before it.
        patient: FHIRPath that gives the patients: their lanes keep the order.
        segments: the rows, without MSH.
        keeps: places that survive the way from HL7 v2 to FHIR and back; a test holds them to it.
    """

    message: str
    structure: str
    resource: str
    triggers: tuple[Trigger, ...]
    segments: tuple[SegmentRow, ...]
    patient: str = "%patient"
    related: tuple[Related, ...] = ()
    keeps: tuple[str, ...] = ()


class Place(Struct, frozen=True):
    """A place in a segment or data type, numbers from 1; 0 where it is all of it.

    Attributes:
        name: of the segment or data type.
        field: of a segment; 0 in a data type.
        component: of the field.
        subcomponent: of the component.
    """

    name: str
    field: int = 0
    component: int = 0
    subcomponent: int = 0

    def __str__(self) -> str:
        """Return it as people write it."""
        text = f"{self.name}-{self.field}" if self.field else self.name
        return text + "".join(f".{number}" for number in (self.component, self.subcomponent) if number)


class Sheet(Struct, frozen=True):
    """Rows for one FHIR type.

    Attributes:
        name: ``PID[Patient]``.
        writes: the segment or data type.
        type: the FHIR type.
        rows: by place, in the order of the file.
    """

    name: str
    writes: str
    type: str
    rows: tuple[tuple[Place, ValueRow], ...]


class OutboundRows(Struct, frozen=True):
    """All rows of a folder.

    Attributes:
        datatypes: sheets by name.
        segments: sheets by name.
        messages: by the name of their file.
    """

    datatypes: dict[str, Sheet]
    segments: dict[str, Sheet]
    messages: dict[str, MessageFile]


def outbound(folder: Path = OUTBOUND) -> OutboundRows:
    """Return the rows of a folder.

    Raises:
        MappingError: a file cannot be used; the message names the file and the row.
    """
    messages = {
        path.stem: _message(path) for path in sorted(folder.glob("*.yaml")) if path.name not in {DATATYPES, SEGMENTS}
    }
    return OutboundRows(_sheets(folder / DATATYPES, _COMPONENT), _sheets(folder / SEGMENTS, _FIELD), messages)


def place(text: str, pattern: re.Pattern[str] = _FIELD) -> Place:
    """Return the place that a text means: ``PID-3.1`` or, of a data type, ``CX.4.1``.

    Raises:
        ValueError: it means none.
    """
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(text)
    numbers = [int(number or 0) for number in found.groups()[1:]]
    return Place(found[1], *(numbers if pattern is _FIELD else (0, *numbers)))


def _decoded(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise MappingError(f"outbound/{path.name}: {error}") from error


def _sheets(path: Path, pattern: re.Pattern[str]) -> dict[str, Sheet]:
    return {name: _sheet(path.name, name, rows, pattern) for name, rows in _decoded(path, dict[str, Rows]).items()}


def _sheet(file: str, name: str, rows: Rows, pattern: re.Pattern[str]) -> Sheet:
    found = _SHEET.fullmatch(name)
    if found is None:
        raise MappingError(f"outbound/{file}: expected a name such as PID[Patient], found {name!r}")
    placed = []
    for text, value in rows.items():
        try:
            at = place(text, pattern)
        except ValueError:
            at = Place("")
        if at.name != found[1]:
            raise MappingError(f"outbound/{file}: {name}: expected a place of {found[1]}, found {text!r}")
        placed.append((at, _value_row(f"outbound/{file}: {text}", value)))
    return Sheet(name, found[1], found[2], tuple(placed))


def _value_row(where: str, value: str | ValueRow) -> ValueRow:
    row = ValueRow(value) if isinstance(value, str) else value
    if row.unmapped not in {"leave", "keep", "refuse"}:
        raise MappingError(f"{where}: expected unmapped to be leave, keep or refuse, found {row.unmapped!r}")
    return row


def _message(path: Path) -> MessageFile:
    file = _decoded(path, MessageFile)
    if not file.triggers:
        raise MappingError(f"outbound/{path.name}: triggers: expected at least one")
    for number, trigger in enumerate(file.triggers):
        unknown = set(trigger.interactions) - INTERACTIONS
        if unknown or not trigger.interactions:
            raise MappingError(
                f"outbound/{path.name}: triggers[{number}].interactions: expected some of "
                f"{', '.join(sorted(INTERACTIONS))}, found {', '.join(sorted(unknown)) or 'none'}"
            )
    for each in file.related:
        if bool(each.reference) == bool(each.search):
            raise MappingError(f"outbound/{path.name}: related {each.name}: expected either reference or search")
    for text in file.keeps:
        try:
            place(text)
        except ValueError:
            raise MappingError(f"outbound/{path.name}: keeps: expected a place, found {text!r}") from None
    return file
