"""Removing a month of the trail that need not be kept any longer, so that what stays is still verified.

The batches go, with a copy in an archive if that is wished. What seals vouch for stays, some bytes of each, under an
anchor that only whoever has the installation's secret can make. This is work for the owner of the database: the
server's role removes nothing.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import asyncpg

from stanforis.audit.archives import Archive
from stanforis.audit.batches import Sealed, batch_mac, make_anchor
from stanforis.audit.looking import Place
from stanforis.audit.port import NUMBER_BITS, AuditStore

_AT_ONCE = 500
_SETTLED = timedelta(days=1)
_LOCK_SECONDS = 5
_ENTER = "SELECT tenancy.enter(tenancy.sign($1, 'retire', 600))"
_ADD_ANCHOR = (
    "INSERT INTO audit.anchor (tenant_id, first, behind, made_at, batches, mac) VALUES ($1, $2, $3, $4, $5, $6) "
    "ON CONFLICT (tenant_id, first) DO UPDATE "
    "SET made_at = excluded.made_at, batches = excluded.batches, mac = excluded.mac"
)
_SEALED_UP_TO = "SELECT coalesce(max(s.high), 0) FROM audit.seal s WHERE s.tenant_id = $1"


class RetirementError(Exception):
    """A month cannot be removed."""


class Month(NamedTuple):
    """A month of the trail.

    Attributes:
        year, month: of UTC.
    """

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @classmethod
    def read(cls, text: str) -> Month | None:
        """Return the month that :func:`str` made *text* of; None for any other text."""
        try:
            found = cls(*map(int, text.split("-")))
            datetime(found.year, found.month, 1, tzinfo=UTC)
        except (TypeError, ValueError):
            return None
        return found if str(found) == text else None

    @property
    def starts(self) -> datetime:
        """The first moment."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def ends(self) -> datetime:
        """The first moment behind it."""
        return datetime(self.year + self.month // 12, self.month % 12 + 1, 1, tzinfo=UTC)

    @property
    def numbers(self) -> tuple[int, int]:
        """The first number of a batch in it, and the first behind it."""
        first, behind = (int(each.timestamp() * 1000) << NUMBER_BITS for each in (self.starts, self.ends))
        return first, behind

    @property
    def partitions(self) -> tuple[str, str]:
        """Names of the tables that hold it."""
        name = f"{self.year:04}_{self.month:02}"
        return f"audit.batch_{name}", f"audit.term_{name}"


class Retirement:
    """Removes months.

    Attributes:
        copied: the archives that were written.
    """

    def __init__(self, owner: asyncpg.Connection, store: AuditStore, key: bytes, folder: Path | None) -> None:
        """Work as the *owner*; with a *folder*, each tenant's batches are copied to a file there first."""
        self._owner = owner
        self._store = store
        self._key = key
        self._folder = folder
        self.copied: list[Path] = []

    async def retire(self, month: Month, progress: Callable[[int], None] = lambda _: None) -> dict[int, int]:
        """Remove a month and return how many batches of each tenant that were.

        Raises:
            RetirementError: it is not over, not there or not sealed, a batch was changed, or others use the tables.
            AuditStoreError: the database does not answer.
            OSError: the copy cannot be written.
        """
        if month.ends + _SETTLED > datetime.now(UTC):
            raise RetirementError(f"{month} is not over for a day yet.")
        batches, _ = month.partitions
        if not await self._owner.fetchval("SELECT to_regclass($1) IS NOT NULL", batches):
            raise RetirementError(f"The trail has no month {month}.")
        found = {tenant: await self._read(tenant, month, progress) for tenant in await self._store.tenants()}
        try:
            await self._remove(month, {tenant: count for tenant, count in found.items() if count})
        except asyncpg.LockNotAvailableError as error:
            raise RetirementError(f"Others use {batches}; nothing was removed, try again.") from error
        return found

    async def _read(self, tenant: int, month: Month, progress: Callable[[int], None]) -> int:
        """Verify the batches of a tenant, copy them, and return how many they are."""
        first, behind = month.numbers
        count, high = 0, behind
        copies: AbstractContextManager[Archive | None] = nullcontext()
        if self._folder is not None and await self._store.find(tenant, None, first, behind, 1):
            copies = Archive(self._folder / f"audit-{tenant}-{month}.jsonl.zst", tenant)
        with copies as archive:
            while batches := await self._store.find(tenant, None, first, high, _AT_ONCE):
                for batch in batches:
                    if not hmac.compare_digest(batch_mac(self._key, tenant, batch.at, batch.body), batch.mac):
                        raise RetirementError(f"Batch {Place(batch.number, 0)} of tenant {tenant} was changed.")
                    if archive is not None:
                        archive.add(batch)
                count, high = count + len(batches), batches[-1].number
                progress(len(batches))
        if archive is not None:
            self.copied.append(archive.path)
        return count

    async def _remove(self, month: Month, expected: dict[int, int]) -> None:
        """Leave what seals vouch for under an anchor, and drop the tables: all of it, or nothing."""
        batches, terms = month.partitions
        async with self._owner.transaction():
            await self._owner.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
            # the owner sees every tenant in it from here on, until it is dropped
            await self._owner.execute(f"ALTER TABLE {batches} NO FORCE ROW LEVEL SECURITY")
            rows = await self._owner.fetch(
                f"SELECT tenant_id, count(*), max(marker) FROM {batches} GROUP BY 1"  # noqa: S608 - a month's name
            )
            if {tenant: count for tenant, count, _ in rows} != expected:
                raise RetirementError(f"{month} has other batches than were looked at; nothing was removed.")
            for tenant, _, marker in rows:
                await self._anchor(tenant, month, marker)
            await self._owner.execute(f"DROP TABLE {batches}, {terms}")
            await self._owner.execute("DELETE FROM audit.month WHERE first = $1", month.numbers[0])

    async def _anchor(self, tenant: int, month: Month, marker: int) -> None:
        batches, _ = month.partitions
        await self._owner.execute(_ENTER, tenant)
        if marker >= await self._owner.fetchval(_SEALED_UP_TO, tenant):
            raise RetirementError(f"{month} has batches of tenant {tenant} that are not sealed; nothing was removed.")
        of_tenant = f"SELECT tenant_id, batch_id, marker, mac FROM {batches} WHERE tenant_id = $1"  # noqa: S608 - the same
        await self._owner.execute(f"INSERT INTO audit.retired (tenant_id, batch_id, marker, mac) {of_tenant}", tenant)
        removed: Sequence[Sealed] = [
            (number, mac)
            for number, mac in await self._owner.fetch(
                "SELECT batch_id, mac FROM audit.retired "
                "WHERE tenant_id = $1 AND batch_id >= $2 AND batch_id < $3 ORDER BY 1",
                tenant,
                *month.numbers,
            )
        ]
        anchor = make_anchor(self._key, tenant, month.numbers, time.time_ns() // 1_000_000, removed)
        await self._owner.execute(
            _ADD_ANCHOR, tenant, anchor.first, anchor.behind, anchor.at, anchor.batches, anchor.mac
        )
