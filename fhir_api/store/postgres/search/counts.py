"""What counting told lately: a search that comes again need not ask once more which way costs least.

Ways differ in what they cost, never in what they find. So what was counted may be somewhat old.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final

from stanforis.recent import Recent

LASTING_SECONDS: Final = 60.0
"""How long a count is taken for what is stored."""
_MOST: Final = 256


class Counts:
    """What was counted for the searches of one tenant."""

    __slots__ = ("_clock", "_known")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember by the seconds of *clock*."""
        self._clock = clock
        self._known: Recent[Hashable, tuple[float, tuple[float, ...]]] = Recent(_MOST)

    def get(self, asked: Hashable) -> tuple[float, ...] | None:
        """Return the numbers that were counted for *asked* lately, None where none were."""
        known = self._known.get(asked)
        if known is None or self._clock() - known[0] > LASTING_SECONDS:
            return None
        return known[1]

    def keep(self, asked: Hashable, *numbers: float) -> tuple[float, ...]:
        """Remember *numbers* as what was counted for *asked*, and return them."""
        return self._known.keep(asked, (self._clock(), numbers))[1]
