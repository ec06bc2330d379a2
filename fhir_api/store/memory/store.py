"""Stores of tenants, and transactions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, tzinfo
from weakref import WeakValueDictionary

import orjson

from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.store.collisions import CollisionError
from fhir_api.store.memory.parameters import Registry
from fhir_api.store.memory.reader import MemoryReader
from fhir_api.store.memory.state import Record, State
from fhir_api.store.parameters import Job, Source
from fhir_api.store.port import PackageRecord, Write
from fhir_api.store.recording import keep_record

Clock = Callable[[], int]
"""Gives milliseconds since 1970 UTC."""


def system_clock() -> int:
    """Return the time, milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class MemoryStores:
    """The stores of all tenants."""

    def __init__(self, clock: Clock = system_clock, zone: tzinfo = UTC) -> None:
        self._clock = clock
        self._zone = zone
        self._stores: dict[str, MemoryStore] = {}

    def for_tenant(self, tenant: str) -> MemoryStore:
        """Return the store of one tenant; nothing in it is seen by another."""
        store = self._stores.get(tenant)
        if store is None:
            store = self._stores[tenant] = MemoryStore(self._clock, self._zone)
        return store


class MemoryStore(MemoryReader):
    """Implements :class:`fhir_api.store.port.TenantStore`."""

    def __init__(self, clock: Clock = system_clock, zone: tzinfo = UTC) -> None:
        super().__init__(State(registry=Registry(zone)))
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """Store the changes, all or none; see :meth:`fhir_api.store.port.TenantStore.write`."""
        versions = self._state.apply(self._state.prepare(writes, self._clock()))
        await keep_record(writes, versions)
        return versions

    @asynccontextmanager
    async def transaction(self, locks: Sequence[str] = ()) -> AsyncIterator[MemoryTransaction]:
        """Begin a transaction on a copy of the state, which takes effect when it ends without an exception."""
        async with AsyncExitStack() as held:
            # always in the same order, so that two transactions cannot wait for each other
            for name in sorted(set(locks)):
                await held.enter_async_context(self._locks.setdefault(name, asyncio.Lock()))
            transaction = MemoryTransaction(self._state.copy(), self._clock)
            yield transaction
            self._commit(transaction)
            await keep_record(*transaction.carried_out)

    def _commit(self, transaction: MemoryTransaction) -> None:
        for key, before in transaction.replaced.items():
            if self._state.current(key) is not before:
                raise CollisionError(f"{key} was changed by another writer")
        for record in transaction.written:
            current = self._state.current(record.version.key)
            # others may have created resources meanwhile
            number = len(self._state.versions) if current is None else current.number
            self._state.apply([self._state.with_own(Record(record.version, record.entries, number))])
        for name, package in transaction.packages_changed.items():
            self._state.packages.pop(name, None)
            if package is not None:
                self._state.packages[name] = package

    async def look_after(self, share: float = 0.5) -> float | None:
        """Do what is due for the tenant's own search parameters; see :class:`fhir_api.store.port.TenantStore`."""
        state, registry = self._state, self._state.registry
        if state.generation != registry.looked_at:
            registry.register(_sources(state), state.generation)
            return 0.0
        job = registry.due
        if job is None:
            return None
        types = _types(registry, job)
        found = [key for key in state.versions if not types or key.resource_type in types]
        for key in found:
            *before, newest = state.versions[key]
            state.versions[key] = (*before, state.with_own(newest))
        registry.finish(job, len(found))
        return 0.0

    async def begin_reindex(self, resource_types: Sequence[str]) -> int:
        """Begin to make the entries of some types anew; see :class:`fhir_api.store.port.TenantStore`."""
        return self._state.registry.begin("reindex", ", ".join(resource_types))

    async def rebuild(self, numbers: Sequence[int]) -> int:
        """Begin to make the entries of own parameters anew; see :class:`fhir_api.store.port.TenantStore`."""
        return self._state.registry.rebuild(numbers)

    async def reindex(self, key: ResourceKey) -> int:
        """Make the entries of one resource anew; see :class:`fhir_api.store.port.TenantStore`."""
        current = self._state.current(key)
        if current is None:
            return 0
        renewed = self._state.with_own(current)
        self._state.versions[key] = (*self._state.versions[key][:-1], renewed)
        return sum(map(len, renewed.index.values()))


def _sources(state: State) -> list[Source]:
    """Return the SearchParameters there are."""
    found = [record for record in state.live() if record.version.key.resource_type == "SearchParameter"]
    sources = (Source(record.number, record.version.version_id, orjson.loads(record.version.body)) for record in found)
    return [source for source in sources if source.is_readable]


def _types(registry: Registry, job: Job) -> set[str]:
    """Return the types a job is about."""
    if job.kind == "reindex":
        return set(job.title.split(", "))
    known = (registry.parameters[number] for number in job.parameters if number in registry.parameters)
    return {name for each in known for name in each.definition.base}


class MemoryTransaction(MemoryReader):
    """Implements :class:`fhir_api.store.port.Transaction`.

    Attributes:
        written: the new versions, in order.
        replaced: what was current before, of each resource written to.
        packages_changed: by name and version; None for one that was removed.
        carried_out: writes and the versions they made.
    """

    def __init__(self, state: State, clock: Clock) -> None:
        super().__init__(state)
        self._clock = clock
        self.written: list[Record] = []
        self.replaced: dict[ResourceKey, Record | None] = {}
        self.packages_changed: dict[tuple[str, str], PackageRecord | None] = {}
        self.carried_out: tuple[list[Write], list[StoredVersion]] = ([], [])

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """Carry out writes of different resources; others see them when the transaction has ended."""
        records = self._state.prepare(writes, self._clock())
        for record in records:
            current = self._state.current(record.version.key)
            if record is not current:
                self.replaced.setdefault(record.version.key, current)
                self.written.append(record)
        versions = self._state.apply(records)
        self.carried_out[0].extend(writes)
        self.carried_out[1].extend(versions)
        return versions

    async def record_package(self, record: PackageRecord) -> None:
        """Note a package as added; what was noted under its name and version is replaced."""
        self._state.packages[record.name, record.version] = record
        self.packages_changed[record.name, record.version] = record

    async def forget_package(self, name: str, version: str) -> None:
        """Note a package as removed."""
        self._state.packages.pop((name, version), None)
        self.packages_changed[name, version] = None
