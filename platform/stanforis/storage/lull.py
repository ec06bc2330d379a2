"""How long a call that gathers work waits for those whom the last one answered.

They often ask again at once. Without a lull, whoever comes first has a call of his own each time, and all others share
the next: as many calls for one as for many.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Lull:
    """The pause behind a call, for as many as were there when it ended."""

    def __init__(self, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Wait for *most* seconds by *clock* at most, and never longer than half of what the call took."""
        self._most = most
        self._clock = clock
        self._crowd = 0
        self._until = 0.0

    def begin(self, crowd: int, began: float) -> None:
        """Take note that a call that *began* then (by the clock) ended while so many were there."""
        now = self._clock()
        self._crowd = crowd
        self._until = now + min(self._most, (now - began) / 2)

    def left(self, present: int) -> float:
        """Return the seconds for which *present* ones have to wait for others; 0 where they need not."""
        return max(0.0, self._until - self._clock()) if present < self._crowd else 0.0
