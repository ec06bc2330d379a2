"""What can be seen of the messages that are sent and done with them; who may is asked before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.hl7.encoding.charsets import codec_of
from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Hl7Error
from adapters.hl7.operation.desk import DeskError
from adapters.hl7.operation.reading import SegmentView, lines, views_of
from adapters.hl7.outbound.looking import Dispatched, SentCriteria, Standing
from adapters.hl7.outbound.queue import Fate, Mode, Queued
from mappings.destinations import DestinationFile
from mappings.errors import MappingError
from mappings.sites import sites

MOST_REVIVED = 10_000
Named = Callable[[], dict[str, DestinationFile]]
"""Gives the destinations of a tenant's files by name, as they are now."""


def destinations_in(folder: Path, tenant: int) -> Named:
    """Return what gives the destinations of the files in *folder*; the last that could be used, while they cannot."""
    kept: dict[str, DestinationFile] = {}

    def named() -> dict[str, DestinationFile]:
        try:
            found = {f"{site.file.name}/{each.name}": each for site in sites(folder) for each in site.file.destinations}
        except MappingError:
            return dict(kept)
        kept.clear()
        kept.update({name: each for name, each in found.items() if each.tenant == tenant})
        return dict(kept)

    return named


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A destination.

    Attributes:
        standing: how its queue stands.
        file: its settings; None where no file names it any more.
        lag_seconds: how long its oldest message has waited.
    """

    standing: Standing
    file: DestinationFile | None
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class SentContent:
    """What a message says.

    Attributes:
        text: as it is sent, a segment a line; empty where it could not be made.
        segments: its values.
        answer: what the destination said last.
        patients: logical ids of the patients it tells of.
    """

    text: str
    segments: tuple[SegmentView, ...]
    answer: str
    patients: tuple[str, ...]


class Dispatch:
    """The messages of one tenant that are sent."""

    def __init__(self, queues: Dispatched, tenant: int, named: Named, now: Callable[[], int]) -> None:
        """Look after messages of a tenant; *now* tells milliseconds since 1970."""
        self._queues = queues
        self._tenant = tenant
        self._named = named
        self._now = now

    async def destinations(self) -> list[DestinationView]:
        """Return all destinations, by name."""
        files = await asyncio.to_thread(self._named)
        standings = {each.destination: each for each in await self._queues.standings(self._tenant)}
        now = self._now()
        return [self._view(name, files.get(name), standings.get(name), now) for name in sorted(files | standings)]

    @staticmethod
    def _view(name: str, file: DestinationFile | None, standing: Standing | None, now: int) -> DestinationView:
        stands = standing or Standing(name)
        lag = 0.0 if stands.oldest_at is None else max(0, now - stands.oldest_at) / 1000
        return DestinationView(stands, file, lag)

    async def switch(self, name: str, mode: Mode, reason: str) -> None:
        """Set a destination going, or stop it.

        Raises:
            DeskError: there is none with this name (404).
        """
        if name not in {each.standing.destination for each in await self.destinations()}:
            raise DeskError(404, "There is no destination with this name.")
        await self._queues.queue(self._tenant, name).switch(mode, reason, now=self._now())

    async def messages(self, criteria: SentCriteria, before: int | None = None, count: int = 50) -> Sequence[Queued]:
        """Return messages that fit, the newest first."""
        return await self._queues.listed(self._tenant, criteria, before, count)

    async def message(self, number: int) -> Queued:
        """Return a message.

        Raises:
            DeskError: there is none with this number (404).
        """
        found = await self._queues.read(self._tenant, number)
        if found is None:
            raise DeskError(404, "There is no message with this number.")
        return found

    async def content(self, number: int) -> SentContent:
        """Return what a message says.

        Raises:
            DeskError: there is none with this number (404).
        """
        found = await self.message(number)
        if not found.raw:
            return SentContent("", (), "", found.patients)
        try:
            message = Message.parse(found.raw)
            charset = codec_of(message["MSH-18"]) or "utf-8"
            segments = tuple(views_of(message))
        except Hl7Error:
            charset, segments = "utf-8", ()
        return SentContent(lines(found.raw, charset), segments, lines(found.answer, charset), found.patients)

    async def revive(self, number: int) -> int:
        """Have a dead or withdrawn message sent again, or made again; return its new number.

        Raises:
            DeskError: there is none (404), or it is neither (409).
        """
        found = await self.message(number)
        revived = await self._queues.queue(self._tenant, found.destination).revive([number])
        if number not in revived:
            raise DeskError(409, "The message is neither dead nor withdrawn: no others can be sent again.")
        return revived[number]

    async def revive_all(self, destination: str, most: int = MOST_REVIVED) -> int:
        """Have dead messages of a destination sent or made again in their order, the oldest first; return how many."""
        return len(await self._queues.queue(self._tenant, destination).revive(most=most))

    async def close(self, number: int, reason: str) -> None:
        """Have nothing more done with a dead message.

        Raises:
            DeskError: there is none (404), or it is not dead (409).
        """
        found = await self.message(number)
        queue = self._queues.queue(self._tenant, found.destination)
        if found.fate is not Fate.DEAD or not await queue.close_message(number, reason, now=self._now()):
            raise DeskError(409, "The message is not dead: only dead ones can be closed.")
