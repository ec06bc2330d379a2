"""The work on index rows in the background: whoever calls does what is due next, one batch in one transaction.

Several processes may call at any time. The tenant's lock lets one of them work, the others come again later. What a
batch did and how far it came are stored together, so a process that is killed leaves nothing half done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from stanforis.storage.connection import Connection
from stanforis.tenancy.contexts import DIRECTORY

from fhir_api.store.parameters import BUILDING, LIVE, REMOVING, Due, OwnParameter
from fhir_api.store.postgres import batches, registering
from fhir_api.store.postgres.batches import Batch
from fhir_api.store.postgres.session import ENTER, TENANT, fenced
from fhir_api.store.postgres.shared import Shared
from fhir_api.store.postgres.types import resource_numbers

_LOCKS: Final = 0x5350
"""Class of the advisory locks under which a tenant's parameters are looked after."""
_BATCH: Final = 100
_SOON: Final = 0.05
_BUSY: Final = 0.2

_DUE = fenced(
    "x.changed, x.next_at",
    "SELECT coalesce((SELECT g.generation FROM fhir.definitions_state g WHERE g.tenant_id = c.tenant), 0) <> "
    "coalesce((SELECT s.definitions FROM fhir.parameter_state s WHERE s.tenant_id = c.tenant), 0) AS changed, "
    "(SELECT min(j.next_at) FROM fhir.reindex_job j WHERE j.tenant_id = c.tenant AND j.finished IS NULL) AS next_at "
    "OFFSET 0",
)
_ALL_DUE = (
    "SELECT x.tenant_id, x.generation FROM (SELECT tenancy.enter($1) OFFSET 0) c CROSS JOIN LATERAL ("
    "SELECT g.tenant_id, NULL::bigint AS generation FROM fhir.definitions_state g WHERE g.generation <> "
    "coalesce((SELECT s.definitions FROM fhir.parameter_state s WHERE s.tenant_id = g.tenant_id), 0) "
    "UNION ALL SELECT j.tenant_id, NULL FROM fhir.reindex_job j WHERE j.finished IS NULL "
    "UNION ALL SELECT s.tenant_id, s.generation FROM fhir.parameter_state s OFFSET 0) x"
)
"""In the context of the installation: tenants for which something is due, and the generations of all parameters."""
_PLACE = fenced(
    "x.rid",
    "SELECT r.rid FROM fhir.resource r "
    "WHERE r.tenant_id = c.tenant AND r.id_hash = $2 AND r.type_id = $3 AND r.fhir_id = $4 LIMIT 1",
)
# All below run inside a transaction whose context is in force.
_JOB = (
    "SELECT job, kind, types, parameters, barrier, place, seen, next_at FROM fhir.reindex_job "
    f"WHERE tenant_id = {TENANT} AND finished IS NULL ORDER BY job LIMIT 1"
)
_BEGIN = (
    "UPDATE fhir.reindex_job SET state = 'running', place = 0, seen = 0, "
    "barrier = pg_snapshot_xmax(pg_current_snapshot())::text::bigint, total = $3 "
    f"WHERE tenant_id = {TENANT} AND job = $2"
)
_IS_ALONE = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1::bigint"
_GO_ON = (
    "UPDATE fhir.reindex_job SET place = $3, seen = seen + $4, made = made + $5, next_at = $6 "
    f"WHERE tenant_id = {TENANT} AND job = $2"
)
_END = f"UPDATE fhir.reindex_job SET state = 'done', finished = $3 WHERE tenant_id = {TENANT} AND job = $2"
_GO_LIVE = (
    "UPDATE fhir.search_parameter SET state = 'live' "
    f"WHERE tenant_id = {TENANT} AND number = ANY($2::int[]) AND state = 'building'"
)
_COUNT = (
    f"SELECT count(*) FROM fhir.resource r WHERE r.tenant_id = {TENANT} "
    "AND r.rid >= $2 AND r.rid < $3 AND ($4::bigint IS NULL OR r.marker < $4)"
)


