"""The store on PostgreSQL.

Everything is found by one statement and changed by one call; several statements share a transaction only when the
caller asks for one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import tzinfo
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from stanforis.audit import TenantTrail, Trail
from stanforis.audit.batches import audit_key
from stanforis.audit.postgres import PostgresAuditStore
from stanforis.storage.connection import Connection
from stanforis.tenancy.directory import Directory, StoredDirectory
from stanforis.tenancy.keys import Vault
from stanforis.tenancy.ledger import Ledger
from stanforis.tenancy.registry import Registry

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.query import Clause, Parameter, Query
from fhir_api.store.collisions import CollisionError
from fhir_api.store.explaining import ExplainedStatement
from fhir_api.store.limits import RequestClass
from fhir_api.store.parameters import Due, Job, OwnParameters
from fhir_api.store.port import (
    Criteria,
    DefinitionsState,
    HistoryQuery,
    PackageRecord,
    Page,
    TenantStore,
    Transaction,
    ValueInUse,
    Write,
)
from fhir_api.store.postgres import history, own, packages, reads, upkeep
from fhir_api.store.postgres.alike import Alike
from fhir_api.store.postgres.gathering import Gathering, Outcome
from fhir_api.store.postgres.lookups import Lookups
from fhir_api.store.postgres.search import in_use, run
from fhir_api.store.postgres.search.explain import explained
from fhir_api.store.postgres.session import ENTER, Fetch, translated, unavailable
from fhir_api.store.postgres.shared import Calls, Shared
from fhir_api.store.postgres.volleys import Volleys
from fhir_api.store.postgres.writes import Indexing, identity
from fhir_api.store.postgres.writing import write_all, write_each

_Answer = TypeVar("_Answer")
_ATTEMPTS = 10
_ENTER_LOCKED = f"{ENTER}, (SELECT count(pg_advisory_xact_lock(n)) FROM unnest($2::bigint[]) n)"
_LOCK_NAMES = 4096
"""Named locks are folded into this many, so that a large transaction cannot fill the database's lock table."""


class _Connections(Protocol):
    """Where a reader gets its connection: from the pool, or the transaction's own."""

    def __call__(self) -> AbstractAsyncContextManager[Connection]: ...


class _PostgresReader:
    """The reading half, the same inside and outside a transaction."""

    def __init__(self, shared: Shared, tenant_id: int, connections: _Connections) -> None:
        self._shared = shared
        self._tenant_id = tenant_id
        self._connections = connections

    @property
    def _indexing(self) -> Indexing:
        return self._shared.indexing_of(self._tenant_id)

    async def _context(self, connection: Connection) -> str:
        return await self._shared.contexts.admitted(connection, self._tenant_id)

    async def _fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        with translated():
            async with self._connections() as connection:
                return await connection.fetch(statement, await self._context(connection), *arguments)

    async def _guarded(self, own: RequestClass, work: Callable[[Fetch], Awaitable[_Answer]]) -> _Answer:
        return await self._shared.guard.bounded(own, self._connections, self._context, work)

    def _place(self, key: ResourceKey) -> tuple[int, int, str] | None:
        """Return how a key is looked up: hash, type number, id; None for a type that does not exist."""
        try:
            type_id, logical_id = identity(key)
        except KeyError:
            return None
        return self._shared.indexing.encoder.hasher.key(key), type_id, logical_id

    async def current(self, key: ResourceKey) -> StoredVersion | None:
        """See :class:`fhir_api.store.port.Reader`."""
        place = self._place(key)
        rows = await self._fetch(reads.CURRENT, *place) if place else []
        return reads.stored_version(rows[0]) if rows else None

    async def currents(self, keys: Sequence[ResourceKey]) -> dict[ResourceKey, StoredVersion]:
        """See :class:`fhir_api.store.port.Reader`."""
        hashes = [self._shared.indexing.encoder.hasher.key(key) for key in keys]
        return reads.by_key(await self._fetch(reads.CURRENTS, hashes), keys)

    async def version(self, key: ResourceKey, version_id: int) -> StoredVersion | None:
        """See :class:`fhir_api.store.port.Reader`."""
        place = self._place(key)
        rows = await self._fetch(reads.VERSION, *place, version_id) if place else []
        return reads.stored_version(rows[0]) if rows else None

    async def history(self, query: HistoryQuery) -> Page:
        """See :class:`fhir_api.store.port.Reader`."""
        hasher = self._shared.indexing.encoder.hasher
        return await self._guarded(RequestClass.HISTORY, lambda fetch: history.page(fetch, query, hasher))

    async def search(self, query: Query) -> Page:
        """See :class:`fhir_api.store.port.Reader`."""
        counts = self._shared.of(self._tenant_id).counts
        written, indexing = self._shared.written, self._indexing
        return await self._guarded(RequestClass.SEARCH, lambda fetch: run.page(fetch, query, indexing, counts, written))

    async def explain(self, query: Query) -> list[ExplainedStatement]:
        """See :class:`fhir_api.store.explaining.Explaining`."""
        with translated():
            async with self._connections() as connection:
                return await explained(connection, await self._context(connection), query, self._indexing)

    async def matching_keys(self, resource_type: str, clauses: Sequence[Clause], limit: int) -> list[ResourceKey]:
        """See :class:`fhir_api.store.port.Reader`."""
        indexing = self._indexing
        return await self._guarded(
            RequestClass.CONDITIONAL, lambda fetch: run.matching_keys(fetch, resource_type, clauses, limit, indexing)
        )

    async def matching_keys_of(self, asked: Sequence[Criteria], limit: int) -> list[list[ResourceKey]]:
        """See :class:`fhir_api.store.port.Reader`."""
        indexing = self._indexing
        return await self._guarded(
            RequestClass.CONDITIONAL, lambda fetch: run.matching_keys_of(fetch, asked, limit, indexing)
        )

    async def values_in_use(self, parameters: Sequence[Parameter]) -> list[ValueInUse]:
        """See :class:`fhir_api.store.port.Reader`."""
        return await in_use.values(self._fetch, parameters)

    async def definitions_state(self) -> DefinitionsState:
        """See :class:`fhir_api.store.port.Reader`."""
        return packages.state(await self._fetch(packages.STATE))

    async def packages(self) -> list[PackageRecord]:
        """See :class:`fhir_api.store.port.Reader`."""
        return packages.records(await self._fetch(packages.RECORDS))

    async def own_parameters(self) -> OwnParameters:
        """See :class:`fhir_api.store.port.Reader`."""
        return own.loaded(await self._fetch(own.LOAD))

    async def reindex_jobs(self, number: int | None = None) -> list[Job]:
        """See :class:`fhir_api.store.port.Reader`."""
        return [own.job(orjson.loads(row["job"])) for row in await self._fetch(own.JOBS, number)]


