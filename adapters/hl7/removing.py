"""Removing messages that are done with, by age.

A message is done with when it is mapped, or closed by a person. One that waits, is parked or dead stays, however old it
is. What became of a message in FHIR, its Provenance among it, stays as well.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from stanforis.audit import Record, Who, administered

from adapters.hl7.looking_again import again_and_again
from adapters.hl7.senders import Sender
from adapters.hl7.store.port import MessageStore

EVERY_SECONDS = 3600.0
AT_ONCE = 500
"""Messages that are looked at in one transaction."""
PAUSE_SECONDS = 0.2
"""Between two of them, so that what is received does not wait."""
LEAST_DAYS = 8
"""How long messages are kept at least: a duplicate is known, and answered as before, for seven days."""
_DAY = 24 * 3600 * 1000
_WHO = Who(client="stanforis-hl7")
_LOG = logging.getLogger(__name__)

Note = Callable[[Record], Awaitable[None]]
"""Puts a record on the audit trail."""


class Removing:
    """Removes the old messages of one tenant."""

    def __init__(
        self, tenant: int, known: Iterable[Sender], store: MessageStore, keep_days: int, now: Callable[[], int],
        note: Note,
    ) -> None:  # fmt: skip
        """Prepare.

        Args:
            tenant: its number.
            known: the senders, each with days of its own or none.
            store: has the messages.
            keep_days: goes for senders without days of their own; 0 keeps all messages.
            now: tells milliseconds since 1970.
            note: told of what was removed.
        """
        self._tenant = tenant
        self._store = store
        self._keep_days = keep_days
        self._now = now
        self._note = note
        self.know(known)

    def know(self, known: Iterable[Sender]) -> None:
        """Go by *known* from now on."""
        self._days = {
            sender.name: sender.keep_days
            for sender in known
            if sender.tenant == self._tenant and sender.keep_days is not None
        }

    async def look(self) -> int:
        """Remove what is old enough, in small steps; return how many messages that were.

        Raises:
            UnavailableError: what was removed before stays removed.
        """
        befores = {sender: self._before(days) for sender, days in self._days.items()}
        default = self._before(self._keep_days)
        if not any((default, *befores.values())):
            return 0
        count, after = 0, 0
        try:
            while True:
                removed = await self._store.remove(befores, default, after=after, limit=AT_ONCE)
                count += removed.messages
                if removed.after is None:
                    return count
                after = removed.after
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            if count:
                _LOG.info("%d messages of tenant %d were removed by age", count, self._tenant)
                messages = f"urn:stanforis:hl7-messages:{count}"
                await self._note(administered("hl7-remove", [messages], who=_WHO, changed=["messages"]))

    def _before(self, days: int) -> int:
        """Return the time before which messages are old; 0 where they never are."""
        return self._now() - max(days, LEAST_DAYS) * _DAY if days else 0

    async def run(self) -> None:
        """Look again and again until cancelled."""
        await again_and_again(self.look, EVERY_SECONDS, "old messages could not be removed")
