"""Filling a store to a size with several processes, each storing whole copies of the records in large transactions."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts

from benchmarks.samples import copy, texts
from benchmarks.stored import TENANT
from benchmarks.write_path import WritePath
from fhir_api.store.collisions import CollisionError
from fhir_api.store.port import TenantStore, Write
from fhir_api.store.postgres.opening import open_stores

_AT_ONCE = 3000
"""Resources of one transaction, about."""
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Share:
    """What one process stores.

    Attributes:
        database: how to reach it.
        data: folder of transaction bundles; None for invented ones.
        first: number of the first copy that it stores.
        step: from one of its copies to the next.
        size: resources that all processes store together.
        stored: how many there are by now.
    """

    database: ConnectionInfo
    data: Path | None
    first: int
    step: int
    size: int
    stored: Synchronized[int]

    def run(self) -> None:
        """Store copies until there are enough resources."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        path = WritePath()
        stores = await open_stores(
            PoolOptions(self.database.app_dsn, size=1),
            path.definitions.search,
            path.definitions.extractor,
            contexts=await open_contexts(self.database.owner_dsn),
        )
        store, number = stores.for_tenant(TENANT), self.first
        while self.stored.value < self.size:
            await self._copy(store, path, number)
            number += self.step
        await stores.close()

    async def _copy(self, store: TenantStore, path: WritePath, number: int) -> None:
        batch: list[Write] = []
        for text in texts(self.data, seed=number + 1):
            batch += writes_of(path, copy(text, number))
            if len(batch) >= _AT_ONCE and await self._stored(store, batch):
                return
        await self._stored(store, batch)

    async def _stored(self, store: TenantStore, batch: list[Write]) -> bool:
        """Store and empty *batch*; tell whether there are enough resources now."""
        while batch:
            try:
                await store.write(batch)
            except CollisionError:
                # another process was adding the same codes; the whole transaction is to come again
                continue
            with self.stored.get_lock():
                self.stored.value += len(batch)
            batch.clear()
        return self.stored.value >= self.size


def writes_of(path: WritePath, bundle: bytes) -> list[Write]:
    """Return the writes of a transaction bundle under fresh ids."""
    entries = path.named(bundle)
    links = path.links(entries)
    return [path.write(entry.key, path.resource(entry, links)) for entry in entries]


def fill(database: ConnectionInfo, data: Path | None, stored: int, size: int, processes: int) -> dict[str, float]:
    """Store copies of the records of *data* until there are *size* resources; return what came of it.

    Raises:
        ChildProcessError: a process failed; its message is on standard error.
    """
    context = multiprocessing.get_context("spawn")
    count = context.Value("q", stored)
    # numbers of copies that no earlier run can have used, so that nobody comes twice
    shares = [Share(database, data, stored + each, processes, size, count) for each in range(processes)]
    workers = [context.Process(target=share.run, daemon=True) for share in shares]
    begin = time.perf_counter()
    for worker in workers:
        worker.start()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("storing", total=size, completed=stored)
        while any(worker.is_alive() for worker in workers):
            time.sleep(_POLL_SECONDS)
            progress.update(task, completed=count.value)
    if any(worker.exitcode for worker in workers):
        raise ChildProcessError("a process that fills the store ended early")
    seconds = time.perf_counter() - begin
    return {"resources": count.value, "seconds": seconds, "per_second": (count.value - stored) / seconds}
