"""How long a running statement has worked, as apart from waiting for the disk.

A statement that reads pages for the first time takes long and costs little: it takes time from nobody but the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from stanforis.storage.pool import Pool, PoolTimeoutError

from fhir_api.store.postgres.lane import Lane

IsOnDisk = Callable[[int], Awaitable[bool]]
"""Tells whether the backend with a process id waits for the disk at this moment."""

_FIRST_LOOK: Final = 0.2
_BETWEEN_LOOKS: Final = 0.1
_WEIGHT_OF_DISK: Final = 0.25
"""A connection is held all the same while a statement waits, so that time counts, but less."""

_LOOK: Final = "SELECT wait_event_type FROM pg_stat_get_activity($1)"


async def waits_for(pool: Pool, process: int) -> str | None:
    """Return PostgreSQL's word for the kind of thing that a backend waits for; None when it works, or is not known."""
    async with pool.acquire() as connection:
        kind: str | None = await connection.fetchval(_LOOK, process)
        return kind


def looking(pool: Pool) -> IsOnDisk:
    """Return what asks the database over a connection of *pool*, which serves nothing else.

    A process that the database does not know, as behind a pooler of connections, counts as working; so does each while
    the database cannot be asked.
    """

    async def is_on_disk(process: int) -> bool:
        try:
            return await waits_for(pool, process) == "IO"
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolTimeoutError):
            return False

    return is_on_disk


async def always_works(_: int) -> bool:
    """Say of each statement that it does not wait for the disk: then its time is what it cost."""
    return False


class Run:
    """One statement on its way.

    Attributes:
        lane: where it holds a place; None if it needs none.
        is_slow: whether it has worked too long.
    """

    def __init__(self, is_on_disk: IsOnDisk, clock: Callable[[], float]) -> None:
        self.lane: Lane | None = None
        self.is_slow = False
        self._is_on_disk = is_on_disk
        self._clock = clock
        self._began = 0.0
        self._looks = 0
        self._on_disk = 0

    def worked(self) -> float:
        """Return the seconds that it has worked, waiting for the disk in small part included."""
        seconds = self._clock() - self._began
        waited = seconds * self._on_disk / self._looks if self._looks else 0.0
        return seconds - waited * (1 - _WEIGHT_OF_DISK)

    @contextmanager
    def watched(self, process: int, looked: Callable[[], None]) -> Iterator[None]:
        """Look, inside the ``with``, what the backend *process* does, and call *looked* after each look."""
        loop = asyncio.get_running_loop()
        self._began = self._clock()
        watch: list[asyncio.Task[None]] = []
        # most statements are answered before a task is worth while
        timer = loop.call_later(_FIRST_LOOK, lambda: watch.append(loop.create_task(self._watch(process, looked))))
        try:
            yield
        finally:
            timer.cancel()
            for task in watch:
                task.cancel()

    async def _watch(self, process: int, looked: Callable[[], None]) -> None:
        while True:
            self._on_disk += await self._is_on_disk(process)
            self._looks += 1
            looked()
            await asyncio.sleep(_BETWEEN_LOOKS)
