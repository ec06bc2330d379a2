"""Good values, remembered: many values of health records come again and again.

A look-up is a check that never enters Python where the value is known.
"""

from __future__ import annotations

from collections.abc import Callable

from fhir_api.validation.primitives import Json

MAX_REMEMBERED = 4096
"""How many values one memory holds; when it is full it forgets all of them."""
LONGEST_REMEMBERED = 128
"""The greatest number of characters of a remembered value."""


class Memory(dict[Json, Json]):
    """What *judge* says of a text, remembered where it is true; ``memory[text]`` asks."""

    __slots__ = ("_judge",)

    def __init__(self, judge: Callable[[Json], Json]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, value: Json) -> Json:
        verdict = self._judge(value)
        # only text is kept: 1, 1.0 and true are one key
        if verdict and type(value) is str and len(value) <= LONGEST_REMEMBERED:
            if len(self) >= MAX_REMEMBERED:
                self.clear()
            self[value] = verdict
        return verdict
