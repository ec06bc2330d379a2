"""Carrying out writes: what is stored is looked up, the difference is planned and sent, in two statements at most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import asyncpg
from stanforis.audit import Batch
from stanforis.audit.postgres import ADD as RECORD
from stanforis.audit.postgres import arguments as arguments_of
from stanforis.audit.postgres import call as record_call
from stanforis.storage.connection import Connection

from fhir_api.model.errors import FhirError
from fhir_api.model.versions import StoredVersion
from fhir_api.store.collisions import CollisionError
from fhir_api.store.port import Expect, Write
from fhir_api.store.postgres.arrays import bigints
from fhir_api.store.postgres.encode import CodeKey, Codes
from fhir_api.store.postgres.gathering import Outcome
from fhir_api.store.postgres.own import STALE
from fhir_api.store.postgres.shared import Shared
from fhir_api.store.postgres.types import resource_number, type_numbers
from fhir_api.store.postgres.writes import LOOKUP, Plan, Stored, by_identity, identity
from fhir_api.store.recording import batch_of

Place = tuple[Stored | None, int]
"""What is stored under a key, and the number of the resource: its own, or a fresh one."""


async def write_all(
    shared: Shared, tenant_id: int, connection: Connection, writes: Sequence[Write], *, look: bool
) -> tuple[list[StoredVersion], Iterable[CodeKey]]:
    """Carry out *writes*, all or none, and return their versions and the codes that are stored now.

    With *look*, keys that are said to be absent are looked up too (as after a collision).
    """
    plan = await _plan(shared, tenant_id, connection)
    places = await _places(shared, tenant_id, connection, writes, look=look)
    versions = [plan.add(write, *place) for write, place in zip(writes, places, strict=True)]
    await _send(shared, plan, tenant_id, connection, batch_of(writes, versions))
    return versions, plan.codes.new.keys()


async def write_each(
    shared: Shared, tenant_id: int, connection: Connection, writes: Sequence[Write]
) -> tuple[list[Outcome], Iterable[CodeKey]]:
    """As :func:`write_all`, but a write that is refused does not keep the others from being carried out."""
    plan = await _plan(shared, tenant_id, connection)
    places = await _places(shared, tenant_id, connection, writes, look=False)
    outcomes = [_added(plan, write, place) for write, place in zip(writes, places, strict=True)]
    await _send(shared, plan, tenant_id, connection, batch_of(writes, outcomes))
    return outcomes, plan.codes.new.keys()


async def _plan(shared: Shared, tenant_id: int, connection: Connection) -> Plan:
    own = await shared.own_of(connection, tenant_id)
    return Plan(tenant_id, shared.indexing_of(tenant_id), Codes(shared.codes_of(tenant_id)), own)


def _added(plan: Plan, write: Write, place: Place) -> Outcome:
    try:
        return plan.add(write, *place)
    except FhirError as refusal:
        return refusal


async def _places(
    shared: Shared, tenant_id: int, connection: Connection, writes: Sequence[Write], *, look: bool
) -> list[Place]:
    known = [write for write in writes if look or write.expected is not Expect.ABSENT]
    stored = {}
    if known:
        hashes = [shared.indexing.encoder.hasher.key(write.key) for write in known]
        stored = by_identity(
            await connection.fetch(LOOKUP, await shared.contexts.admitted(connection, tenant_id), hashes)
        )
    found = [stored.get(identity(write.key)) for write in writes]
    rids = iter(await shared.take_rids(connection, found.count(None)))
    return [
        (before, _fresh(write, next(rids)) if before is None else before.rid)
        for write, before in zip(writes, found, strict=True)
    ]


def _fresh(write: Write, count: int) -> int:
    return resource_number(type_numbers()[write.key.resource_type], count)


async def _send(shared: Shared, plan: Plan, tenant_id: int, connection: Connection, batch: Batch | None) -> None:
    context = await shared.contexts.admitted(connection, tenant_id)
    if not plan:
        if batch is not None:
            await connection.fetch(RECORD, context, *arguments_of(batch, wait=True))
        return
    statement, arguments = plan.statement(context)
    if batch is not None:
        statement = f"{statement}, {record_call(len(arguments) + 1, 'fhir.bigints')}"
        arguments += arguments_of(batch, wait=True, pack=bigints)
    try:
        await connection.fetch(statement, *arguments)
    except asyncpg.PostgresError as error:
        if error.sqlstate != STALE:
            raise
        shared.of(tenant_id).own = None
        raise CollisionError("the search parameters of the tenant changed") from error
