"""Work of different requests at the same time, gathered into one call of the database.

Work that finds a call under way waits for it, and is then carried out together with all that came meanwhile. Work that
is alone goes at once; right after a call of several, the next one may wait a moment for them to come again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic

from stanforis.storage.lull import Lull
from stanforis.storage.waiting import Outcome, Waiting, Work

CarryOut = Callable[[list[Waiting[Work, Outcome]]], Awaitable[None]]
"""Makes a call and tells each that waits its outcome; what it raises is told to all it left."""
Fitting = Callable[[list[Waiting[Work, Outcome]]], list[Waiting[Work, Outcome]]]
"""Tells which of those that wait, the oldest first, the next call takes: at least one."""


class Gatherer(Generic[Work, Outcome]):
    """Work of one kind in one process."""

    def __init__(
        self,
        carry_out: CarryOut[Work, Outcome],
        fitting: Fitting[Work, Outcome],
        patience: float | None = None,
        lull: Lull | None = None,
    ) -> None:
        """Make calls, one after another.

        Args:
            carry_out: makes a call.
            fitting: chooses for a call.
            patience: seconds after which a call is no longer waited for, as it may itself wait for something; None
                where the next one never begins before it ended.
            lull: tells how long a call waits for those who were there when the last one ended; None for not at all.
        """
        self._carry_out = carry_out
        self._fitting = fitting
        self._patience = patience
        self._lull = lull or Lull(0)
        self._waking: asyncio.TimerHandle | None = None
        self._waiting: list[Waiting[Work, Outcome]] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._awaited: asyncio.Task[None] | None = None

    async def ask(self, work: Work) -> Outcome:
        """Return what *work* gives; raises what carrying it out raised."""
        waiting: Waiting[Work, Outcome] = Waiting(work)
        self._waiting.append(waiting)
        self._begin()
        return await waiting.future

    def _begin(self) -> None:
        """Begin a call unless one is waited for, or others are; it takes what waits in the loop's next turn."""
        if self._awaited is None and self._waiting and not self._pauses():
            call = self._awaited = asyncio.create_task(self._call())
            self._calls.add(call)
            if self._patience is not None:
                timer = asyncio.get_running_loop().call_later(self._patience, self._go_on_without, call)
                call.add_done_callback(lambda _: timer.cancel())
            call.add_done_callback(self._calls.discard)
            call.add_done_callback(self._go_on_without)

    def _pauses(self) -> bool:
        """Tell whether others are waited for; then a call begins when that is over."""
        left = self._lull.left(len(self._waiting))
        if left and self._waking is None:
            # the loop counts whole milliseconds
            self._waking = asyncio.get_running_loop().call_later(max(left, 0.001), self._wake)
        return left > 0

    def _wake(self) -> None:
        self._waking = None
        self._begin()

    def _go_on_without(self, call: asyncio.Task[None]) -> None:
        if self._awaited is call:
            self._awaited = None
            self._begin()

    async def _call(self) -> None:
        taken, began = self._take(), time.monotonic()
        try:
            if taken:
                await self._carry_out(taken)
        except BaseException as error:
            for waiting in taken:
                waiting.tell(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._lull.begin(len(taken) + len(self._waiting), began)

    def _take(self) -> list[Waiting[Work, Outcome]]:
        # whoever asked for what is done went away
        present = [waiting for waiting in self._waiting if not waiting.future.done()]
        taken = self._fitting(present) if present else []
        left = set(map(id, taken))
        self._waiting = [waiting for waiting in present if id(waiting) not in left]
        return taken


def each_told(call: Callable[[Sequence[Work]], Awaitable[Sequence[Outcome | Exception]]]) -> CarryOut[Work, Outcome]:
    """Return what carries out work by *call*, which gives the outcome of each piece, or its error, in order."""

    async def carry_out(taken: list[Waiting[Work, Outcome]]) -> None:
        outcomes = await call([waiting.work for waiting in taken])
        for waiting, outcome in zip(taken, outcomes, strict=True):
            waiting.tell(outcome)

    return carry_out


def up_to(most: int) -> Fitting[Work, Outcome]:
    """Return what chooses the *most* that wait longest."""
    return lambda waiting: waiting[:most]


def going_with(fits: Callable[[Sequence[Work], Work], bool]) -> Fitting[Work, Outcome]:
    """Return what chooses, the oldest first, what *fits* those that are chosen already."""

    def fitting(waiting: list[Waiting[Work, Outcome]]) -> list[Waiting[Work, Outcome]]:
        chosen: list[Waiting[Work, Outcome]] = []
        for each in waiting:
            if not chosen or fits([other.work for other in chosen], each.work):
                chosen.append(each)
        return chosen

    return fitting