class _PostgresTransaction(_PostgresReader):
    """Reads and writes on one connection, between BEGIN and COMMIT."""

    async def _guarded(self, own: RequestClass, work: Callable[[Fetch], Awaitable[_Answer]]) -> _Answer:
        return await self._shared.guard.in_transaction(own, self._connections, self._context, work)

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See :class:`fhir_api.store.port.Transaction`; a collision ends the transaction."""
        with translated():
            async with self._connections() as connection:
                versions, _ = await write_all(self._shared, self._tenant_id, connection, writes, look=True)
        return versions

    async def record_package(self, record: PackageRecord) -> None:
        """See :class:`fhir_api.store.port.Transaction`."""
        await self._fetch(packages.RECORD, *packages.arguments(record))

    async def forget_package(self, name: str, version: str) -> None:
        """See :class:`fhir_api.store.port.Transaction`."""
        await self._fetch(packages.FORGET, name, version)


class PostgresTenantStore(_PostgresReader):
    """One tenant's resources on PostgreSQL."""

    def __init__(self, shared: Shared, tenant_id: int) -> None:
        super().__init__(shared, tenant_id, shared.pool.acquire)
        remembered = shared.of(tenant_id)
        if remembered.calls is None:
            remembered.calls = Calls(
                Gathering(self._write_together, self._write_alone),
                Lookups(self.currents),
                Volleys(shared.guard.running(shared.pool.acquire, self._context)),
                Alike(),
            )
        self._calls = remembered.calls

    async def current(self, key: ResourceKey) -> StoredVersion | None:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._calls.lookups.current(key)

    async def search(self, query: Query) -> Page:
        """See :class:`fhir_api.store.port.Reader`."""
        find = super().search
        return await self._calls.alike.page(query, lambda: find(query))

    async def _guarded(self, own: RequestClass, work: Callable[[Fetch], Awaitable[_Answer]]) -> _Answer:
        return await self._shared.guard.bounded(own, self._connections, self._context, work, self._calls.volleys)

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See :class:`fhir_api.store.port.TenantStore`."""
        if len(writes) == 1:
            return [await self._calls.gathering.write(writes[0])]
        return await self._write_all(writes)

    async def _write_together(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        with translated():
            async with self._shared.pool.acquire() as connection:
                outcomes, codes = await write_each(self._shared, self._tenant_id, connection, writes)
        self._shared.codes_of(self._tenant_id).update(codes)
        return outcomes

    async def _write_alone(self, write: Write) -> StoredVersion:
        (version,) = await self._write_all([write])
        return version

    async def _write_all(self, writes: Sequence[Write]) -> list[StoredVersion]:
        for attempt in range(_ATTEMPTS):
            try:
                with translated():
                    async with self._shared.pool.acquire() as connection:
                        versions, codes = await write_all(
                            self._shared, self._tenant_id, connection, writes, look=attempt > 0
                        )
                # only what is committed is known
                self._shared.codes_of(self._tenant_id).update(codes)
            except CollisionError:
                await asyncio.sleep(random.uniform(0, 0.005 * 2**attempt))  # noqa: S311 - spreads writers, no secret
            else:
                return versions
        raise refuse(ErrorKind.CONFLICT, "Other writers kept changing the same resource; try again.")

    @asynccontextmanager
    async def transaction(self, locks: Sequence[str] = ()) -> AsyncIterator[Transaction]:
        """See :class:`fhir_api.store.port.TenantStore`."""
        with translated():
            async with self._shared.pool.acquire() as connection:
                await connection.execute("BEGIN")
                try:
                    await self._enter(connection, locks)
                    yield _PostgresTransaction(self._shared, self._tenant_id, _lend(connection))
                    await connection.execute("COMMIT")
                except BaseException:
                    await _roll_back(connection)
                    raise

    async def look_after(self, share: float = 0.5) -> float | None:
        """See :class:`fhir_api.store.port.TenantStore`."""
        with translated():
            return await upkeep.look_after(self._shared, self._tenant_id, share=share)

    async def begin_reindex(self, resource_types: Sequence[str]) -> int:
        """See :class:`fhir_api.store.port.TenantStore`."""
        with translated():
            return await upkeep.begin_reindex(self._shared, self._tenant_id, resource_types)

    async def rebuild(self, numbers: Sequence[int]) -> int:
        """See :class:`fhir_api.store.port.TenantStore`."""
        with translated():
            return await upkeep.rebuild(self._shared, self._tenant_id, numbers)

    async def reindex(self, key: ResourceKey) -> int:
        """See :class:`fhir_api.store.port.TenantStore`."""
        place = self._place(key)
        with translated():
            return 0 if place is None else await upkeep.reindex(self._shared, self._tenant_id, place)

    async def _enter(self, connection: Connection, names: Sequence[str]) -> None:
        hasher = self._shared.indexing.encoder.hasher
        numbers = sorted({hasher.text(f"{self._tenant_id}|{name}") % _LOCK_NAMES for name in names})
        if numbers:
            await connection.fetch(_ENTER_LOCKED, await self._context(connection), numbers)
        else:
            await connection.fetch(ENTER, await self._context(connection))


def _lend(connection: Connection) -> _Connections:
    @asynccontextmanager
    async def lend() -> AsyncIterator[Connection]:
        yield connection

    return lend


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.execute("ROLLBACK")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.CancelledError):
        # the pool drops a connection that is closed
        connection.terminate()


class PostgresStores:
    """Stores by tenant, on one database.

    Attributes:
        cursor_key: the installation's secret for signing page cursors.
        shared: what the tenants' stores have in common.
        audit: keeps the audit trails.
        trail: writes them.
        directory: the tenants.
    """

    def __init__(self, shared: Shared, cursor_key: bytes) -> None:
        self.shared = shared
        self.audit = PostgresAuditStore(shared.pool, shared.contexts)
        self.trail = Trail(self.audit, audit_key(cursor_key))
        registry, ledger = Registry(shared.pool, shared.contexts), Ledger(shared.pool, shared.contexts)
        self._directory = StoredDirectory(registry, ledger, shared.contexts)
        self.directory: Directory = self._directory
        shared.zone_of = self._zone_of
        self.cursor_key = cursor_key

    async def refresh(self) -> None:
        """Learn of the tenants as they are now.

        Raises:
            FhirError: UNAVAILABLE.
        """
        with translated():
            await self._directory.refresh()

    async def keep_keys(self, vault: Vault) -> None:
        """Seal and open what is stored with the keys of *vault*."""
        await self._directory.keep(vault)

    def _zone_of(self, tenant_id: int) -> tzinfo | None:
        tenant = self._directory.tenant(tenant_id)
        return None if tenant is None or tenant.time_zone is None else ZoneInfo(tenant.time_zone)

    def for_tenant(self, tenant_id: int) -> TenantStore:
        """Return the store of a tenant."""
        return PostgresTenantStore(self.shared, tenant_id)

    async def due(self) -> Due:
        """Return for which tenants search parameters have to be looked after.

        Raises:
            FhirError: UNAVAILABLE.
        """
        with translated():
            return await upkeep.due(self.shared)

    def trail_of(self, tenant_id: int) -> TenantTrail:
        """Return the audit trail of a tenant."""
        return self.trail.for_tenant(tenant_id)

    async def ready(self) -> None:
        """Return when the database answers.

        Raises:
            FhirError: UNAVAILABLE.
        """
        with translated():
            async with self.shared.pool.acquire() as connection:
                if await connection.fetchval("SELECT 1") != 1:
                    raise unavailable()

    async def close(self) -> None:
        """Close the connections."""
        await self.shared.pool.close()
        await self.shared.looks.close()
