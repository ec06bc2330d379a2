"""What keeps the trail: batches and seals, added and read, never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from stanforis.audit.batches import Anchor, Batch, Seal, Sealed

NUMBER_BITS = 20
"""A batch's number is its time in milliseconds, and so many bits that tell those of one millisecond apart."""


class StoredBatch(NamedTuple):
    """A batch as it is stored.

    Attributes:
        number: of the batch; later ones have greater numbers.
        mac, body: as they were given.
    """

    number: int
    mac: bytes
    body: bytes

    @property
    def at(self) -> int:
        """When it was made, in milliseconds since 1970."""
        return self.number >> NUMBER_BITS


class Head(NamedTuple):
    """What can be sealed next: the last seal, up to where batches are complete, and those that no seal covers yet."""

    last: Seal | None
    high: int
    batches: Sequence[Sealed]


class AuditStore(Protocol):
    """The trails of all tenants."""

    async def add(self, tenant: int, batch: Batch, *, wait: bool) -> None:
        """Store a batch; with *wait* it is on disk when this returns, else shortly after.

        Raises:
            AuditStoreError: the store does not answer.
        """

    async def find(
        self, tenant: int, any_of: Sequence[int] | None, low: int, high: int, limit: int
    ) -> Sequence[StoredBatch]:
        """Return batches with any of some terms (None: all), numbered from *low* to below *high*, the newest first.

        Up to *limit* of each term are looked at; fewer than *limit* in all means that there are no more.
        """

    async def batch(self, tenant: int, number: int) -> StoredBatch | None:
        """Return one batch."""

    async def tenants(self) -> Sequence[int]:
        """Return the tenants there are."""

    async def prepare(self) -> None:
        """Make room for the months to come."""

    async def seal(self, tenant: int, make: MakeSeal) -> Seal | None:
        """Store what *make* makes of the head; None where nothing is new, or another process is just doing it."""

    def seals(self, tenant: int) -> AsyncIterator[Seal]:
        """Give the seals in their order."""

    async def between(self, tenant: int, low: int, high: int, behind: int, limit: int) -> Sequence[StoredBatch]:
        """Return up to *limit* batches with a marker from *low* to below *high*, by number, those behind a number."""

    async def retired(self, tenant: int, low: int, high: int) -> Sequence[Sealed]:
        """Return what seals say of batches that were removed, with a marker from *low* to below *high*, by number."""

    async def retired_in(self, tenant: int, first: int, behind: int, limit: int) -> Sequence[Sealed]:
        """Return up to *limit* batches that were removed, numbered from *first* to below *behind*, by number."""

    async def anchors(self, tenant: int) -> Sequence[Anchor]:
        """Return what says which months were removed, the oldest first."""

    async def missing_terms(self, tenant: int, wanted: Sequence[tuple[int, int]]) -> int:
        """Return how many of some pairs of term and batch number are not stored."""


class MakeSeal(Protocol):
    """Makes a seal."""

    def __call__(self, head: Head) -> Seal:
        """Return the next seal."""


class AuditStoreError(Exception):
    """The trail cannot be written or read at the moment."""
