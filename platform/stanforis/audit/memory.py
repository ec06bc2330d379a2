"""The trail in memory: for tests, and the shortest account of what keeps it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from stanforis.audit.batches import Anchor, Batch, Seal, Sealed
from stanforis.audit.port import NUMBER_BITS, Head, MakeSeal, StoredBatch


@dataclass(slots=True)
class _Trail:
    """The trail of one tenant; a batch's marker is its place in *batches*."""

    batches: list[StoredBatch] = field(default_factory=list)
    terms: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    seals: list[Seal] = field(default_factory=list)


class MemoryAuditStore:
    """The trails of all tenants; see :class:`stanforis.audit.port.AuditStore`."""

    def __init__(self) -> None:
        """Start empty."""
        self._trails: defaultdict[int, _Trail] = defaultdict(_Trail)
        self._numbers = count()

    async def add(self, tenant: int, batch: Batch, *, wait: bool) -> None:
        """See the port."""
        self.add_now(tenant, batch)

    def add_now(self, tenant: int, batch: Batch) -> None:
        """Store a batch."""
        trail = self._trails[tenant]
        number = batch.at << NUMBER_BITS | next(self._numbers) % (1 << NUMBER_BITS)
        trail.batches.append(StoredBatch(number, batch.mac, batch.body))
        for term in batch.terms:
            trail.terms[term].add(number)

    async def find(
        self, tenant: int, any_of: Sequence[int] | None, low: int, high: int, limit: int
    ) -> Sequence[StoredBatch]:
        """See the port."""
        trail = self._trails[tenant]
        wanted = None if any_of is None else set[int]().union(*(trail.terms.get(term, ()) for term in any_of))
        found = [
            each for each in trail.batches if low <= each.number < high and (wanted is None or each.number in wanted)
        ]
        return sorted(found, reverse=True)[:limit]

    async def batch(self, tenant: int, number: int) -> StoredBatch | None:
        """See the port."""
        return next((each for each in self._trails[tenant].batches if each.number == number), None)

    async def tenants(self) -> Sequence[int]:
        """See the port."""
        return sorted(self._trails)

    async def prepare(self) -> None:
        """See the port."""

    async def seal(self, tenant: int, make: MakeSeal) -> Seal | None:
        """See the port."""
        trail = self._trails[tenant]
        last = trail.seals[-1] if trail.seals else None
        fresh = trail.batches[last.high if last else 0 :]
        if not fresh:
            return None
        seal = make(Head(last, len(trail.batches), sorted((each.number, each.mac) for each in fresh)))
        trail.seals.append(seal)
        return seal

    async def seals(self, tenant: int) -> AsyncIterator[Seal]:
        """See the port."""
        for seal in self._trails[tenant].seals:
            yield seal

    async def between(self, tenant: int, low: int, high: int, behind: int, limit: int) -> Sequence[StoredBatch]:
        """See the port."""
        return [each for each in sorted(self._trails[tenant].batches[low:high]) if each.number > behind][:limit]

    async def retired(self, tenant: int, low: int, high: int) -> Sequence[Sealed]:
        """See the port: memory keeps all there is."""
        return []

    async def retired_in(self, tenant: int, first: int, behind: int, limit: int) -> Sequence[Sealed]:
        """See the port."""
        return []

    async def anchors(self, tenant: int) -> Sequence[Anchor]:
        """See the port."""
        return []

    async def missing_terms(self, tenant: int, wanted: Sequence[tuple[int, int]]) -> int:
        """See the port."""
        terms = self._trails[tenant].terms
        return sum(batch not in terms.get(term, ()) for term, batch in wanted)
