"""A store in front of another, to be changed where it differs: every method hands on what it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.query import Clause, Parameter, Query
from fhir_api.store.explaining import ExplainedStatement, Explaining
from fhir_api.store.limited import behind, removable
from fhir_api.store.parameters import Job, OwnParameters
from fhir_api.store.port import (
    Criteria,
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


class ForwardingReader:
    """Implements :class:`fhir_api.store.port.Reader`, whose documentation holds here."""

    def __init__(self, inner: Reader) -> None:
        self._inner = inner

    @property
    def behind(self) -> Reader:
        """What is read from without limits; see :mod:`fhir_api.store.limited`."""
        return behind(self._inner)

    async def removable(self, keys: Sequence[ResourceKey]) -> set[ResourceKey]:
        """Return what may be deleted; see :mod:`fhir_api.store.limited`."""
        return await removable(self._inner, keys)

    async def current(self, key: ResourceKey) -> StoredVersion | None:
        """See the port."""
        return await self._inner.current(key)

    async def currents(self, keys: Sequence[ResourceKey]) -> dict[ResourceKey, StoredVersion]:
        """See the port."""
        return await self._inner.currents(keys)

    async def version(self, key: ResourceKey, version_id: int) -> StoredVersion | None:
        """See the port."""
        return await self._inner.version(key, version_id)

    async def history(self, query: HistoryQuery) -> Page:
        """See the port."""
        return await self._inner.history(query)

    async def search(self, query: Query) -> Page:
        """See the port."""
        return await self._inner.search(query)

    async def matching_keys(self, resource_type: str, clauses: Sequence[Clause], limit: int) -> list[ResourceKey]:
        """See the port."""
        return await self._inner.matching_keys(resource_type, clauses, limit)

    async def matching_keys_of(self, asked: Sequence[Criteria], limit: int) -> list[list[ResourceKey]]:
        """See the port."""
        return await self._inner.matching_keys_of(asked, limit)

    async def values_in_use(self, parameters: Sequence[Parameter]) -> list[ValueInUse]:
        """See the port."""
        return await self._inner.values_in_use(parameters)

    async def definitions_state(self) -> DefinitionsState:
        """See the port."""
        return await self._inner.definitions_state()

    async def packages(self) -> list[PackageRecord]:
        """See the port."""
        return await self._inner.packages()

    async def own_parameters(self) -> OwnParameters:
        """See the port."""
        return await self._inner.own_parameters()

    async def reindex_jobs(self, number: int | None = None) -> list[Job]:
        """See the port."""
        return await self._inner.reindex_jobs(number)


class ForwardingTransaction(ForwardingReader):
    """Implements :class:`fhir_api.store.port.Transaction`."""

    def __init__(self, inner: Transaction) -> None:
        super().__init__(inner)
        self._transaction = inner

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See the port."""
        return await self._transaction.write(writes)

    async def record_package(self, record: PackageRecord) -> None:
        """See the port."""
        await self._transaction.record_package(record)

    async def forget_package(self, name: str, version: str) -> None:
        """See the port."""
        await self._transaction.forget_package(name, version)


class ForwardingStore(ForwardingReader):
    """Implements :class:`fhir_api.store.port.TenantStore`."""

    def __init__(self, inner: TenantStore) -> None:
        super().__init__(inner)
        self._store = inner

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See the port."""
        return await self._store.write(writes)

    def transaction(self, locks: Sequence[str] = ()) -> AbstractAsyncContextManager[Transaction]:
        """See the port."""
        return self._store.transaction(locks)

    async def explain(self, query: Query) -> list[ExplainedStatement]:
        """See :class:`fhir_api.store.explaining.Explaining`; empty where the store cannot explain."""
        return await self._store.explain(query) if isinstance(self._store, Explaining) else []

    async def look_after(self, share: float = 0.5) -> float | None:
        """See the port."""
        return await self._store.look_after(share)

    async def begin_reindex(self, resource_types: Sequence[str]) -> int:
        """See the port."""
        return await self._store.begin_reindex(resource_types)

    async def rebuild(self, numbers: Sequence[int]) -> int:
        """See the port."""
        return await self._store.rebuild(numbers)

    async def reindex(self, key: ResourceKey) -> int:
        """See the port."""
        return await self._store.reindex(key)
