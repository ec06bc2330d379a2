"""Line and column of an element in a body as it was sent, found when a refusal has to name it.

Nothing is noted while a body is read: the text is gone through again, and only as far as the wanted elements.

Spec: https://hl7.org/fhir/R4/fhirpath.html#simple, https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from fhir_api.formats.positions_json import JsonPositions
from fhir_api.formats.positions_xml import XmlPositions
from fhir_api.model.outcome import Location

_STEP: Final = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\[(\d{1,9})\])?")


class Positions(Protocol):
    """The places of the elements of one body."""

    def find(self, steps: list[tuple[str, int]]) -> Location | None:
        """Return the place of an element; of the nearest one around it where it is not there."""


def positions(raw: bytes, *, is_xml: bool) -> Positions | None:
    """Return the places of a body's elements, None if it cannot be read."""
    return XmlPositions.of(raw) if is_xml else JsonPositions.of(raw)


def steps(expression: str) -> list[tuple[str, int]]:
    """Return the steps of a simple expression, without the type it starts with.

    From a step that is not simple (``ofType(Quantity)``) on they are left out.
    """
    found: list[tuple[str, int]] = []
    for number, text in enumerate(expression.split(".")):
        match = _STEP.fullmatch(text)
        if match is None:
            break
        if number or not match[1][0].isupper():
            found.append((match[1], int(match[2] or 0)))
    return found
