"""What follows from large tuples, worked out once for each of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

LARGE = 32
"""Members from which on a tuple is worth remembering."""
_MOST = 64

Member = TypeVar("Member")
Value = TypeVar("Value")


class Derived(Generic[Member, Value]):
    """Remembers values by the very tuple they were derived from, not by what is in it: to hash it takes as long.

    Whoever asks often gives the same tuple each time, such as the patients of a tenant who withhold their records.
    """

    def __init__(self, derive: Callable[[tuple[Member, ...]], Value]) -> None:
        """Work values out by *derive*; the 64 that were asked for last are kept."""
        self._derive = derive
        # the tuple is kept as well, or another could come to have its number
        self._known: OrderedDict[int, tuple[tuple[Member, ...], Value]] = OrderedDict()

    def of(self, members: tuple[Member, ...]) -> Value:
        """Return the value of *members*."""
        if len(members) < LARGE:
            return self._derive(members)
        known = self._known.get(id(members))
        if known is None:
            known = self._known[id(members)] = (members, self._derive(members))
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(id(members))
        return known[1]
