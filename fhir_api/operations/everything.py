"""``$everything``: a whole record, of a patient, of the patients of a group, of an encounter.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html,
https://hl7.org/fhir/R4/encounter-operation-everything.html, https://hl7.org/fhir/R4/group-operation-everything.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, tzinfo

import msgspec
import orjson

from fhir_api.interactions.context import Context
from fhir_api.interactions.read import read
from fhir_api.model.dates import EARLIEST, LATEST, Interval, interval
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.references import parse_restful
from fhir_api.model.resource import parse_compact
from fhir_api.model.versions import StoredVersion
from fhir_api.operations.operation import Call, Level, Listing
from fhir_api.operations.record import Record
from fhir_api.operations.seen import Seen
from fhir_api.operations.supports import is_member, supports
from fhir_api.search.query import Clause, DateValue, LastUpdatedClause, Prefix, PrimaryDateClause, Query
from fhir_api.search.refusals import unknown_type
from fhir_api.store.port import Page

DEFAULT_COUNT = 500
MOST_COUNT = 1000
MOST_SEARCHES = 10
"""Searches for one page: where few members are of the types asked for, a page may come with less than was asked."""

_POSITION = msgspec.msgpack.Decoder(tuple[int, bytes | None, bytes])


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a record is asked for.

    Attributes:
        count: members a page holds at most.
        types: of what is shown; None is every type.
        since: only what was updated at or after this instant (milliseconds), or None.
        care: only what is dated ``[low, high)`` or not at all; None is any date.
    """

    count: int
    types: frozenset[str] | None = None
    since: DateValue | None = None
    care: tuple[int, int] | None = None

    def shows(self, version: StoredVersion) -> bool:
        """Tell whether a version is asked for, by its type and by when it was updated."""
        is_new = self.since is None or version.last_updated >= self.since.low
        return is_new and (self.types is None or version.key.resource_type in self.types)


@dataclass(slots=True)
class Position:
    """Where a page starts.

    Attributes:
        centres: how many of the centres have been given.
        members: where the search for members goes on; None for its start.
        seen: what earlier pages have brought along.
    """

    centres: int = 0
    members: bytes | None = None
    seen: Seen = field(default_factory=Seen)

    def packed(self) -> bytes:
        """Return it as bytes for a cursor."""
        return msgspec.msgpack.encode((self.centres, self.members, self.seen.packed()))


async def of_patient(context: Context, call: Call) -> Listing:
    """Answer ``Patient/$everything`` (of all patients) and ``Patient/{id}/$everything``."""
    if call.level is Level.TYPE:
        return await _everything(context, call, Record("Patient", is_of_all=True))
    if call.cursor is None:
        await read(context.store, call.key)
    return await _everything(context, call, Record("Patient", (call.key,), frozenset({str(call.key)})))


async def of_group(context: Context, call: Call) -> Listing:
    """Answer ``Group/{id}/$everything``: the records of the patients who are its members now."""
    group = orjson.loads((await read(context.store, call.key)).body)
    entities = (member.get("entity", {}) for member in group.get("member", ()) if not member.get("inactive"))
    patients = [key for entity in entities if (key := _patient(entity)) is not None]
    centres = tuple(dict.fromkeys(patients))
    return await _everything(context, call, Record("Patient", centres, frozenset(map(str, centres))))


async def of_encounter(context: Context, call: Call) -> Listing:
    """Answer ``Encounter/{id}/$everything``."""
    encounter = orjson.loads((await read(context.store, call.key)).body)
    subject = _patient(encounter.get("subject", {}))
    patients = frozenset() if subject is None else frozenset({str(subject)})
    return await _everything(context, call, Record("Encounter", (call.key,), patients))


def _patient(reference: dict[str, object]) -> ResourceKey | None:
    """Return the patient of this server that a Reference points at."""
    found = parse_restful(str(reference.get("reference", "")))
    is_here = found is not None and found.base is None and found.key.resource_type == "Patient"
    return found.key if found is not None and is_here else None


