"""What a site and its senders do otherwise: ``site.yaml``, and rows, tables and Z segments as CSV files.

A folder of a site::

    site.yaml              its zone and senders
    rows.csv, tables/, z/  for all its senders
    LAB1/rows.csv          for one sender: only what differs
    LAB1/tables/AdministrativeSex.csv
    LAB1/z/ZIN.csv
    LAB1/events.csv        events of its own, and whose rows map them

A row names its element from the resource type on (``Patient.gender``). It stands in for the rows of the same place and
element; ``drop()`` as its assignment takes them away. A table's codes go before those of the same table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct

from mappings.corrections import linked
from mappings.destinations import DestinationFile
from mappings.errors import MappingError
from mappings.merging import Sheets, common, read_codes, read_rows, read_table
from mappings.rows import CodeRow, Row

SITES = Path(__file__).parent / "sites"
"""Where sites stand unless another folder is named."""
DROP = "drop()"
FLOATING = "~"
"""Begins the place of a segment that may stand anywhere in a message."""
_ANCHORED = frozenset({"Patient", "Encounter"})
"""Types of which Z segments tell more, rather than of a resource of their own."""

Condition = Literal["AL", "NE", "ER", "SU"]
"""Table 0155: when an acknowledgement is wanted."""


class SenderFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A sender of a site.

    Attributes:
        name: what people call it, and the name of its folder.
        application: MSH-3.1, ``*`` for any.
        facility: MSH-4.1, ``*`` for any.
        zone: IANA zone of times without an offset; empty for the site's.
        charset: label of table 0211 that goes before what MSH-18 says.
        tenant: number of the tenant that it sends for.
        accept: table 0155 (``AL | NE | ER | SU``) in place of MSH-15.
        application_accept: the same in place of MSH-16.
        acknowledge_to: name of the site's destination that gets application acknowledgements; empty: none are sent.
        acknowledge_here: it gets them over the connection that its message came by.
        deferred: what it sends in the original mode is answered when it is stored, and again when it is applied.
        duplicates: ``accept_new | reject | hold``.
        lane: places whose values together are kept in order.
        certificates: SHA-256 fingerprints of the client certificates it may come with.
        dates: forms of dates that are not those of HL7 v2: ``DD/MM/YYYY``, ``DD/MM/YYYY hh:mm``.
        decimal: what stands before the fraction of a number: ``.``, or ``,`` as well.
        expected_seconds: it is silent when nothing came for so long; 0: nothing is expected.
        keep_days: how long its messages are kept once they are mapped or closed; 0: for ever; else as the setting says.
    """

    name: str
    application: str = "*"
    facility: str = "*"
    zone: str = ""
    charset: str | None = None
    tenant: int = 1
    accept: Condition | None = None
    application_accept: Condition | None = None
    acknowledge_to: str = ""
    acknowledge_here: bool = False
    deferred: bool = False
    duplicates: str = "accept_new"
    lane: tuple[str, ...] = ("PID-3.1", "PID-3.4")
    certificates: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    expected_seconds: Annotated[int, Meta(ge=0)] = 0
    keep_days: Annotated[int, Meta(ge=0)] | None = None


class SiteFile(Struct, frozen=True, forbid_unknown_fields=True):
    """``site.yaml``.

    Attributes:
        name: of the site.
        zone: IANA zone of times without an offset.
        senders: who sends.
        destinations: who is sent to.
    """

    name: str
    zone: str = "UTC"
    senders: tuple[SenderFile, ...] = ()
    destinations: tuple[DestinationFile, ...] = ()


