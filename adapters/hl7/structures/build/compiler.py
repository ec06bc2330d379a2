"""From hl7apy's Python modules to one file a version."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as version_of_distribution
from typing import Any

import msgspec
import zstandard

from adapters.hl7.structures.library import MANIFEST, VERSIONS
from adapters.hl7.structures.rows import FieldRow, Manifest, Member, Part, Structures, Table

_LEVEL = 19
_UNBOUNDED = -1
_WITHDRAWN = FieldRow("", "", max=0)


def compile_all() -> dict[str, bytes]:
    """Return the data files by name.

    Equal input gives equal bytes, as far as Zstandard's version is the same too.

    Raises:
        ModuleNotFoundError: hl7apy is not installed.
    """
    versions = [compile_version(version) for version in VERSIONS]
    manifest = Manifest(
        distribution=f"hl7apy=={version_of_distribution('hl7apy')}",
        licence="MIT",
        copyright="Copyright (c) 2012-2018, CRS4",
        rows={
            each.version: (len(each.messages), len(each.segments), len(each.data_types), len(each.tables))
            for each in versions
        },
    )
    packer = zstandard.ZstdCompressor(level=_LEVEL)
    files = {f"{each.version}.json.zst": packer.compress(msgspec.json.encode(each)) for each in versions}
    return files | {MANIFEST: msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"}


def compile_version(version: str) -> Structures:
    """Return what hl7apy knows of one version."""
    elements = import_module(f"hl7apy.v{version.replace('.', '_')}").ELEMENTS
    messages = {
        name: _member(name, (1, 1), row, elements["Group"])
        for name, row in sorted(elements["Message"].items())
        if row[1]
    }
    segments = {
        name: _fields(row, elements["Field"])
        for name, row in sorted(elements["Segment"].items())
        if len(name) == 3  # noqa: PLR2004 - others are hl7apy's own
    }
    data_types = {
        name: tuple(_part(elements["Component"][part[0]]) for part in parts)
        for name, parts in sorted(elements["Datatypes_Structs"].items())
    }
    tables = {
        name.removeprefix("HL7"): Table(row[0], tuple(str(code) for code in row[1]))
        for name, row in sorted(elements["Table"].items())
    }
    return Structures(version, messages, segments, data_types, tables)


def _member(name: str, cardinality: tuple[int, int], row: Any, groups: dict[str, Any]) -> Member:
    kind, parts = row[0], row[1]
    members = tuple(
        _member(part[0], part[2], groups[part[0]], groups)
        if part[3] == "GRP"
        else Member(part[0], min=part[2][0], max=_bound(part[2][1]))
        for part in parts
    )
    return Member(name, members, cardinality[0], _bound(cardinality[1]), kind == "choice")


def _fields(row: Any, fields: dict[str, Any]) -> tuple[FieldRow, ...]:
    # withdrawn segments have no fields, and one row of 2.1 lacks the word in front of them
    parts = (*row[1:], ())[0] if row[0] == "sequence" else row
    found = {_position(name): _field(fields[name], bounds) for name, _, bounds, _ in parts if name in fields}
    return tuple(found.get(position, _WITHDRAWN) for position in range(1, max(found, default=0) + 1))


def _position(name: str) -> int:
    """Return the number in ``PID_3``; names leave out numbers of fields that were withdrawn."""
    return int(name.rpartition("_")[2])


def _field(definition: Any, bounds: tuple[int, int]) -> FieldRow:
    part = _part(definition)
    return FieldRow(part.name, part.data_type, part.table, part.max_length, min=bounds[0], max=_bound(bounds[1]))


def _part(row: Any) -> Part:
    _, _, data_type, name, table, length = row[:6]
    said = name.replace("_", " ").strip().capitalize() if name else ""
    return Part(said, data_type or "", (table or "").removeprefix("HL7"), None if length in {None, -1} else length)


def _bound(most: int) -> int | None:
    return None if most == _UNBOUNDED else most
