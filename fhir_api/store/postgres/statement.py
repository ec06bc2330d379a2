"""A statement in the making: text with numbered arguments."""

from __future__ import annotations

from typing import Any


class Arguments:
    """Arguments from ``$2`` on (``$1`` is the tenant)."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._lists: dict[tuple[int, str], str] = {}

    def bind(self, value: Any, cast: str = "bigint") -> str:
        """Return the text that stands for *value* in the statement."""
        # a list is sent once: there may be thousands of patients in it
        known = self._lists.get((id(value), cast)) if isinstance(value, list) else None
        if known is not None:
            return known
        self.values.append(value)
        bound = f"${len(self.values) + 1}::{cast}"
        if isinstance(value, list):
            self._lists[id(value), cast] = bound
        return bound