async def _everything(context: Context, call: Call, record: Record) -> Listing:
    asked = _asked(context, call)
    position = _position(call.cursor)
    visited, is_done = await _visited(context, record, asked, position)
    matches = [version for version in visited if asked.shows(version)]
    brought: list[StoredVersion] = []
    if asked.types is None or not asked.types.issubset(record.member_types):
        brought = [
            version for version in await supports(context, record, visited, position.seen) if asked.shows(version)
        ]
        position.seen.add(version.key for version in brought)
    return Listing(Page(matches, None if is_done else position.packed(), included=brought))


async def _visited(
    context: Context, record: Record, asked: Asked, position: Position
) -> tuple[list[StoredVersion], bool]:
    """Return the centres and members of one page, those that are not shown too, and whether they are the last."""
    visited: list[StoredVersion] = []
    shown = 0
    for _ in range(MOST_SEARCHES):
        room = asked.count - shown
        if position.centres < len(record.centres):
            some = record.centres[position.centres : position.centres + room]
            current = await context.store.currents(some)
            found = [current[key] for key in some if key in current and not current[key].is_deletion]
            position.centres += len(some)
            is_done = False
        else:
            page = await context.store.search(_query(context, record, asked, room, position.members))
            found = [version for version in page.matches if _belongs(context, record, version)]
            position.members = page.next_cursor
            is_done = page.next_cursor is None
        visited += found
        shown += sum(asked.shows(version) for version in found)
        if is_done or shown >= asked.count:
            return visited, is_done
    return visited, False


def _belongs(context: Context, record: Record, version: StoredVersion) -> bool:
    """Tell whether what was found is a member: the search of all records finds more."""
    if not record.is_of_all:
        return version.key not in record.centres
    return is_member(context, record, parse_compact(version.resource()))


def _query(context: Context, record: Record, asked: Asked, room: int, cursor: bytes | None) -> Query:
    """Return the search for members; those of other types are found too where what they refer to is asked for."""
    types = record.member_types
    if asked.types is not None and asked.types.issubset(types):
        types = tuple(sorted(asked.types))
    elif asked.types is not None:
        room = MOST_COUNT
    clauses: list[Clause] = [*record.clauses(context)]
    if asked.since is not None:
        clauses.append(LastUpdatedClause((asked.since,)))
    if asked.care is not None:
        dates = (context.rules.search.primary_date(name) for name in types)
        clauses.append(PrimaryDateClause(tuple(date for date in dates if date is not None), *asked.care))
    return Query(types, tuple(clauses), count=room, cursor=cursor)


def _asked(context: Context, call: Call) -> Asked:
    """Read the parameters.

    Raises:
        FhirError: MALFORMED, NOT_SUPPORTED.
    """
    arguments = call.arguments
    count = arguments.value("_count")
    if count is not None and count < 1:
        raise refuse(ErrorKind.MALFORMED, "_count of $everything is a whole number from 1.", code="value")
    types = [name for argument in arguments.all("_type") for name in str(argument.value).split(",")]
    for name in types:
        if not context.rules.is_resource_type(name):
            raise unknown_type(name, context.rules.search.resource_types)
    since = arguments.value("_since")
    return Asked(
        min(count or DEFAULT_COUNT, MOST_COUNT),
        frozenset(types) or None,
        None if since is None else DateValue(Prefix.GE, *_interval("_since", since, UTC)),
        _care(context, arguments.value("start"), arguments.value("end")),
    )


def _care(context: Context, start: str | None, end: str | None) -> tuple[int, int] | None:
    if start is None and end is None:
        return None
    zone = context.rules.zone
    low = EARLIEST if start is None else _interval("start", start, zone).low
    high = LATEST if end is None else _interval("end", end, zone).high
    if low >= high:
        raise refuse(ErrorKind.MALFORMED, "'end' is before 'start'.", code="value")
    return low, high


def _interval(name: str, text: str, zone: tzinfo) -> Interval:
    try:
        return interval(text, zone)
    except (ValueError, OverflowError):
        raise refuse(ErrorKind.MALFORMED, f"'{name}' is no date that can be counted with.", code="value") from None


def _position(cursor: bytes | None) -> Position:
    if cursor is None:
        return Position()
    try:
        centres, members, seen = _POSITION.decode(cursor)
    except msgspec.DecodeError:
        raise refuse(ErrorKind.MALFORMED, "The page link does not belong to this operation.") from None
    return Position(centres, members, Seen(seen))
