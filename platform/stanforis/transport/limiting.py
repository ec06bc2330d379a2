"""How many requests somebody may send in a minute.

Each API process counts for itself and grants its share of the limit: connections are shared out evenly between them.
"""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter


class Limiter:
    """Counts requests by who sends them, over a window of a minute that moves along."""

    def __init__(self, per_minute: int, processes: int = 1) -> None:
        """Grant *per_minute* requests (0: any number) in so many *processes* together."""
        self._item = RateLimitItemPerMinute(math.ceil(per_minute / processes)) if per_minute else None
        self._counter: SlidingWindowCounterRateLimiter | None = None

    def refuses(self, *names: str) -> int:
        """Count a request of whoever *names* tell; return how many seconds to wait, 0 where it is granted."""
        if self._item is None:
            return 0
        if self._counter is None:
            # made in the process that counts, not in the one it was forked from
            self._counter = SlidingWindowCounterRateLimiter(MemoryStorage())
        if self._counter.hit(self._item, *names):
            return 0
        again = self._counter.get_window_stats(self._item, *names).reset_time - time.time()
        return max(1, math.ceil(again))
