"""What was asked for lately: a mapping with a bound, in which the key asked for longest ago makes room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Remembers values."""

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int) -> None:
        """Remember up to *most* values."""
        self._most = most
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return the value of *key*, which counts as asked for; None where it is not remembered."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Key, value: Value) -> Value:
        """Remember *value* and return it."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value

    def __len__(self) -> int:
        """Return how many values are remembered."""
        return len(self._kept)

    def __iter__(self) -> Iterator[Key]:
        """Return the keys, that asked for longest ago first."""
        return iter(self._kept)
