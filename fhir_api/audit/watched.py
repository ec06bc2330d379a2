"""A tenant's store as one visit sees it: what it gives is noted, and what it writes takes its record along."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fhir_api.audit.visit import Visit
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.search.query import Query
from fhir_api.store.forwarding import ForwardingReader, ForwardingStore, ForwardingTransaction
from fhir_api.store.port import HistoryQuery, Page, Reader, TenantStore, Transaction, Write


class _Watched(ForwardingReader):
    """The reading half, the same inside and outside a transaction."""

    _visit: Visit

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


async def _on_record(reader: Reader, visit: Visit, writes: Sequence[Write]) -> Sequence[Write]:
    """Let writes take their record along; whose a resource was that is deleted, only the store knows."""
    gone = [write.key for write in writes if write.change is Change.DELETE]
    if gone:
        visit.gave((await reader.currents(gone)).values())
    for write in writes:
        write.access = visit
    return writes


class _WatchedTransaction(_Watched, ForwardingTransaction):
    """Reads and writes that happen together."""

    def __init__(self, inner: Transaction, visit: Visit) -> None:
        super().__init__(inner)
        self._visit = visit
        self.has_written = False

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See :class:`fhir_api.store.port.Transaction`."""
        versions = await self._transaction.write(await _on_record(self._inner, self._visit, writes))
        self.has_written = True
        return versions


class WatchedStore(_Watched, ForwardingStore):
    """Implements :class:`fhir_api.store.port.TenantStore`."""

    def __init__(self, inner: TenantStore, visit: Visit) -> None:
        """Give what *inner* gives, and tell *visit*."""
        super().__init__(inner)
        self._visit = visit

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See :class:`fhir_api.store.port.TenantStore`."""
        versions = await self._store.write(await _on_record(self._inner, self._visit, writes))
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
