"""``$everything``: a whole record, of a patient, of the patients of a group, of an encounter.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html,
https://hl7.org/fhir/R4/encounter-operation-everything.html, https://hl7.org/fhir/R4/group-operation-everything.html
"""

from __future__ import annotations

import orjson

from fhir_api.interactions.context import Context
from fhir_api.interactions.read import read
from fhir_api.model.keys import ResourceKey
from fhir_api.model.references import parse_restful
from fhir_api.model.resource import parse_compact
from fhir_api.model.versions import StoredVersion
from fhir_api.operations.operation import Call, Level, Listing
from fhir_api.operations.record import Record
from fhir_api.operations.record_page import MOST_COUNT, Asked, Position, read_asked, read_position
from fhir_api.operations.supports import is_member, supports
from fhir_api.search.query import Clause, LastUpdatedClause, PrimaryDateClause, Query
from fhir_api.store.port import Page

MOST_SEARCHES = 10
"""Searches for one page: where few members are of the types asked for, a page may come with less than was asked."""


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
    asked = read_asked(context, call)
    position = read_position(call.cursor)
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
