"""How long regular expressions may take: each match, and all of one request together.

Patterns come with profiles and expressions, texts with resources: together they can be made to take minutes, and the
process does nothing else meanwhile. Matches are counted for each task, as each request is one; what runs for days gets
its time anew after a while.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from time import monotonic
from typing import Final, TypeVar

MATCH_SECONDS: Final = 0.5
"""How long one match may take."""
TOGETHER_SECONDS: Final = 1.0
"""How long the matches of a request may take together."""
_ANEW_SECONDS: Final = 10.0
_Found = TypeVar("_Found")


class _Spent:
    """What the matches of a task took since *began*."""

    __slots__ = ("began", "seconds")

    def __init__(self, began: float) -> None:
        self.began = began
        self.seconds = 0.0


_spent: ContextVar[_Spent | None] = ContextVar("regular_expressions", default=None)


def within_patience(match: Callable[[float], _Found]) -> _Found:
    """Return what *match* gives, which may take as many seconds as it is told.

    Raises:
        TimeoutError: it takes longer, or those before it took all there is.
    """
    began = monotonic()
    spent = _spent.get()
    if spent is None or began - spent.began > _ANEW_SECONDS:
        spent = _Spent(began)
        _spent.set(spent)
    left = TOGETHER_SECONDS - spent.seconds
    if left <= 0:
        raise TimeoutError
    try:
        return match(min(MATCH_SECONDS, left))
    finally:
        spent.seconds += monotonic() - began
