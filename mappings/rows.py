"""The published rows of the HL7 v2-to-FHIR guide, as typed data.

Spec: https://hl7.org/fhir/uv/v2mappings/
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec import Struct

from mappings.errors import MappingError

BASE = Path(__file__).parent / "base" / "v2-to-fhir-1.0.0"
MANIFEST = "manifest.json"
KINDS = ("messages", "segments", "datatypes", "tables")
_HEADER_LINES = 2
_WIDEST = 19
"""Columns of a sheet."""


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the rows come from.

    Attributes:
        title: name and version of the guide.
        source: where it was taken from, with the commit.
        licence: SPDX identifier.
        sha256: digest of each file, by its path under the folder.
    """

    title: str
    source: str
    licence: str
    sha256: dict[str, str]


class Row(NamedTuple):
    """One line of a sheet of messages, segments or data types.

    Attributes:
        line: its number in the file.
        identifier: what is mapped: ``ADT_A01.PID``, ``PID-3``, ``CX.4``.
        name: what it is called.
        condition: when the row counts, to be parsed; empty for always.
        narrative: a condition in words, which is a site's policy.
        target: the FHIR element; of a message's row the resource.
        target_type: its type.
        map: the sheet that maps its parts: ``CX[Identifier]``, ``PID[Patient]``.
        vocabulary: the table that maps its codes.
        assignment: a fixed value; of a message's row the references that are set.
        comment: said of it by its authors.
        repeats: of a message's row, whether the segment or group may come more than once.
        file: where it stands, for messages; empty for the guide's own file.
    """

    line: int
    identifier: str
    name: str
    condition: str
    narrative: str
    target: str
    target_type: str
    map: str
    vocabulary: str
    assignment: str
    comment: str = ""
    repeats: bool = False
    file: str = ""


class CodeRow(NamedTuple):
    """One line of a code table.

    Attributes:
        line: its number in the file.
        code: HL7 v2's code.
        system: its table, such as ``HL70001``.
        condition: when the row counts; empty for always.
        target: FHIR's code; empty where there is none.
        target_system: its code system.
        display: what FHIR's code is called; empty where the row does not say.
        file: where it stands; empty for a published one.
    """

    line: int
    code: str
    system: str
    condition: str
    target: str
    target_system: str
    display: str = ""
    file: str = ""


class Base(NamedTuple):
    """All rows as published, by the name of their sheet.

    Attributes:
        messages: ``ADT_A01``.
        segments: ``PID[Patient]``.
        datatypes: ``CX[Identifier]``.
        tables: ``AdministrativeSex``.
    """

    messages: Mapping[str, tuple[Row, ...]]
    segments: Mapping[str, tuple[Row, ...]]
    datatypes: Mapping[str, tuple[Row, ...]]
    tables: Mapping[str, tuple[CodeRow, ...]]


@cache
def manifest() -> Manifest:
    """Return where the rows come from."""
    return msgspec.json.decode((BASE / MANIFEST).read_bytes(), type=Manifest)


@cache
def base() -> Base:
    """Return the published rows.

    Raises:
        MappingError: a file is not the one that was published, or its columns are others.
    """
    sheets = {kind: {path.stem: path for path in sorted((BASE / kind).glob("*.csv"))} for kind in KINDS}
    return Base(
        MappingProxyType({name: _rows(path, _message_row) for name, path in sheets["messages"].items()}),
        MappingProxyType({name: _rows(path, _part_row) for name, path in sheets["segments"].items()}),
        MappingProxyType({name: _rows(path, _part_row) for name, path in sheets["datatypes"].items()}),
        MappingProxyType({name: _codes(path) for name, path in sheets["tables"].items()}),
    )


def _lines(path: Path) -> list[list[str]]:
    raw = path.read_bytes()
    name = str(path.relative_to(BASE))
    if hashlib.sha256(raw).hexdigest() != manifest().sha256.get(name):
        raise MappingError(f"{name} is not the file that was published; corrections belong into mappings/patches")
    return [[" ".join(cell.split()) for cell in row] for row in csv.reader(io.StringIO(raw.decode("utf-8-sig")))]


def _rows(path: Path, read: Callable[[int, list[str]], Row]) -> tuple[Row, ...]:
    lines = _lines(path)
    _expect(path, lines, 6, "ANTLR")
    numbered = enumerate(lines[_HEADER_LINES:], _HEADER_LINES + 1)
    padded = ((number, line + [""] * (_WIDEST - len(line))) for number, line in numbered)
    return tuple(read(number, line) for number, line in padded if any(line))


def _expect(path: Path, lines: list[list[str]], column: int, word: str) -> None:
    if len(lines) < _HEADER_LINES or len(lines[1]) <= column or word not in lines[1][column]:
        raise MappingError(f"{path.name}: column {column + 1} is not {word}")


def _message_row(number: int, cells: list[str]) -> Row:
    return Row(
        line=number,
        identifier=cells[1],
        name=cells[3],
        condition=cells[6],
        narrative=cells[8],
        target=cells[9],
        target_type=re.split(r"[\[.]", cells[9], maxsplit=1)[0],
        map=cells[10],
        vocabulary="",
        assignment=cells[11],
        comment=cells[13],
        repeats="{" in cells[2] or cells[5] in {"-1", "*"},
    )


def _part_row(number: int, cells: list[str]) -> Row:
    return Row(
        line=number,
        identifier=cells[1],
        name=cells[2],
        condition=cells[6],
        narrative=cells[8],
        target=cells[9],
        target_type=cells[11],
        map=cells[14],
        vocabulary=cells[15],
        assignment=cells[16],
        comment=cells[18],
    )


def _codes(path: Path) -> tuple[CodeRow, ...]:
    lines = _lines(path)
    _expect(path, lines, 0, "Code")
    header = lines[1]
    target = header.index("Code", 1)
    system = header.index("Code System", target)
    display = header.index("Display", target)
    condition = next((place for place, cell in enumerate(header) if cell.startswith("Computable")), len(header))
    found = []
    for number, line in enumerate(lines[_HEADER_LINES:], _HEADER_LINES + 1):
        cells = line + [""] * (len(header) + 1 - len(line))
        if any(line):
            # a sheet has the display in the column without a name
            named = cells[display] or (cells[target + 1] if header[target + 1] == "" else "")
            found.append(CodeRow(number, cells[0], cells[2], cells[condition], cells[target], cells[system], named))
    return tuple(found)
