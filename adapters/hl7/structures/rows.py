"""The shape of the committed data: one version of the standard is one :class:`Structures`."""

from __future__ import annotations

from msgspec import Struct


class Part(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A component of a data type.

    Attributes:
        name: what it is called, such as ``ID number``.
        data_type: its data type.
        table: number of its table, such as ``0001``; empty without one.
        max_length: most characters; None where the standard sets no limit.
    """

    name: str
    data_type: str
    table: str = ""
    max_length: int | None = None


class FieldRow(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A field of a segment.

    Attributes:
        name: what it is called, such as ``Patient identifier list``; empty for one that was withdrawn.
        data_type: its data type.
        table: number of its table; empty without one.
        max_length: most characters; None where the standard sets no limit.
        min: 1 when it is required.
        max: most repetitions; None is any number.
    """

    name: str
    data_type: str
    table: str = ""
    max_length: int | None = None
    min: int = 0
    max: int | None = 1


class Member(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A segment or a group inside a message structure.

    Attributes:
        name: segment id, or name of the group: ``ORU_R01_ORDER_OBSERVATION``.
        members: of a group, in order; empty for a segment.
        min: least number of times.
        max: most; None is any number.
        is_choice: whether just one of its members is there.
    """

    name: str
    members: tuple[Member, ...] = ()
    min: int = 0
    max: int | None = 1
    is_choice: bool = False


class Table(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A table of codes.

    Attributes:
        name: what it is called, such as ``Event type``.
        codes: its codes.
    """

    name: str
    codes: tuple[str, ...]


class Structures(Struct, frozen=True, forbid_unknown_fields=True):
    """One version of the standard.

    Attributes:
        version: as in MSH-12: ``2.5.1``.
        messages: each message structure by its id, as in MSH-9.3.
        segments: fields of each segment, in order.
        data_types: components of each composite data type, in order.
        tables: each table by its number.
    """

    version: str
    messages: dict[str, Member]
    segments: dict[str, tuple[FieldRow, ...]]
    data_types: dict[str, tuple[Part, ...]]
    tables: dict[str, Table]

    def field(self, segment: str, position: int) -> FieldRow | None:
        """Return the field of a segment, counted from 1; None where this version has none."""
        fields = self.segments.get(segment, ())
        return fields[position - 1] if 0 < position <= len(fields) else None


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the data comes from.

    Attributes:
        distribution: as a requirement for pip.
        licence: SPDX identifier of its licence.
        copyright: who made it.
        rows: how many messages, segments, data types and tables each version has.
    """

    distribution: str
    licence: str
    copyright: str
    rows: dict[str, tuple[int, int, int, int]]