class _Job(NamedTuple):
    job: int
    kind: str
    types: list[int]
    parameters: list[int]
    barrier: int | None
    place: int
    seen: int
    next_at: int


async def due(shared: Shared) -> Due:
    """Return for which tenants something is due; see :meth:`look_after`."""
    async with shared.pool.acquire() as connection:
        rows = await connection.fetch(_ALL_DUE, shared.contexts.of(connection, DIRECTORY))
    tenants = frozenset(tenant for tenant, generation in rows if generation is None)
    return Due(tenants, {tenant: generation for tenant, generation in rows if generation is not None})


async def look_after(shared: Shared, tenant_id: int, *, share: float) -> float | None:
    """Do what is due for a tenant's parameters, and return the seconds until there may be more; None if nothing is.

    Args:
        shared: what the tenants' stores have in common.
        tenant_id: of the tenant.
        share: how much of the time may be work; the rest is left to others.
    """
    async with shared.pool.acquire() as connection:
        context = shared.contexts.of(connection, tenant_id)
        (due,) = await connection.fetch(_DUE, context)
        if not due["changed"] and due["next_at"] is None:
            return None
        if not due["changed"] and due["next_at"] > _now():
            return min(float(due["next_at"] - _now()) / 1000, _BUSY)
        async with _alone(connection, context, tenant_id) as is_alone:
            if not is_alone:
                return _BUSY
            if due["changed"]:
                await registering.register(connection, context, shared.indexing.definitions)
                return 0.0
            return await _Work(shared, connection, tenant_id, share).next()


@asynccontextmanager
async def _alone(connection: Connection, context: str, tenant_id: int) -> AsyncIterator[bool]:
    """Run a transaction; give whether it alone looks after the tenant's parameters."""
    async with connection.transaction():
        # a batch is short, but counting a large store is not
        await connection.execute(f"{ENTER}, set_config('statement_timeout', '0', true)", context)
        yield await connection.fetchval(f"SELECT pg_try_advisory_xact_lock({_LOCKS:d}, {tenant_id:d})")


@asynccontextmanager
async def alone(shared: Shared, tenant_id: int) -> AsyncIterator[tuple[Connection, str]]:
    """Run a transaction alone with the tenant's parameters, waiting for whoever works on them; give its context too."""
    async with shared.pool.acquire() as connection, connection.transaction():
        context = shared.contexts.of(connection, tenant_id)
        await connection.execute(ENTER, context)
        await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCKS:d}, {tenant_id:d})")
        yield connection, context


async def begin_reindex(shared: Shared, tenant_id: int, resource_types: Sequence[str]) -> int:
    """Make the job that makes all rows of some types anew; see :class:`fhir_api.store.port.TenantStore`."""
    async with alone(shared, tenant_id) as (connection, context):
        title = ", ".join(resource_types)
        return await registering.begin_job(connection, context, "reindex", title, resource_types)


async def rebuild(shared: Shared, tenant_id: int, numbers: Sequence[int]) -> int:
    """Make the job that builds parameters again; see :class:`fhir_api.store.port.TenantStore`."""
    async with alone(shared, tenant_id) as (connection, context):
        known = (await registering.load(connection, context)).parameters
        again = [each for each in known if each.number in numbers and each.state in (BUILDING, LIVE)]
        return await registering.rebuild(connection, context, again)


async def build_anew(shared: Shared, tenant_id: int) -> None:
    """Make the rows of a tenant's own parameters, of which there are none, as the whole index is made anew."""
    async with alone(shared, tenant_id) as (connection, context):
        await registering.build_again(connection, context)
    while True:
        pause = await look_after(shared, tenant_id, share=1)
        if pause is None:
            return
        await asyncio.sleep(pause)


async def reindex(shared: Shared, tenant_id: int, place: tuple[int, int, str]) -> int:
    """Make the rows of one resource anew, and return how many it has; see :class:`fhir_api.store.port.TenantStore`."""
    async with alone(shared, tenant_id) as (connection, context):
        found = await connection.fetch(_PLACE, context, *place)
        if not found:
            return 0
        batch = await batches.read(connection, context, found[0]["rid"] - 1, found[0]["rid"] + 1, 1)
        return await batches.reindex(shared, connection, tenant_id, batch)


