"""Good values, remembered: many values of health records come again and again."""

from __future__ import annotations

from collections.abc import Callable

from fhir_api.validation.primitives import Json

MAX_REMEMBERED = 4096
"""How many values one memory holds; when it is full it forgets all of them."""
LONGEST_REMEMBERED = 128
"""The greatest number of characters of a remembered value."""


class Memory:
    """What *judge* says of a text, remembered where it is true.

    Attributes:
        known: each remembered text with its verdict; always the same dictionary, so that generated code can hold it.
    """

    def __init__(self, judge: Callable[[Json], Json]) -> None:
        self.known: dict[str, Json] = {}
        self._judge = judge

    def ask(self, value: Json) -> Json:
        """Return the verdict on a value, known or not."""
        return self.known.get(value) or self.learn(value)

    def learn(self, value: Json) -> Json:
        """Return the verdict on a value that is not known, and remember it if it is a good one."""
        verdict = self._judge(value)
        # only text is kept: 1, 1.0 and true are one key
        if verdict and type(value) is str and len(value) <= LONGEST_REMEMBERED:
            if len(self.known) >= MAX_REMEMBERED:
                self.known.clear()
            self.known[value] = verdict
        return verdict
