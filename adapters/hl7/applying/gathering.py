"""Work of several messages that is done in one go: what comes while some is under way goes next, together.

Nobody waits for more to come: what finds nothing under way goes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic

from stanforis.storage.waiting import Outcome, Waiting, Work

Together = Callable[[Sequence[Work]], Awaitable[Sequence[Outcome]]]
"""Does pieces of work in one go; what each came to, in order."""
Fits = Callable[[Sequence[Work], Work], bool]
"""Tells whether a piece may go together with those that are chosen already."""


class Gathering(Generic[Work, Outcome]):
    """Pieces of work that wait for their turn."""

    def __init__(self, together: Together[Work, Outcome], fits: Fits[Work]) -> None:
        self._together = together
        self._fits = fits
        self._waiting: list[Waiting[Work, Outcome]] = []
        self._run: asyncio.Task[None] | None = None

    async def done(self, work: Work) -> Outcome:
        """Return what *work* came to; raises what doing it raised."""
        waiting: Waiting[Work, Outcome] = Waiting(work)
        self._waiting.append(waiting)
        if self._run is None:
            self._run = asyncio.create_task(self._until_none_waits())
        return await waiting.future

    async def _until_none_waits(self) -> None:
        try:
            while chosen := self._chosen():
                await self._do(chosen)
        finally:
            self._run = None

    def _chosen(self) -> list[Waiting[Work, Outcome]]:
        """Take what goes together, the oldest first; who waits no longer is left out."""
        chosen: list[Waiting[Work, Outcome]] = []
        left: list[Waiting[Work, Outcome]] = []
        for waiting in self._waiting:
            if not waiting.future.done():
                fits = not chosen or self._fits([each.work for each in chosen], waiting.work)
                (chosen if fits else left).append(waiting)
        self._waiting = left
        return chosen

    async def _do(self, chosen: Sequence[Waiting[Work, Outcome]]) -> None:
        try:
            outcomes = await self._together([waiting.work for waiting in chosen])
        except BaseException as error:
            for waiting in chosen:
                waiting.tell(error)
            if not isinstance(error, Exception):
                raise
        else:
            for waiting, outcome in zip(chosen, outcomes, strict=True):
                waiting.tell(outcome)
