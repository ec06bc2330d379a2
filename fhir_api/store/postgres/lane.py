"""Places that costly statements share, so that others find a connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Lane:
    """Some places; whoever finds none waits in order."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self, needs_place: Callable[[], bool]) -> bool:
        """Wait for a place, or until none is needed any more; tell whether one was taken.

        What was taken has to be given back by :meth:`leave`.
        """
        while needs_place():
            if self.try_take():
                return True
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        return False

    def try_take(self) -> bool:
        """Take a place if there is one; tell whether there was."""
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    def take(self) -> None:
        """Take a place, though there be none: for what turned out to be costly while it runs."""
        self._free -= 1

    def leave(self) -> None:
        """Give a place back, and let all that wait look again."""
        self._free += 1
        # all see, in order, whether they still need a place and there is one
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
