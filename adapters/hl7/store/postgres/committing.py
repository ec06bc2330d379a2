"""Group commit: messages that come while others are being stored are stored together, in one transaction.

Nobody waits for more to come: a message that finds nothing under way goes at once. Calls follow one another, so
messages of a connection are numbered in the order they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from stanforis.storage.waiting import Waiting

from adapters.hl7.store.port import Arrival, Receipt, UnavailableError

Together = Callable[[Sequence[Arrival]], Awaitable[Sequence[Receipt | UnavailableError]]]
"""Stores messages in one transaction; what each came to, in order."""

MOST = 128
MOST_BYTES = 8 << 20
"""Messages in a transaction, and their bytes."""


class Committing:
    """The messages of one tenant in one process."""

    def __init__(self, together: Together) -> None:
        self._together = together
        self._waiting: list[Waiting[Arrival, Receipt]] = []
        self._call: asyncio.Task[None] | None = None

    async def receive(self, arrival: Arrival) -> Receipt:
        """Store a message and return its receipt; raises what storing it raised."""
        waiting: Waiting[Arrival, Receipt] = Waiting(arrival)
        self._waiting.append(waiting)
        if self._call is None:
            self._call = asyncio.create_task(self._run())
        return await waiting.future

    async def _run(self) -> None:
        """Store what waits until nothing does."""
        try:
            while self._waiting:
                await self._store(self._take())
        finally:
            self._call = None

    async def _store(self, taken: list[Waiting[Arrival, Receipt]]) -> None:
        try:
            outcomes = await self._together([waiting.work for waiting in taken])
        except BaseException as error:
            for waiting in taken:
                waiting.tell(error)
            if not isinstance(error, Exception):
                raise
        else:
            for waiting, outcome in zip(taken, outcomes, strict=True):
                waiting.tell(outcome)

    def _take(self) -> list[Waiting[Arrival, Receipt]]:
        """Take what waits, the oldest first, as much as a transaction may hold."""
        size = 0
        for count, waiting in enumerate(self._waiting):
            size += len(waiting.work.raw)
            if count == MOST or (count and size > MOST_BYTES):
                break
        else:
            count = len(self._waiting)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken
