"""Files of sites are taken in while messages come: all together, or none and the reason is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from adapters.hl7.mapping.plans import Plans
from adapters.hl7.operation.figures import Figures
from adapters.hl7.senders import Sender
from adapters.hl7.sites import senders
from mappings.errors import MappingError

EVERY_SECONDS = 5.0
_LOG = logging.getLogger("stanforis.hl7.sites")
Know = Callable[[Sequence[Sender]], Awaitable[None]]
"""Serves senders from now on."""


class Reloading:
    """Looks for changed files of sites."""

    def __init__(self, folder: Path, plans: Plans, know: Know, figures: Figures) -> None:
        """Look at *folder*, whose files were just read.

        Args:
            folder: where the sites stand.
            plans: are compiled anew when a file changed.
            know: is told the senders then.
            figures: show whether files cannot be used.
        """
        self._folder = folder
        self._plans = plans
        self._know = know
        self._figures = figures
        self._seen = _signature(folder)

    async def look(self) -> bool:
        """Take in what changed; tell whether something did and could be used."""
        found = await asyncio.to_thread(_signature, self._folder)
        if found == self._seen:
            return False
        self._seen = found
        try:
            known = await asyncio.to_thread(senders, self._folder)
            loaded = await asyncio.to_thread(self._plans.reload)
        except MappingError as error:
            return self._refuse(str(error))
        if loaded.reasons:
            return self._refuse("; ".join(loaded.reasons))
        await self._know(known)
        self._figures.sites_refused(is_refused=False)
        _LOG.info("files of sites were taken in: %d senders, other plans for %s", len(known), [*loaded.changed])
        return True

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.look()

    def _refuse(self, reason: str) -> bool:
        self._figures.sites_refused(is_refused=True)
        _LOG.error("files of sites cannot be used, those of before count: %s", reason)
        return False


def _signature(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Return what changes when a file does: paths, times, sizes."""
    found = []
    for path in folder.rglob("*"):
        try:
            stat = path.stat()
        except OSError:
            continue
        if path.is_file():
            found.append((path.as_posix(), stat.st_mtime_ns, stat.st_size))
    return frozenset(found)
