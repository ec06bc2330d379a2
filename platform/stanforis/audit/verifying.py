"""Verifying a trail: every batch and every seal is authenticated anew, in order."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import zstandard

from stanforis.audit.batches import GENESIS, Seal, Sealed, batch_mac, make_anchor, seal_mac, unpacked
from stanforis.audit.port import NUMBER_BITS, AuditStore, StoredBatch
from stanforis.audit.sealing import Witness
from stanforis.audit.terms import terms

_ALL = (1 << 63) - 1
_AT_ONCE = 500
"""Batches that are in memory."""


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        tenant: whose trail it is.
        seals, batches, events: how many were looked at.
        retired: batches that the operator removed, of which the chain still knows.
        unsealed: batches that no seal covers yet: those of the last seconds.
        oldest_unsealed: when the first of them was made (milliseconds since 1970); 0 where there is none.
        problems: what is wrong, a sentence each; the first :data:`MOST` of them.
    """

    tenant: int
    seals: int = 0
    batches: int = 0
    events: int = 0
    retired: int = 0
    unsealed: int = 0
    oldest_unsealed: int = 0
    problems: list[str] = field(default_factory=list)

    def found(self, problem: str) -> None:
        """Note a problem."""
        if len(self.problems) < MOST:
            self.problems.append(problem)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


MOST = 100
"""Problems that are told; what follows them is no news."""


async def verify(
    store: AuditStore, key: bytes, tenant: int, witness: Witness | None, progress: Callable[[int], None]
) -> Verdict:
    """Verify the trail of a tenant; *progress* is told how many batches were looked at since it was told last.

    Raises:
        AuditStoreError: the store does not answer.
    """
    looking = _Looking(store, key, Verdict(tenant), progress)
    verdict = looking.verdict
    await looking.at_anchors()
    before: Seal | None = None
    newest = witness.newest(tenant) if witness else None
    async for seal in store.seals(tenant):
        _check_seal(verdict, key, before, seal, await looking.at_batches(seal.low, seal.high))
        if newest is not None and newest[0] == seal.number and newest[1] != seal.mac:
            verdict.found(f"Seal {seal.number} is not the one that was made then: the witness has another.")
        verdict.seals += 1
        before = seal
    if newest is not None and newest[0] > (before.number if before else 0):
        verdict.found(f"The newest seal is {before.number if before else 'none'}, but the witness knows {newest[0]}.")
    rest = await looking.at_batches(before.high if before else 0, _ALL)
    verdict.unsealed = len(rest)
    verdict.oldest_unsealed = rest[0][0] >> NUMBER_BITS if rest else 0
    return verdict


@dataclass(frozen=True, slots=True)
class _Looking:
    """Looks at batches, some at a time."""

    store: AuditStore
    key: bytes
    verdict: Verdict
    progress: Callable[[int], None]

    async def at_batches(self, low: int, high: int) -> list[Sealed]:
        """Verify the batches with a marker from *low* to below *high*, and return what a seal says of them."""
        found: list[Sealed] = []
        behind = -1
        while batches := await self.store.between(self.verdict.tenant, low, high, behind, _AT_ONCE):
            await _check_batches(self.verdict, self.store, self.key, batches)
            self.progress(len(batches))
            found += [(each.number, each.mac) for each in batches]
            behind = batches[-1].number
        removed = await self.store.retired(self.verdict.tenant, low, high)
        return sorted([*found, *removed]) if removed else found

    async def at_anchors(self) -> None:
        """Verify that it was the operator who removed what was removed."""
        tenant, verdict, low = self.verdict.tenant, self.verdict, 0
        for anchor in await self.store.anchors(tenant):
            removed: list[Sealed] = []
            first = anchor.first
            while more := await self.store.retired_in(tenant, first, anchor.behind, _AT_ONCE):
                removed += more
                first = more[-1][0] + 1
            made = make_anchor(self.key, tenant, (anchor.first, anchor.behind), anchor.at, removed)
            if not hmac.compare_digest(made.mac, anchor.mac):
                verdict.found(f"The batches {anchor.first} to {anchor.behind} were not removed by the operator alone.")
            if anchor.first < low or await self.store.retired_in(tenant, low, anchor.first, 1):
                verdict.found(f"Batches before {anchor.first} are missing that the operator did not remove.")
            verdict.retired += len(removed)
            low = anchor.behind
        if await self.store.retired_in(tenant, low, _ALL, 1):
            verdict.found(f"Batches from {low} on are missing that the operator did not remove.")


def _check_seal(verdict: Verdict, key: bytes, before: Seal | None, seal: Seal, batches: Sequence[Sealed]) -> None:
    number, low, mac = (before.number + 1, before.high, before.mac) if before else (1, 0, GENESIS)
    if seal.number != number:
        verdict.found(f"Seal {number} is missing; {seal.number} follows.")
        return
    if len(batches) != seal.batches:
        verdict.found(f"Seal {number} covers {seal.batches} batches; {len(batches)} are there.")
    facts = (seal.number, seal.at, seal.low, seal.high)
    made = seal_mac(key, verdict.tenant, mac, facts, batches)
    if seal.low != low or not hmac.compare_digest(made, seal.mac):
        verdict.found(f"Seal {number} does not fit: it, the seal before it, or what it covers was changed.")


async def _check_batches(verdict: Verdict, store: AuditStore, key: bytes, batches: Sequence[StoredBatch]) -> None:
    wanted: list[tuple[int, int]] = []
    for batch in batches:
        if hmac.compare_digest(batch_mac(key, verdict.tenant, batch.at, batch.body), batch.mac):
            wanted += _terms(verdict, batch)
        else:
            verdict.found(f"Batch {batch.number} was changed, or was not made by this installation.")
    verdict.batches += len(batches)
    missing = await store.missing_terms(verdict.tenant, wanted) if wanted else 0
    if missing:
        verdict.found(f"{missing} terms of batches {batches[0].number} to {batches[-1].number} are missing.")


def _terms(verdict: Verdict, batch: StoredBatch) -> Iterator[tuple[int, int]]:
    try:
        records = unpacked(batch.body)
    except (msgspec.MsgspecError, zstandard.ZstdError):
        verdict.found(f"Batch {batch.number} cannot be read.")
        return
    verdict.events += len(records)
    for term in terms(verdict.tenant, records):
        yield term, batch.number
