"""Watching destinations: their figures, and a line in the log when one does not get its messages, and when it does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from adapters.hl7.operation.figures import Figures
from adapters.hl7.outbound.destinations import Destination
from adapters.hl7.outbound.looking import Dispatched, Standing
from adapters.hl7.outbound.queue import Mode, UnavailableQueueError

EVERY_SECONDS = 15.0
PATIENCE_SECONDS = 300
"""A destination whose oldest message was tried and has waited for longer is in trouble."""
_LOG = logging.getLogger("stanforis.hl7.destinations")


class DestinationWatch:
    """The watch over all destinations, by the process that sends."""

    def __init__(self, queues: Dispatched, figures: Figures, now: Callable[[], int]) -> None:
        """Watch nobody yet; *now* tells milliseconds since 1970."""
        self._queues = queues
        self._figures = figures
        self._now = now
        self._tenants: frozenset[int] = frozenset()
        self._troubled: set[tuple[int, str]] = set()

    def know(self, destinations: Iterable[Destination]) -> None:
        """Watch the tenants of *destinations* from now on."""
        self._tenants = frozenset(each.file.tenant for each in destinations)

    async def look(self) -> None:
        """Look at all destinations once.

        Raises:
            UnavailableQueueError: the queues do not answer.
        """
        now = self._now()
        for tenant in self._tenants:
            for standing in await self._queues.standings(tenant):
                self._figures.destination_stands(tenant, standing, now)
                self._tell(tenant, standing, now)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            try:
                await self.look()
            except UnavailableQueueError as error:
                _LOG.warning("destinations cannot be watched: the queues do not answer (%s)", error)
            await asyncio.sleep(EVERY_SECONDS)

    def _tell(self, tenant: int, standing: Standing, now: int) -> None:
        key = tenant, standing.destination
        waited = 0 if standing.oldest_at is None else (now - standing.oldest_at) // 1000
        is_troubled = standing.mode is not Mode.PAUSED and bool(standing.trouble) and waited > PATIENCE_SECONDS
        if is_troubled and key not in self._troubled:
            self._troubled.add(key)
            _LOG.warning(
                "%s does not get its messages: %d wait, the oldest for %d seconds: %s",
                standing.destination, standing.waiting, waited, standing.trouble,
            )  # fmt: skip
        elif not is_troubled and key in self._troubled:
            self._troubled.discard(key)
            _LOG.info("%s gets its messages again", standing.destination)
