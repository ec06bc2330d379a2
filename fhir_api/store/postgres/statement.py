"""A statement in the making: text with numbered arguments."""

from __future__ import annotations

from typing import Any


class Arguments:
    """Arguments from ``$2`` on (``$1`` is the tenant)."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def bind(self, value: Any, cast: str = "bigint") -> str:
        """Return the text that stands for *value* in the statement."""
        self.values.append(value)
        return f"${len(self.values) + 1}::{cast}"