class _Work:
    """One step of the oldest job."""

    def __init__(self, shared: Shared, connection: Connection, tenant_id: int, share: float) -> None:
        self._shared = shared
        self._connection = connection
        self._tenant_id = tenant_id
        self._context = shared.contexts.of(connection, tenant_id)
        self._share = share

    async def next(self) -> float | None:
        """Do one step; see :func:`look_after`."""
        rows = await self._connection.fetch(_JOB, self._context)
        if not rows:
            return None
        job = _Job(*rows[0])
        if job.barrier is None:
            await self._execute(_BEGIN, job.job, await self._counted(job, None))
            return 0.0
        if not await self._connection.fetchval(_IS_ALONE, job.barrier):
            # somebody still writes who may not know the parameters
            return _SOON
        began = time.monotonic()
        if job.kind == "remove":
            is_done = await self._remove(job)
        else:
            is_done = await self._index(job)
        if is_done:
            await self._execute(_END, job.job, _now())
            return 0.0
        return (time.monotonic() - began) * (1 / self._share - 1)

    async def _execute(self, statement: str, *arguments: Any) -> None:
        await self._connection.execute(statement, self._context, *arguments)

    async def _parameters(self, job: _Job, state: str) -> list[OwnParameter]:
        known = (await registering.load(self._connection, self._context)).parameters
        return [each for each in known if each.number in job.parameters and each.state == state]

    async def _remove(self, job: _Job) -> bool:
        gone = await self._parameters(job, REMOVING)
        removed = await batches.remove(self._connection, self._context, gone, self._shared.indexing.definitions)
        if removed:
            await self._execute(_GO_ON, job.job, 0, 0, removed, self._next_at(0))
            return False
        await self._execute(
            f"DELETE FROM fhir.search_parameter WHERE tenant_id = {TENANT} AND number = ANY($2::int[])",
            [each.number for each in gone],
        )
        return True

    async def _index(self, job: _Job) -> bool:
        began = time.monotonic()
        building = await self._parameters(job, BUILDING)
        batch = await self._batch(job)
        if batch is None:
            return await self._finish(job)
        if job.kind == "reindex":
            made = await batches.reindex(self._shared, self._connection, self._tenant_id, batch)
        else:
            made = await batches.build(
                self._shared.indexing_of(self._tenant_id), self._connection, self._context, batch, building
            )
        await self._execute(_GO_ON, job.job, batch[-1].rid, len(batch), made, self._next_at(time.monotonic() - began))
        return False

    def _next_at(self, seconds: float) -> int:
        return _now() + int(1000 * seconds * (1 / self._share - 1))

    async def _batch(self, job: _Job) -> Batch | None:
        """Return the next resources, deletions too; None behind the last.

        What was written since the job began was indexed then: so the job ends, however many write meanwhile.
        """
        for number in job.types:
            first, end = resource_numbers(number)
            if job.place < end - 1:
                after = max(job.place, first - 1)
                found = await batches.read(self._connection, self._context, after, end, _BATCH, job.barrier)
                if found:
                    return found
        return None

    async def _finish(self, job: _Job) -> bool:
        """End the job if it saw every resource that was not written since; begin it again otherwise."""
        if job.seen < await self._counted(job, job.barrier):
            await self._execute(_BEGIN, job.job, await self._counted(job, None))
            return False
        await self._execute(_GO_LIVE, job.parameters)
        return True

    async def _counted(self, job: _Job, barrier: int | None) -> int:
        """Return how many resources of the job's types there are, only those that were written before *barrier*."""
        counts = [
            await self._connection.fetchval(_COUNT, self._context, *resource_numbers(number), barrier)
            for number in job.types
        ]
        return sum(counts)


def _now() -> int:
    return time.time_ns() // 1_000_000
