"""The store as one caller sees it: the one place where access is enforced.

REST, Bundles, operations and everything else work on the store they are given. Whoever calls gets this one; what they
may not reach is not in it.

Spec: https://hl7.org/fhir/R4/security.html#access-control
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from fhir_api.access.access import Access
from fhir_api.access.writing import GuardedWriter, is_pinned
from fhir_api.model.errors import FhirError
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.store.collisions import CollisionError
from fhir_api.store.port import PackageRecord, TenantStore, Transaction, Write

_ATTEMPTS: Final = 5


class GuardedTransaction(GuardedWriter):
    """Implements :class:`fhir_api.store.port.Transaction` for one caller."""

    def __init__(self, transaction: Transaction, access: Access) -> None:
        """Work in *transaction* as *access* allows."""
        super().__init__(transaction, access)
        self._transaction = transaction

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """Carry out writes that are allowed; see :class:`fhir_api.store.port.Transaction`."""
        permitted = await self._permitted(writes)
        try:
            return await self._transaction.write(permitted)
        except FhirError as error:
            if is_pinned(writes, permitted, error):
                raise CollisionError("changed by another writer after it was looked at") from error
            raise

    async def record_package(self, record: PackageRecord) -> None:
        """See :class:`fhir_api.store.port.Transaction`; only for those who administer."""
        self._check_administers()
        await self._transaction.record_package(record)

    async def forget_package(self, name: str, version: str) -> None:
        """See :class:`fhir_api.store.port.Transaction`; only for those who administer."""
        self._check_administers()
        await self._transaction.forget_package(name, version)


class GuardedStore(GuardedWriter):
    """Implements :class:`fhir_api.store.port.TenantStore` for one caller."""

    def __init__(self, store: TenantStore, access: Access) -> None:
        """Show of *store* what *access* allows."""
        super().__init__(store, access)
        self._store = store

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """Store changes that are allowed; see :class:`fhir_api.store.port.TenantStore`."""
        for attempt in range(1, _ATTEMPTS + 1):
            permitted = await self._permitted(writes)
            try:
                return await self._store.write(permitted)
            except FhirError as error:
                if attempt == _ATTEMPTS or not is_pinned(writes, permitted, error):
                    raise
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def transaction(self, locks: Sequence[str] = ()) -> AsyncIterator[GuardedTransaction]:
        """Begin a transaction that does what is allowed; see :class:`fhir_api.store.port.TenantStore`."""
        async with self._store.transaction(locks) as transaction:
            yield GuardedTransaction(transaction, self._access)

    async def look_after(self, share: float = 0.5) -> float | None:
        """See :class:`fhir_api.store.port.TenantStore`; only for those who administer."""
        self._check_administers()
        return await self._store.look_after(share)

    async def begin_reindex(self, resource_types: Sequence[str]) -> int:
        """See :class:`fhir_api.store.port.TenantStore`; only for those who administer."""
        self._check_administers()
        return await self._store.begin_reindex(resource_types)

    async def rebuild(self, numbers: Sequence[int]) -> int:
        """See :class:`fhir_api.store.port.TenantStore`; only for those who administer."""
        self._check_administers()
        return await self._store.rebuild(numbers)

    async def reindex(self, key: ResourceKey) -> int:
        """See :class:`fhir_api.store.port.TenantStore`; only for those who administer."""
        self._check_administers()
        return await self._store.reindex(key)


def guarded(store: TenantStore, access: Access) -> TenantStore:
    """Return *store* as *access* allows; the store itself where nothing is limited."""
    return store if access.caller.is_unlimited else GuardedStore(store, access)