class Site:
    """A site with its folder.

    Attributes:
        folder: where it stands.
        file: its ``site.yaml``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "site.yaml"
        try:
            self.file = msgspec.yaml.decode(path.read_bytes(), type=SiteFile)
        except (OSError, msgspec.MsgspecError) as error:
            raise MappingError(f"{folder.name}/site.yaml: {error}") from error

    def sender(self, name: str) -> SenderFile:
        """Return a sender.

        Raises:
            MappingError: the site has none of this name.
        """
        found = next((each for each in self.file.senders if each.name == name), None)
        if found is None:
            raise MappingError(f"site {self.file.name} has no sender {name!r}")
        return found

    def zone(self, sender: SenderFile) -> ZoneInfo:
        """Return the zone of times that a sender writes without an offset.

        Raises:
            MappingError: there is no such zone.
        """
        name = sender.zone or self.file.zone
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise MappingError(f"{self.file.name}/site.yaml: {name!r} is not an IANA zone") from error

    def sheets(self, sender: SenderFile) -> Sheets:
        """Return all rows that count for a sender.

        Raises:
            MappingError: a file cannot be used.
        """
        sheets = common().copy()
        for folder in (self.folder, self.folder / sender.name):
            lay_over(sheets, folder, folder.relative_to(self.folder.parent).as_posix())
        forms = [("date", each) for each in sender.dates] + [("decimal", ",")] * (sender.decimal == ",")
        sheets.plain["written"] = tuple({"kind": kind, "form": form} for kind, form in forms)
        return sheets


def sites(folder: Path = SITES) -> list[Site]:
    """Return the sites in a folder, by name; none where the folder is not there.

    Raises:
        MappingError: a ``site.yaml`` cannot be used.
    """
    return [Site(path.parent) for path in sorted(folder.glob("*/site.yaml"))]


def find_sender(name: str, folder: Path = SITES) -> tuple[Site, SenderFile]:
    """Return the site and sender of a name: ``LAB1``, or ``north/LAB1`` where several sites have one.

    Raises:
        MappingError: there is none, or more than one.
    """
    wanted_site, _, wanted = name.rpartition("/")
    found = [
        (site, sender)
        for site in sites(folder)
        for sender in site.file.senders
        if sender.name == wanted and wanted_site in {"", site.file.name}
    ]
    if len(found) != 1:
        known = ", ".join(f"{site.file.name}/{sender.name}" for site in sites(folder) for sender in site.file.senders)
        raise MappingError(f"expected one sender {name!r}, found {len(found)}; known are: {known or 'none'}")
    return found[0]


def lay_over(sheets: Sheets, folder: Path, name: str) -> None:
    """Lay the files of a folder over the rows that are there.

    Raises:
        MappingError: a file cannot be used.
    """
    for path in sorted((folder / "tables").glob("*.csv")):
        table = linked(sheets.tables, path.stem) or path.stem
        sheets.tables[table] = _codes_over(sheets.tables.get(table, ()), read_codes(path, f"{name}/tables/{path.name}"))
    _events_over(sheets, folder / "events.csv", f"{name}/events.csv")
    files = [folder / "rows.csv"] if (folder / "rows.csv").exists() else []
    for path in [*files, *sorted((folder / "z").glob("*.csv"))]:
        for row in read_rows(path, f"{name}/{path.relative_to(folder).as_posix()}"):
            _row_over(sheets, row)


def _events_over(sheets: Sheets, path: Path, where: str) -> None:
    """Lay events of a site over those that are there: ``event`` (``ADT^ZA1``) and ``structure`` (``ADT_A01``)."""
    if not path.exists():
        return
    known = {row["event"]: row for row in sheets.plain.get("events", ())}
    for row in read_table(path):
        event, structure = row.get("event", ""), row.get("structure", "")
        found = known.get(structure, {}).get("structure", structure)
        if not event or found not in sheets.messages:
            raise MappingError(
                f"{where} line {row['line']}: column structure: expected a message with rows, such as ADT_A01,"
                f" found {structure!r}"
            )
        known[event] = {**row, "structure": found}
    sheets.plain["events"] = tuple(known.values())


def _codes_over(below: tuple[CodeRow, ...], above: tuple[CodeRow, ...]) -> tuple[CodeRow, ...]:
    """Return a table with codes laid over it; a code that names no system takes that of the table's like codes."""
    known = {row.target: row for row in below if row.target}
    filled = []
    for row in above:
        like = known.get(row.target)
        if like is not None and not row.target_system:
            row = row._replace(target_system=like.target_system, display=row.display or like.display)  # noqa: PLW2901 - the row as it counts
        filled.append(row)
    codes = {row.code for row in filled}
    return (*filled, *(row for row in below if row.code not in codes))


