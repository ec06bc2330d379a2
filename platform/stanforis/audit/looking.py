"""Looking something up in a trail: the newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stanforis.audit.batches import unpacked
from stanforis.audit.port import NUMBER_BITS, AuditStore, StoredBatch
from stanforis.audit.records import Record
from stanforis.audit.terms import USUAL, Said, term

_BATCHES_AT_ONCE = 100
_MOST_BATCHES = 5000
_LAST = (1 << 63) - 1
LAST = _LAST >> NUMBER_BITS
"""The latest instant there is, in milliseconds since 1970."""
_LATE = 3_600_000
"""Milliseconds by which a batch may have been stored after what its records tell, as when the database was away."""


class Place(NamedTuple):
    """Where a record stands: number of its batch, and place in that.

    Attributes:
        batch: the batch's number.
        position: from 0.
    """

    batch: int
    position: int

    def __str__(self) -> str:
        return f"{self.batch:x}-{self.position}"

    @classmethod
    def read(cls, text: str) -> Place | None:
        """Return the place that :func:`str` made *text* of; None for any other text."""
        batch, dash, position = text.partition("-")
        try:
            place = cls(int(batch, 16), int(position))
        except ValueError:
            return None
        return place if dash and str(place) == text and place.batch <= _LAST else None


class Found(NamedTuple):
    """A record and where it stands."""

    place: Place
    record: Record


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for.

    Attributes:
        any_of: what a record says at least one of; None for anything.
        low, high: milliseconds since 1970 between which the record was made (*high* is out).
        fits: what else must hold.
    """

    any_of: Sequence[Said] | None = None
    low: int = 0
    high: int = LAST
    fits: Callable[[Found], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Page:
    """Records, the newest first.

    Attributes:
        found: the records.
        following: behind which place the next page starts; None where there is no more.
    """

    found: Sequence[Found]
    following: Place | None


async def look_up(store: AuditStore, tenant: int, asked: Asked, count: int, behind: Place | None = None) -> Page:
    """Return up to *count* records that come behind a place.

    A page may hold less although more follow: only so many batches are opened for one.

    Raises:
        AuditStoreError: the store does not answer.
    """
    any_of = _terms(tenant, asked)
    high = min((asked.high + _LATE) << NUMBER_BITS, _LAST)
    if behind is not None:
        high = min(high, behind.batch + 1)
    found: list[Found] = []
    opened = 0
    while opened < _MOST_BATCHES:
        batches = await store.find(tenant, any_of, asked.low << NUMBER_BITS, high, _BATCHES_AT_ONCE)
        for batch in batches:
            found += _in(batch, asked, behind)
            if len(found) > count:
                return Page(found[:count], found[count - 1].place)
        if len(batches) < _BATCHES_AT_ONCE:
            return Page(found, None)
        opened += len(batches)
        high = batches[-1].number
    return Page(found, Place(high, 0))


async def look_at(store: AuditStore, tenant: int, place: Place) -> Record | None:
    """Return one record."""
    batch = await store.batch(tenant, place.batch)
    records = () if batch is None else unpacked(batch.body)
    return records[place.position] if place.position < len(records) else None


def _terms(tenant: int, asked: Asked) -> list[int] | None:
    if asked.any_of is None or not USUAL.isdisjoint(asked.any_of):
        return None
    return [term(tenant, said) for said in asked.any_of]


def _in(batch: StoredBatch, asked: Asked, behind: Place | None) -> list[Found]:
    """Return the records of a batch that fit, the last first."""
    found = [Found(Place(batch.number, position), record) for position, record in enumerate(unpacked(batch.body))]
    return [
        each
        for each in reversed(found)
        if (behind is None or each.place < behind) and asked.low <= each.record.at < asked.high and asked.fits(each)
    ]
