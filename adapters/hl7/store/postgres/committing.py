"""Group commit: messages that come while others are being stored are stored together, in one transaction.

Nobody waits for more to come: a message that finds nothing under way goes at once. Calls follow one another, so
messages of a connection are numbered in the order they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from adapters.hl7.store.port import Arrival, Receipt, UnavailableError

Together = Callable[[Sequence[Arrival]], Awaitable[Sequence[Receipt | UnavailableError]]]
"""Stores messages in one transaction; what each came to, in order."""

MOST = 128
MOST_BYTES = 8 << 20
"""Messages in a transaction, and their bytes."""


class _Waiting:
    __slots__ = ("arrival", "future")

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self.future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def tell(self, outcome: Receipt | BaseException) -> None:
        """Hand over the outcome, unless nobody waits for it any longer."""
        if self.future.done():
            return
        if isinstance(outcome, BaseException):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class Committing:
    """The messages of one tenant in one process."""

    def __init__(self, together: Together) -> None:
        self._together = together
        self._waiting: list[_Waiting] = []
        self._call: asyncio.Task[None] | None = None

    async def receive(self, arrival: Arrival) -> Receipt:
        """Store a message and return its receipt; raises what storing it raised."""
        waiting = _Waiting(arrival)
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

    async def _store(self, taken: list[_Waiting]) -> None:
        try:
            outcomes = await self._together([waiting.arrival for waiting in taken])
        except BaseException as error:
            for waiting in taken:
                waiting.tell(error)
            if not isinstance(error, Exception):
                raise
        else:
            for waiting, outcome in zip(taken, outcomes, strict=True):
                waiting.tell(outcome)

    def _take(self) -> list[_Waiting]:
        """Take what waits, the oldest first, as much as a transaction may hold."""
        size = 0
        for count, waiting in enumerate(self._waiting):
            size += len(waiting.arrival.raw)
            if count == MOST or (count and size > MOST_BYTES):
                break
        else:
            count = len(self._waiting)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken
