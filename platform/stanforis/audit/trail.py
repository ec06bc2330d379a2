"""The trail as the server writes it: changes with their own commit, everything else a moment later and in its own turn.

Records of what only read wait in this process until some are stored together, :data:`GATHER_SECONDS` at most; with
``strict`` nobody is answered before that. Nothing is dropped: whoever would fill the store of waiting records beyond
its bound waits himself. Killed at once, a process loses what it has not stored, which is the reads of that moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from stanforis.audit.batches import Batch, make_batch
from stanforis.audit.port import AuditStore, AuditStoreError
from stanforis.audit.records import Record, now
from stanforis.audit.sealing import Sealer, pause

GATHER_SECONDS = 0.2
_AGAIN_SECONDS = 1.0
_MOST_TOGETHER = 500
_MOST_WAITING = 20_000

log = logging.getLogger("stanforis.audit")


class Trail:
    """Writes the trails of all tenants, for one process.

    Attributes:
        store: what keeps them.
        key: authenticates what is stored; see :func:`stanforis.audit.batches.audit_key`.
    """

    def __init__(
        self,
        store: AuditStore,
        key: bytes,
        *,
        sealer: Sealer | None = None,
        strict: bool = False,
        keeps: bool = True,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        """Write to *store*.

        Args:
            store: what keeps the trails.
            key: see the attribute.
            sealer: seals what is written.
            strict: :meth:`TenantTrail.keep` returns when the record is on disk.
            keeps: False where there is to be no trail: then nothing is kept, and nobody has to ask.
            most_waiting: records; who would add more waits.
        """
        self.store = store
        self.key = key
        self._sealer = sealer
        self._strict = strict
        self._keeps = keeps
        self._most_waiting = most_waiting
        self._waiting: defaultdict[int, list[Record]] = defaultdict(list)
        self._of_tenants: dict[int, TenantTrail] = {}
        self._count = 0
        self._comes = asyncio.Event()
        self._stopping = asyncio.Event()
        self._round: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def for_tenant(self, tenant: int) -> TenantTrail:
        """Return the trail of one tenant."""
        known = self._of_tenants.get(tenant)
        if known is None:
            known = self._of_tenants[tenant] = TenantTrail(self, tenant)
        return known

    async def start(self) -> None:
        """Make room for the months to come, and begin to write.

        Raises:
            AuditStoreError: the store does not answer.
        """
        await self.store.prepare()
        self._task = asyncio.create_task(self._write())
        if self._sealer is not None:
            self._sealer.start()

    async def stop(self) -> None:
        """Write what waits, seal, and end."""
        self._stopping.set()
        self._comes.set()
        if self._task is not None:
            await self._task
            self._task = None
        try:
            await self._write_waiting(wait=True)
        except AuditStoreError:
            log.error("%s audit records could not be stored before the end", self._count)
        if self._round is not None and not self._round.done():
            self._round.set_result(None)
        if self._sealer is not None:
            await self._sealer.stop()

    def batch(self, tenant: int, records: Sequence[Record]) -> Batch:
        """Return records as a batch that whoever asks for it stores at once."""
        self._note(tenant)
        return make_batch(self.key, tenant, records, now())

    async def keep(self, tenant: int, records: Iterable[Record]) -> None:
        """Keep records; returns at once unless the trail is strict or too much waits."""
        if not self._keeps:
            return
        before = len(self._waiting[tenant])
        self._waiting[tenant].extend(records)
        self._count += len(self._waiting[tenant]) - before
        self._comes.set()
        if self._strict:
            await self._next_round()
        while self._count > self._most_waiting:
            await self._next_round()

    async def store_now(self, tenant: int, records: Sequence[Record]) -> None:
        """Store records; return when they are on disk.

        Raises:
            AuditStoreError: the store does not answer.
        """
        if self._keeps:
            await self.store.add(tenant, self.batch(tenant, records), wait=True)

    async def settled(self) -> None:
        """Return when all that waits now is stored."""
        if self._count:
            self._comes.set()
            await self._next_round()

    async def _next_round(self) -> None:
        """Return when all that waits now is stored."""
        if self._round is None:
            self._round = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._round)

    async def _write(self) -> None:
        while not self._stopping.is_set():
            await self._comes.wait()
            if not self._strict:
                await pause(self._stopping, GATHER_SECONDS)
            self._comes.clear()
            await self._write_round()

    async def _write_round(self) -> None:
        done, self._round = self._round, None
        try:
            await self._write_waiting(wait=self._strict)
        except AuditStoreError as error:
            log.error("audit records wait: the store does not answer (%s)", error)
            self._round = _joined(done, self._round)
            self._comes.set()
            await pause(self._stopping, _AGAIN_SECONDS)
        else:
            if done is not None and not done.done():
                done.set_result(None)

    async def _write_waiting(self, *, wait: bool) -> None:
        """Store what waits now; what comes meanwhile is gathered for the next time."""
        for tenant, waiting in [*self._waiting.items()]:
            left = len(waiting)
            while left:
                records = waiting[: min(left, _MOST_TOGETHER)]
                await self.store.add(tenant, self.batch(tenant, records), wait=wait)
                del waiting[: len(records)]
                left -= len(records)
                self._count -= len(records)
            if not waiting:
                del self._waiting[tenant]

    def _note(self, tenant: int) -> None:
        if self._sealer is not None:
            self._sealer.note(tenant)


def _joined(first: asyncio.Future[None] | None, second: asyncio.Future[None] | None) -> asyncio.Future[None] | None:
    """Return one future for whoever waits for either."""
    if first is None or second is None:
        return first or second

    def pass_on(_: asyncio.Future[None]) -> None:
        if not first.done():
            first.set_result(None)

    second.add_done_callback(pass_on)
    return second


class TenantTrail:
    """The trail of one tenant.

    Attributes:
        trail: that of all.
        tenant: whose this is.
    """

    __slots__ = ("tenant", "trail")

    def __init__(self, trail: Trail, tenant: int) -> None:
        """Keep records of *tenant* in *trail*."""
        self.trail = trail
        self.tenant = tenant

    async def keep(self, *records: Record) -> None:
        """Keep records; see :meth:`Trail.keep`."""
        await self.trail.keep(self.tenant, records)

    async def store(self, *records: Record) -> None:
        """Store records now; see :meth:`Trail.store_now`."""
        await self.trail.store_now(self.tenant, records)

    def batch(self, records: Sequence[Record]) -> Batch:
        """Return records as a batch; see :meth:`Trail.batch`."""
        return self.trail.batch(self.tenant, records)
