"""Watching senders: their figures, and a line in the log when one falls silent and when it is heard again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from adapters.hl7.operation.figures import Figures
from adapters.hl7.operation.standing import is_silent
from adapters.hl7.senders import Sender
from adapters.hl7.store.port import MessageStores, UnavailableError

EVERY_SECONDS = 15.0
_LOG = logging.getLogger("stanforis.hl7.senders")


class Watch:
    """The watch over all senders, by the HL7 process."""

    def __init__(self, stores: MessageStores, figures: Figures, now: Callable[[], int]) -> None:
        """Watch nobody yet; *now* tells milliseconds since 1970."""
        self._stores = stores
        self._figures = figures
        self._now = now
        self._begun_at = now()
        self._senders: tuple[Sender, ...] = ()
        self._heard: dict[str, int] = {}
        self._silent: set[str] = set()

    def know(self, senders: Iterable[Sender]) -> None:
        """Watch *senders* from now on."""
        self._senders = tuple(senders)

    def heard(self, sender: Sender, *, is_stored: bool) -> None:
        """Take note of a message, also of one that came before or was refused."""
        self._heard[sender.name] = self._now()
        self._figures.came(sender.tenant, sender.name, is_stored=is_stored)

    async def look(self) -> None:
        """Look at all senders once.

        Raises:
            UnavailableError: the store does not answer.
        """
        now = self._now()
        last: dict[str, int] = {}
        for tenant in {sender.tenant for sender in self._senders}:
            for standing in await self._stores.for_tenant(tenant).standings(now):
                self._figures.stands(tenant, standing, now)
                last[standing.sender] = standing.last_at
        for sender in self._senders:
            # one that never sent anything is given its time from the start on
            heard = max(self._heard.get(sender.name, 0), last.get(sender.name, self._begun_at))
            self._tell(sender, heard, now)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            try:
                await self.look()
            except UnavailableError as error:
                _LOG.warning("senders cannot be watched: the message store does not answer (%s)", error)
            await asyncio.sleep(EVERY_SECONDS)

    def _tell(self, sender: Sender, heard: int, now: int) -> None:
        silent = is_silent(sender.expected_seconds, heard, now)
        self._figures.silent(sender.tenant, sender.name, is_silent=silent)
        if silent and sender.name not in self._silent:
            self._silent.add(sender.name)
            seconds, expected = (now - heard) // 1000, sender.expected_seconds
            _LOG.warning(
                "sender %s is silent: nothing for %d seconds, expected every %d", sender.name, seconds, expected
            )
        elif not silent and sender.name in self._silent:
            self._silent.discard(sender.name)
            _LOG.info("sender %s is heard again", sender.name)
