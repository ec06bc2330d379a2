"""Files of sites are taken in while messages come: all together, or none and the reason is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from adapters.hl7.mapping.plans import Plans
from adapters.hl7.operation.figures import Figures
from adapters.hl7.outbound.destinations import Destination, destinations
from adapters.hl7.senders import Sender
from adapters.hl7.sites import senders
from mappings.errors import MappingError

EVERY_SECONDS = 5.0
_LOG = logging.getLogger("stanforis.hl7.sites")
Know = Callable[[Sequence[Sender], Sequence[Destination]], Awaitable[None]]
"""Serves senders, and sends to destinations, from now on."""


class Reloading:
    """Looks for changed files of sites."""

    def __init__(
        self, folder: Path, plans: Plans, know: Know, figures: Figures, sent_to: Sequence[Destination] = ()
    ) -> None:
        """Look at *folder*, whose files were just read.

        Args:
            folder: where the sites stand.
            plans: are compiled anew when a file changed.
            know: is told the senders and destinations then.
            figures: show whether files cannot be used.
            sent_to: the destinations, whose certificates are looked at as well.
        """
        self._folder = folder
        self._plans = plans
        self._know = know
        self._figures = figures
        self._certificates = _certificates(sent_to)
        self._seen = self._signature()

    async def look(self) -> bool:
        """Take in what changed; tell whether something did and could be used."""
        found = await asyncio.to_thread(self._signature)
        if found == self._seen:
            return False
        self._seen = found
        try:
            known = await asyncio.to_thread(senders, self._folder)
            sent_to = await asyncio.to_thread(destinations, self._folder)
            loaded = await asyncio.to_thread(self._plans.reload)
        except MappingError as error:
            return self._refuse(str(error))
        if loaded.reasons:
            return self._refuse("; ".join(loaded.reasons))
        await self._know(known, sent_to)
        self._certificates = _certificates(sent_to)
        self._seen = await asyncio.to_thread(self._signature)
        self._figures.sites_refused(is_refused=False)
        _LOG.info(
            "files of sites were taken in: %d senders, %d destinations, other plans for %s",
            len(known),
            len(sent_to),
            [*loaded.changed],
        )
        return True

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.look()

    def _signature(self) -> frozenset[tuple[str, int, int]]:
        """Return what changes when a file does: paths, times, sizes."""
        found = []
        for path in (*self._folder.rglob("*"), *self._certificates):
            try:
                stat = path.stat()
            except OSError:
                continue
            if path.is_file():
                found.append((path.as_posix(), stat.st_mtime_ns, stat.st_size))
        return frozenset(found)

    def _refuse(self, reason: str) -> bool:
        self._figures.sites_refused(is_refused=True)
        _LOG.error("files of sites cannot be used, those of before count: %s", reason)
        return False


def _certificates(sent_to: Sequence[Destination]) -> frozenset[Path]:
    files = (each.file for each in sent_to if each.file.tls)
    return frozenset(Path(text) for file in files for text in (file.authorities, file.certificate, file.key) if text)
