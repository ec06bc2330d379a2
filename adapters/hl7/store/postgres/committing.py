"""Group commit: messages that come while others are being stored are stored together, in one transaction.

Nobody waits for more to come: a message that finds nothing under way goes at once. Calls follow one another, so
messages of a connection are numbered in the order they came.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from stanforis.storage.gathering import Gatherer, each_told
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
        self._gatherer: Gatherer[Arrival, Receipt] = Gatherer(each_told(together), _fitting)

    async def receive(self, arrival: Arrival) -> Receipt:
        """Store a message and return its receipt; raises what storing it raised."""
        return await self._gatherer.ask(arrival)


def _fitting(waiting: list[Waiting[Arrival, Receipt]]) -> list[Waiting[Arrival, Receipt]]:
    """Take what waits, the oldest first and none before another, as much as a transaction may hold."""
    size = 0
    for count, each in enumerate(waiting):
        size += len(each.work.raw)
        if count == MOST or (count and size > MOST_BYTES):
            return waiting[:count]
    return waiting
