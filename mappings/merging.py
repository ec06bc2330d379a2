"""All rows that count for a sender: the guide's, our corrections and additions, the site's, the sender's.

Folders under ``mappings/own`` hold sheets of our own: a sheet of a name that the guide has stands in its place. Files
of sites are read by :mod:`mappings.sites`; each layer goes before the one under it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mappings.errors import MappingError
from mappings.rows import CodeRow, Row, base

OWN = Path(__file__).parent / "own"
ROW_PATCHES = Path(__file__).parent / "patches" / "rows.yaml"
GROUP_PATCHES = Path(__file__).parent / "patches" / "groups.yaml"
COLUMNS = ("identifier", "name", "repeats", "condition", "target", "map", "vocabulary", "assignment", "comment")
"""Columns of our own sheets and of those of sites; those that are not needed are left out."""
CODE_COLUMNS = ("code", "system", "condition", "target", "target_system", "display", "comment")


class RowPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """A correction of published rows.

    Attributes:
        sheets: the sheets where the rows stand.
        identifier: what they map, such as ``XAD.7``; ``*.MSH`` for the segment in any message.
        reason: why they cannot be used as they are.
        target: only rows with this published target; empty for any.
        condition: only rows with this published condition; empty for any.
        drop: whether they are left out.
        change: columns and what they say instead.
    """

    sheets: tuple[str, ...]
    identifier: str
    reason: str
    target: str = ""
    condition: str = ""
    drop: bool = False
    change: dict[str, str] = {}


class GroupPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """A correction of where a group of a message structure stands.

    Attributes:
        sheet: the sheet of the message.
        published: the group as its rows write it.
        corrected: the group as the standard has it.
        reason: what goes wrong otherwise.
    """

    sheet: str
    published: str
    corrected: str
    reason: str


@dataclass(frozen=True)
class Sheets:
    """Merged rows, by the name of their sheet.

    Attributes:
        messages: rows of message structures.
        segments: rows of segments.
        datatypes: rows of data types.
        tables: codes.
        plain: small tables of our own by name: ``events``, ``identity``, ``entries``, ``defaults``, ``ignored``.
    """

    messages: dict[str, tuple[Row, ...]]
    segments: dict[str, tuple[Row, ...]]
    datatypes: dict[str, tuple[Row, ...]]
    tables: dict[str, tuple[CodeRow, ...]]
    plain: dict[str, tuple[dict[str, str], ...]] = field(default_factory=dict)

    def origin(self, sheet: str, row: Row) -> str:
        """Return the file where a row stands."""
        return row.file or f"base {sheet}"

    def copy(self) -> Sheets:
        """Return sheets of their own, to be laid over."""
        return replace(
            self,
            messages=dict(self.messages),
            segments=dict(self.segments),
            datatypes=dict(self.datatypes),
            tables=dict(self.tables),
            plain=dict(self.plain),
        )


@cache
def common() -> Sheets:
    """Return the rows that count for every sender: the guide's with our corrections, and our own.

    Raises:
        MappingError: a file cannot be used.
    """
    published = base()
    sheets = Sheets(
        dict(published.messages), dict(published.segments), dict(published.datatypes), dict(published.tables)
    )
    _regroup(sheets)
    for patch in row_patches():
        _apply(sheets, patch)
    _decided(sheets)
    for kind in (sheets.messages, sheets.segments, sheets.datatypes):
        name = "messages" if kind is sheets.messages else "segments" if kind is sheets.segments else "datatypes"
        for path in sorted((OWN / name).glob("*.csv")):
            kind[path.stem] = read_rows(path, f"own/{name}/{path.name}")
        for cells in read_table(OWN / "additions" / f"{name}.csv"):
            for sheet in cells.pop("sheet").split("; "):
                kind[sheet] = (*kind[sheet], row_of(cells, f"own/additions/{name}.csv"))
    for path in sorted((OWN / "tables").glob("*.csv")):
        sheets.tables[path.stem] = read_codes(path, f"own/tables/{path.name}")
    for path in sorted(OWN.glob("*.csv")):
        sheets.plain[path.stem] = tuple(read_table(path))
    return sheets


def _regroup(sheets: Sheets) -> None:
    """Write groups of messages where the standard has them."""
    for patch in msgspec.yaml.decode(GROUP_PATCHES.read_bytes(), type=tuple[GroupPatch, ...]):
        group = re.compile(rf"(/?){re.escape(patch.published)}(?![A-Z0-9_])")
        sheets.messages[patch.sheet] = tuple(
            row._replace(identifier=group.sub(rf"\g<1>{patch.corrected}", row.identifier, count=1))
            for row in sheets.messages[patch.sheet]
        )


def _decided(sheets: Sheets) -> None:
    """Leave out the rows of the guide that count on a condition in words which our policy denies."""
    denied = {row["condition"] for row in read_table(OWN / "policies.csv") if row["counts"] == "no"}
    for kind in (sheets.messages, sheets.segments, sheets.datatypes):
        for name, rows in kind.items():
            kind[name] = tuple(row for row in rows if row.narrative not in denied or not row.target)


@cache
def row_patches() -> tuple[RowPatch, ...]:
    """Return our corrections of published rows.

    Raises:
        MappingError: one names a column that rows do not have.
    """
    if not ROW_PATCHES.exists():
        return ()
    patches = msgspec.yaml.decode(ROW_PATCHES.read_bytes(), type=tuple[RowPatch, ...])
    for patch in patches:
        if not patch.change.keys() <= set(COLUMNS) or bool(patch.change) == patch.drop:
            raise MappingError(f"patch of {patch.identifier} in {patch.sheets[0]}: expected either drop or change")
    return patches


def _apply(sheets: Sheets, patch: RowPatch) -> None:
    for sheet in patch.sheets:
        kind = next((each for each in (sheets.segments, sheets.datatypes, sheets.messages) if sheet in each), None)
        if kind is None:
            raise MappingError(f"patch of {patch.identifier}: there is no sheet {sheet!r}")
        found = [_patched(patch, row) for row in kind[sheet]]
        if not any(changed for _, changed in found):
            raise MappingError(f"patch of {patch.identifier} in {sheet}: there is no such row {patch.target!r}")
        kind[sheet] = tuple(row for row, changed in found if row is not None)


def _patched(patch: RowPatch, row: Row) -> tuple[Row | None, bool]:
    same = row.identifier == patch.identifier or (
        patch.identifier.startswith("*") and row.identifier.endswith(patch.identifier[1:])
    )
    meant = same and row.target
    if not meant or patch.target not in {"", row.target} or patch.condition not in {"", row.condition}:
        return row, False
    changes: dict[str, Any] = patch.change
    return (None if patch.drop else row._replace(**changes, file="patches/rows.yaml")), True


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the lines of a CSV file by the names in its first line; ``line`` has the number of each.

    Raises:
        MappingError: it is not UTF-8, or a line has more cells than the first.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MappingError(f"{path.name} is not UTF-8") from error
    first = text.partition("\n")[0]
    # spreadsheets of countries with a decimal comma write semicolons
    separator = ";" if ";" in first and "," not in first else ","
    lines = list(csv.reader(io.StringIO(text), delimiter=separator))
    header = [cell.strip() for cell in lines[0]] if lines else []
    found = []
    for number, cells in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in cells) or cells[0].startswith("#"):
            continue
        if len(cells) > len(header):
            raise MappingError(f"{path.name} line {number}: expected {len(header)} cells, found {len(cells)}")
        found.append(
            {"line": str(number), **dict(zip(header, (" ".join(cell.split()) for cell in cells), strict=False))}
        )
    return found


def read_rows(path: Path, name: str, extra: Iterable[str] = ()) -> tuple[Row, ...]:
    """Return the rows of one of our own sheets or of a site's.

    Args:
        path: the file.
        name: what messages call it.
        extra: columns that it may have beyond :data:`COLUMNS`.

    Raises:
        MappingError: it has a column that rows do not have, or a row without an identifier.
    """
    found = []
    for cells in read_table(path):
        unknown = cells.keys() - {*COLUMNS, *extra, "line"}
        if unknown or not cells.get("identifier"):
            what = f"column {min(unknown)!r} is not known" if unknown else "a row has no identifier"
            raise MappingError(f"{name} line {cells['line']}: {what}")
        found.append(row_of(cells, name))
    return tuple(found)


def row_of(cells: Mapping[str, str], name: str) -> Row:
    """Return the row that a line of a file writes."""
    return Row(
        line=int(cells["line"]),
        identifier=cells["identifier"],
        name=cells.get("name", ""),
        condition=cells.get("condition", ""),
        narrative="",
        target=cells.get("target", ""),
        target_type=cells.get("target", "").partition("[")[0].partition(".")[0],
        map=cells.get("map", ""),
        vocabulary=cells.get("vocabulary", ""),
        assignment=cells.get("assignment", ""),
        comment=cells.get("comment", ""),
        repeats=cells.get("repeats", "") not in {"", "no", "0"},
        file=name,
    )


def read_codes(path: Path, name: str) -> tuple[CodeRow, ...]:
    """Return the codes of one of our own tables or of a site's.

    Args:
        path: the file.
        name: what messages call it.

    Raises:
        MappingError: it has other columns than :data:`CODE_COLUMNS`, or no column ``code``.
    """
    found = []
    for cells in read_table(path):
        unknown = cells.keys() - {*CODE_COLUMNS, "line"}
        if unknown or "code" not in cells:
            found_columns = ", ".join(sorted(cells.keys() - {"line"}))
            raise MappingError(
                f"{name} line 1: expected the columns code, target, target_system, display, found {found_columns}"
            )
        found.append(
            CodeRow(
                int(cells["line"]),
                cells["code"],
                cells.get("system", ""),
                cells.get("condition", ""),
                cells.get("target", ""),
                cells.get("target_system", ""),
                cells.get("display", ""),
                name,
            )
        )
    return tuple(found)
