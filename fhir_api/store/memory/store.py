"""Stores of tenants, and transactions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.store.collisions import CollisionError
from fhir_api.store.memory.reader import MemoryReader
from fhir_api.store.memory.state import Record, State
from fhir_api.store.port import PackageRecord, Write

Clock = Callable[[], int]
"""Gives milliseconds since 1970 UTC."""


def system_clock() -> int:
    """Return the time, milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class MemoryStores:
    """The stores of all tenants."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._stores: dict[str, MemoryStore] = {}

    def for_tenant(self, tenant: str) -> MemoryStore:
        """Return the store of one tenant; nothing in it is seen by another."""
        store = self._stores.get(tenant)
        if store is None:
            store = self._stores[tenant] = MemoryStore(self._clock)
        return store


class MemoryStore(MemoryReader):
    """Implements :class:`fhir_api.store.port.TenantStore`."""

    def __init__(self, clock: Clock = system_clock) -> None:
        super().__init__(State())
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """Store the changes, all or none; see :meth:`fhir_api.store.port.TenantStore.write`."""
        return self._state.apply(self._state.prepare(writes, self._clock()))

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

    def _commit(self, transaction: MemoryTransaction) -> None:
        for key, before in transaction.replaced.items():
            if self._state.current(key) is not before:
                raise CollisionError(f"{key} was changed by another writer")
        for record in transaction.written:
            current = self._state.current(record.version.key)
            # others may have created resources meanwhile
            number = len(self._state.versions) if current is None else current.number
            self._state.apply([Record(record.version, record.entries, number)])
        for name, package in transaction.packages_changed.items():
            self._state.packages.pop(name, None)
            if package is not None:
                self._state.packages[name] = package


class MemoryTransaction(MemoryReader):
    """Implements :class:`fhir_api.store.port.Transaction`.

    Attributes:
        written: the new versions, in order.
        replaced: what was current before, of each resource written to.
        packages_changed: by name and version; None for one that was removed.
    """

    def __init__(self, state: State, clock: Clock) -> None:
        super().__init__(state)
        self._clock = clock
        self.written: list[Record] = []
        self.replaced: dict[ResourceKey, Record | None] = {}
        self.packages_changed: dict[tuple[str, str], PackageRecord | None] = {}

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """Carry out writes of different resources; others see them when the transaction has ended."""
        records = self._state.prepare(writes, self._clock())
        for record in records:
            current = self._state.current(record.version.key)
            if record is not current:
                self.replaced.setdefault(record.version.key, current)
                self.written.append(record)
        return self._state.apply(records)

    async def record_package(self, record: PackageRecord) -> None:
        """Note a package as added; what was noted under its name and version is replaced."""
        self._state.packages[record.name, record.version] = record
        self.packages_changed[record.name, record.version] = record

    async def forget_package(self, name: str, version: str) -> None:
        """Note a package as removed."""
        self._state.packages.pop((name, version), None)
        self.packages_changed[name, version] = None
