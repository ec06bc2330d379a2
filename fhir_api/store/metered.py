"""A tenant's store that holds what is written against the tenant's plan, and notes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.store.forwarding import ForwardingStore, ForwardingTransaction
from fhir_api.store.port import TenantStore, Transaction, Write


class Usage(Protocol):
    """Knows what tenants may use, and is told what they used."""

    def used_up(self, tenant: int, *, writes: bool) -> str | None:
        """Return what of its plan a tenant has used up; None where nothing is."""

    def note(self, tenant: int, *, requests: int = 0, resources: int = 0, size: int = 0) -> None:
        """Note what a tenant used; *size* is in bytes of JSON."""


class MeteredTransaction(ForwardingTransaction):
    """A transaction whose versions are noted when it is on disk."""

    def __init__(self, inner: Transaction) -> None:
        """Work in *inner*."""
        super().__init__(inner)
        self.versions: list[StoredVersion] = []

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See the port."""
        versions = await super().write(writes)
        self.versions += versions
        return versions


class MeteredStore(ForwardingStore):
    """Takes no more than the tenant's plan has room for.

    Deletions are always taken, so that a tenant can make room.
    """

    def __init__(self, inner: TenantStore, usage: Usage, tenant: int) -> None:
        """Work on *inner*, the store of *tenant*."""
        super().__init__(inner)
        self._usage = usage
        self._tenant = tenant

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See the port.

        Raises:
            FhirError: FULL where the plan has no room.
        """
        if any(write.change is not Change.DELETE for write in writes):
            self._require_room()
        versions = await super().write(writes)
        self._note(versions)
        return versions

    @asynccontextmanager
    async def transaction(self, locks: Sequence[str] = ()) -> AsyncIterator[Transaction]:
        """See the port.

        Raises:
            FhirError: FULL where the plan has no room.
        """
        self._require_room()
        async with super().transaction(locks) as inner:
            transaction = MeteredTransaction(inner)
            yield transaction
        self._note(transaction.versions)

    def _require_room(self) -> None:
        quota = self._usage.used_up(self._tenant, writes=True)
        if quota is not None:
            raise used_up(ErrorKind.FULL, quota)

    def _note(self, versions: Iterable[StoredVersion]) -> None:
        resources = size = 0
        for version in versions:
            if not version.unchanged:
                size += len(version.body)
                resources += version.is_new - (version.change is Change.DELETE)
        if size or resources:
            self._usage.note(self._tenant, resources=resources, size=size)


def used_up(kind: ErrorKind, quota: str) -> FhirError:
    """Make the error of a plan of which *quota* is used up."""
    return refuse(kind, f"The plan of this tenant is used up: {quota}.")