def _row_over(sheets: Sheets, row: Row) -> None:
    """Lay one row over the rows of its segment, or of a data type."""
    where = f"{row.file} line {row.line}"
    if "." in row.identifier.partition("-")[0]:
        raise MappingError(f"{where}: rows of data types are those of every sender; name the field instead")
    segment = row.identifier.partition("-")[0]
    if not re.fullmatch(r"[A-Z][A-Z0-9]{2}(-\d+)?", row.identifier):
        raise MappingError(f"{where}: expected a segment or field such as PID-8, found {row.identifier!r}")
    resource, dot, path = row.target.partition(".")
    if not dot or not resource[:1].isupper():
        raise MappingError(f"{where}: expected an element from the resource type on (Patient.gender)")
    kind, label = _label(resource)
    sheet = linked(sheets.segments, f"{segment}[{kind}]") or f"{segment}[{kind}]"
    kept = tuple(
        each
        for each in sheets.segments.get(sheet, ())
        if each.identifier != row.identifier
        or not _is_same(each.target, path)
        or (each.file == row.file and each.condition != row.condition)
    )
    own = () if row.assignment == DROP else (row._replace(target=path),)
    sheets.segments[sheet] = _placed(kept, own, row.identifier)
    _announce(sheets, segment, kind, label, sheet, row.file)


def _is_same(below: str, path: str) -> bool:
    """Return whether a path is that of a row below; one without labels is whatever label the row has."""
    return below == path or ("[" not in path and re.sub(r"\[[^\]]*\]", "", below) == path)


def _placed(rows: tuple[Row, ...], own: tuple[Row, ...], identifier: str) -> tuple[Row, ...]:
    """Return rows with *own* before the others of the same place, so that what it writes stays."""
    at = next((number for number, each in enumerate(rows) if each.identifier == identifier), len(rows))
    same_file = [number for number, each in enumerate(rows) if own and each.file == own[0].file]
    at = max(at, same_file[-1] + 1) if same_file and same_file[-1] >= at else at
    return (*rows[:at], *own, *rows[at:])


def _label(resource: str) -> tuple[str, str]:
    kind, _, rest = resource.partition("[")
    return kind, rest.rstrip("]")


def _announce(sheets: Sheets, segment: str, kind: str, label: str, sheet: str, file: str) -> None:
    """Let the message structures use a sheet, if none of their rows does."""
    for name, rows in sheets.messages.items():
        if any(row.map and linked({sheet: ()}, row.map) for row in rows):
            continue
        places = list(dict.fromkeys(row.identifier for row in rows if row.identifier.rpartition(".")[2] == segment))
        labels = _labels(rows, kind)
        added = [
            Row(
                0,
                place,
                "",
                "",
                "",
                f"{kind}[{label or _nearest(place, labels, segment, kind)}]",
                kind,
                sheet,
                "",
                "",
                file=file,
            )
            for place in places or [f"{name}.{FLOATING}{segment}"]
        ]
        sheets.messages[name] = (*rows, *added)


def _labels(rows: Iterable[Row], kind: str) -> list[tuple[str, str]]:
    """Return where a message structure has resources of a type, and under which label."""
    found = []
    for row in rows:
        match = re.match(rf"{kind}(?:\[([^\]]*)\])?(?:\.|$)", row.target)
        if match is not None:
            found.append((row.identifier, match[1] or "1"))
    return found


def _nearest(place: str, labels: list[tuple[str, str]], segment: str, kind: str) -> str:
    group = place.rpartition(".")[0]
    here = next((label for identifier, label in labels if identifier.rpartition(".")[0] == group), None)
    if here is not None and FLOATING not in place:
        return here
    return labels[0][1] if labels and kind in _ANCHORED else segment
