"""A statement in the making: text with numbered arguments."""

from __future__ import annotations

from typing import Any, Final

from fhir_api.store.postgres.arrays import PackedBigints

_LARGE: Final = 64
"""From so many numbers on a list is handed over in PostgreSQL's own form: the driver looks at each of them."""


class Arguments:
    """Arguments from ``$2`` on (``$1`` is the tenant)."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._lists: dict[tuple[int, str], str] = {}

    def bind(self, value: Any, cast: str = "bigint") -> str:
        """Return the text that stands for *value* in the statement."""
        if not isinstance(value, list):
            return self._bound(value, cast)
        # a list is sent once: there may be thousands of patients in it
        known = self._lists.get((id(value), cast))
        if known is None:
            known = self._lists[id(value), cast] = self._listed(value, cast)
        return known

    def _listed(self, values: list[Any], cast: str) -> str:
        if cast == "bigint[]" and len(values) >= _LARGE:
            return self._bound(PackedBigints(values), "fhir.bigints::bigint[]")
        return self._bound(values, cast)

    def _bound(self, value: Any, cast: str) -> str:
        self.values.append(value)
        return f"${len(self.values) + 1}::{cast}"
