"""The time, handed down so that a test can set it."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Gives the seconds since 1970."""

system_clock: Clock = time.time
