"""Registering the SearchParameters of a tenant: what changed since it was looked at last, and the jobs that follow."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec
import orjson
from stanforis.storage.connection import Connection

from fhir_api.search.definitions import SearchDefinitions
from fhir_api.store.parameters import (
    BUILDING,
    LIVE,
    REFUSED,
    REMOVING,
    Changes,
    OwnParameter,
    OwnParameters,
    Registered,
    Source,
    changes,
)
from fhir_api.store.postgres.bodies import unpack
from fhir_api.store.postgres.own import LOAD, loaded
from fhir_api.store.postgres.session import TENANT, fenced
from fhir_api.store.postgres.types import resource_numbers, type_numbers

_STATES = fenced(
    "x.stored, x.registered",
    "SELECT coalesce((SELECT g.generation FROM fhir.definitions_state g WHERE g.tenant_id = c.tenant), 0) AS stored, "
    "coalesce((SELECT s.definitions FROM fhir.parameter_state s WHERE s.tenant_id = c.tenant), 0) AS registered "
    "OFFSET 0",
)
_SOURCES = fenced(
    "x.rid, x.version, x.body",
    "SELECT r.rid, r.version, r.body FROM fhir.resource r WHERE r.tenant_id = c.tenant "
    "AND r.rid >= $2 AND r.rid < $3 AND r.change <> 3 ORDER BY r.rid OFFSET 0",
)
# All below run inside a transaction whose context is in force.
_KEEP = f"UPDATE fhir.search_parameter SET source_version = $3 WHERE tenant_id = {TENANT} AND number = $2"
_REMOVE = f"UPDATE fhir.search_parameter SET state = 'removing' WHERE tenant_id = {TENANT} AND number = ANY($2::int[])"
_FORGET = f"DELETE FROM fhir.search_parameter WHERE tenant_id = {TENANT} AND number = ANY($2::int[])"
_ADD = (
    "INSERT INTO fhir.search_parameter (tenant_id, number, source, source_version, state, definition, reason) "
    f"VALUES ({TENANT}, nextval('fhir.search_parameter_number'), $2, $3, $4, $5, $6) RETURNING number"
)
_NEXT = (
    "INSERT INTO fhir.parameter_state AS s (tenant_id, generation, definitions) "
    f"VALUES ({TENANT}, $2::bigint, coalesce($3::bigint, 0)) ON CONFLICT (tenant_id) DO UPDATE "
    "SET generation = s.generation + $2, definitions = coalesce($3, s.definitions)"
)
_JOB = (
    "INSERT INTO fhir.reindex_job (tenant_id, job, kind, title, types, parameters, created) "
    f"VALUES ({TENANT}, nextval('fhir.reindex_job_number'), $2, $3, $4::smallint[], $5::int[], $6) "
    "RETURNING job"
)
_FORGET_JOBS = f"DELETE FROM fhir.reindex_job WHERE tenant_id = {TENANT} AND finished IS NULL"


async def load(connection: Connection, context: str) -> OwnParameters:
    """Return the registered parameters of a tenant."""
    return loaded(await connection.fetch(LOAD, context))


async def register(connection: Connection, context: str, base: SearchDefinitions) -> bool:
    """Register what changed among the SearchParameters, and tell whether anything had.

    Runs inside a transaction, alone with the tenant's registry.
    """
    (states,) = await connection.fetch(_STATES, context)
    if states["stored"] == states["registered"]:
        return False
    parameters = (await load(connection, context)).parameters
    found = changes(await _sources(connection, context), parameters, base)
    await _apply(connection, context, found, parameters, states["stored"])
    return True


async def _sources(connection: Connection, context: str) -> list[Source]:
    rows = await connection.fetch(_SOURCES, context, *resource_numbers(type_numbers()["SearchParameter"]))
    found = (Source(row["rid"], row["version"], orjson.loads(unpack(row["body"]))) for row in rows)
    return [source for source in found if source.is_readable]


async def _apply(
    connection: Connection, context: str, found: Changes, before: Sequence[OwnParameter], definitions: int
) -> None:
    for number, version_id in found.kept.items():
        await connection.execute(_KEEP, context, number, version_id)
    ending = [each for each in before if each.number in found.removed]
    await end(connection, context, ending)
    added = [await _add(connection, context, each) for each in found.added]
    building = [each for each in added if each.state == BUILDING]
    if building:
        await begin(connection, context, "build", building)
    is_other = building or any(each.state != REFUSED for each in ending)
    await connection.execute(_NEXT, context, 1 if is_other else 0, definitions)


async def end(connection: Connection, context: str, ending: Sequence[OwnParameter]) -> None:
    """Search and index by some parameters no longer, and begin to remove their rows."""
    gone = [each for each in ending if each.state != REFUSED]
    await connection.execute(_FORGET, context, [each.number for each in ending if each.state == REFUSED])
    if gone:
        await connection.execute(_REMOVE, context, [each.number for each in gone])
        await begin(connection, context, "remove", gone)


async def _add(connection: Connection, context: str, new: Registered) -> OwnParameter:
    source, state = new.source, REFUSED if new.reason else BUILDING
    encoded = msgspec.json.encode(new.definition).decode()
    number = await connection.fetchval(_ADD, context, source.number, source.version_id, state, encoded, new.reason)
    return OwnParameter(number, source.number, source.version_id, state, new.definition, new.reason)


async def begin(connection: Connection, context: str, kind: str, parameters: Sequence[OwnParameter]) -> int:
    """Make the job that builds or removes the rows of *parameters*, and return its number."""
    types = {name for each in parameters for name in each.definition.base}
    title = ", ".join(each.definition.url for each in parameters)
    return await begin_job(connection, context, kind, title, types, [each.number for each in parameters])


async def begin_job(
    connection: Connection, context: str, kind: str, title: str, types: Iterable[str], parameters: Sequence[int] = ()
) -> int:
    """Make a job about resource *types*, and return its number."""
    numbers = sorted(type_numbers()[name] for name in types)
    now = time.time_ns() // 1_000_000
    job: int = await connection.fetchval(_JOB, context, kind, title, numbers, list(parameters), now)
    return job


async def rebuild(connection: Connection, context: str, again: Sequence[OwnParameter]) -> int:
    """Register some parameters anew, as they are, and return the number of the job that builds them."""
    await end(connection, context, again)
    added = [
        await _add(connection, context, Registered(Source(each.source, each.source_version, {}), each.definition, ""))
        for each in again
    ]
    await connection.execute(_NEXT, context, 1, None)
    return await begin(connection, context, "build", added)


async def build_again(connection: Connection, context: str) -> None:
    """After all index rows are gone: build the rows of every parameter, and forget what was to be removed."""
    parameters = (await load(connection, context)).parameters
    await connection.execute(_FORGET, context, [each.number for each in parameters if each.state == REMOVING])
    await connection.execute(_FORGET_JOBS, context)
    live = [each for each in parameters if each.state in (BUILDING, LIVE)]
    if live:
        await connection.execute(
            f"UPDATE fhir.search_parameter SET state = 'building' WHERE tenant_id = {TENANT} AND state = 'live'",
            context,
        )
        await begin(connection, context, "build", live)
