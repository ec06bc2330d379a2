"""A tenant's store as one visit sees it: what it gives is noted, and what it writes takes its record along."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from fhir_api.access.guarded import removable
from fhir_api.access.reading import behind
from fhir_api.audit.visit import Visit
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.search.query import Clause, Parameter, Query
from fhir_api.store.explaining import ExplainedStatement, Explaining
from fhir_api.store.parameters import Job, OwnParameters
from fhir_api.store.port import (
    DefinitionsState,
    HistoryQuery,
    PackageRecord,
    Page,
    Reader,
    TenantStore,
    Transaction,
    ValueInUse,
    Write,
)


class _WatchedReader:
    """The reading half, the same inside and outside a transaction."""

    def __init__(self, inner: Reader, visit: Visit) -> None:
        self._inner = inner
        self._visit = visit

    @property
    def behind(self) -> Reader:
        """What the server reads from for its own needs, which are nobody's access."""
        return behind(self._inner)

    async def removable(self, keys: Sequence[ResourceKey]) -> set[ResourceKey]:
        """Return those of *keys* that are there for whoever wants to delete them."""
        return await removable(self._inner, keys)

    async def current(self, key: ResourceKey) -> StoredVersion | None:
        """See :class:`fhir_api.store.port.Reader`."""
        version = await self._inner.current(key)
        if version is not None:
            self._visit.gave((version,))
        return version

    async def currents(self, keys: Sequence[ResourceKey]) -> dict[ResourceKey, StoredVersion]:
        """See :class:`fhir_api.store.port.Reader`."""
        versions = await self._inner.currents(keys)
        self._visit.gave(versions.values())
        return versions

    async def version(self, key: ResourceKey, version_id: int) -> StoredVersion | None:
        """See :class:`fhir_api.store.port.Reader`."""
        version = await self._inner.version(key, version_id)
        if version is not None:
            self._visit.gave((version,))
        return version

    async def history(self, query: HistoryQuery) -> Page:
        """See :class:`fhir_api.store.port.Reader`."""
        page = await self._inner.history(query)
        self._visit.gave(page.matches)
        return page

    async def search(self, query: Query) -> Page:
        """See :class:`fhir_api.store.port.Reader`."""
        page = await self._inner.search(query)
        self._visit.gave(page.matches)
        self._visit.gave(page.included)
        return page

    async def matching_keys(self, resource_type: str, clauses: Sequence[Clause], limit: int) -> list[ResourceKey]:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._inner.matching_keys(resource_type, clauses, limit)

    async def values_in_use(self, parameters: Sequence[Parameter]) -> list[ValueInUse]:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._inner.values_in_use(parameters)

    async def definitions_state(self) -> DefinitionsState:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._inner.definitions_state()

    async def packages(self) -> list[PackageRecord]:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._inner.packages()

    async def own_parameters(self) -> OwnParameters:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._inner.own_parameters()

    async def reindex_jobs(self, number: int | None = None) -> list[Job]:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._inner.reindex_jobs(number)

    async def _on_record(self, writes: Sequence[Write]) -> list[Write]:
        """Return writes that take their record along; whose a resource was that is deleted, only the store knows."""
        gone = [write.key for write in writes if write.change is Change.DELETE]
        if gone:
            self._visit.gave((await self._inner.currents(gone)).values())
        return [replace(write, access=self._visit) for write in writes]


class _WatchedTransaction(_WatchedReader):
    """Reads and writes that happen together."""

    def __init__(self, inner: Transaction, visit: Visit) -> None:
        super().__init__(inner, visit)
        self._transaction = inner
        self.has_written = False

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See :class:`fhir_api.store.port.Transaction`."""
        versions = await self._transaction.write(await self._on_record(writes))
        self.has_written = True
        return versions

    async def record_package(self, record: PackageRecord) -> None:
        """See :class:`fhir_api.store.port.Transaction`."""
        await self._transaction.record_package(record)

    async def forget_package(self, name: str, version: str) -> None:
        """See :class:`fhir_api.store.port.Transaction`."""
        await self._transaction.forget_package(name, version)


class WatchedStore(_WatchedReader):
    """Implements :class:`fhir_api.store.port.TenantStore`."""

    def __init__(self, inner: TenantStore, visit: Visit) -> None:
        """Give what *inner* gives, and tell *visit*."""
        super().__init__(inner, visit)
        self._store = inner

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See :class:`fhir_api.store.port.TenantStore`."""
        versions = await self._store.write(await self._on_record(writes))
        self._visit.wrote()
        return versions

    @asynccontextmanager
    async def transaction(self, locks: Sequence[str] = ()) -> AsyncIterator[Transaction]:
        """See :class:`fhir_api.store.port.TenantStore`."""
        async with self._store.transaction(locks) as inner:
            watched = _WatchedTransaction(inner, self._visit)
            yield watched
        if watched.has_written:
            self._visit.wrote()

    async def explain(self, query: Query) -> list[ExplainedStatement]:
        """See :class:`fhir_api.store.explaining.Explaining`; empty where the store cannot explain."""
        return await self._store.explain(query) if isinstance(self._store, Explaining) else []

    async def look_after(self, share: float = 0.5) -> float | None:
        """See :class:`fhir_api.store.port.TenantStore`."""
        return await self._store.look_after(share)

    async def begin_reindex(self, resource_types: Sequence[str]) -> int:
        """See :class:`fhir_api.store.port.TenantStore`."""
        return await self._store.begin_reindex(resource_types)

    async def rebuild(self, numbers: Sequence[int]) -> int:
        """See :class:`fhir_api.store.port.TenantStore`."""
        return await self._store.rebuild(numbers)

    async def reindex(self, key: ResourceKey) -> int:
        """See :class:`fhir_api.store.port.TenantStore`."""
        return await self._store.reindex(key)
