"""A memory that forgets what was not used for long."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Values by key up to a limit on their sizes together.

    Attributes:
        size: of what is kept.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def find(self, key: Key) -> Value | None:
        """Return what is kept under *key*, None if nothing is."""
        try:
            # The first fails where there is none, the second where another thread has let it go since.
            self._kept.move_to_end(key)
            return self._kept[key][0]
        except KeyError:
            return None

    def keep(self, key: Key, value: Value, size: int) -> Value:
        """Keep a value, forget the ones used longest ago for it, and return it."""
        self.size += size - self._kept.get(key, (None, 0))[1]
        self._kept[key] = value, size
        while self.size > self._limit:
            _, (_, freed) = self._kept.popitem(last=False)
            self.size -= freed
        return value
