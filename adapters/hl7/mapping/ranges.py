"""Reference ranges as senders write them (OBX-7): ``3.5-5.0``, ``<200``, ``>=60``.

Spec: HL7 v2.8.2 7.4.2.7 (OBX-7), https://hl7.org/fhir/R4/observation-definitions.html#Observation.referenceRange
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from adapters.hl7.mapping.run import Place, Run
from adapters.hl7.mapping.targets import Building

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_BETWEEN = re.compile(rf"({_NUMBER})\s*-\s*({_NUMBER})")
_BELOW = re.compile(rf"<=?\s*({_NUMBER})")
_ABOVE = re.compile(rf">=?\s*({_NUMBER})")
_UNITS = 6
"""Field of OBX with the unit of the value, which is that of the range."""


class Ends(NamedTuple):
    """The ends of a range; None for an open one."""

    low: Decimal | None
    high: Decimal | None


@lru_cache(maxsize=4096)
def ends(text: str) -> Ends | None:
    """Return the ends of a range; None for a text that is none, or whose ends are the wrong way round."""
    stripped = text.strip()
    if found := _BETWEEN.fullmatch(stripped):
        low, high = Decimal(found[1]), Decimal(found[2])
        return Ends(low, high) if low <= high else None
    if found := _BELOW.fullmatch(stripped):
        return Ends(None, Decimal(found[1]))
    if found := _ABOVE.fullmatch(stripped):
        return Ends(Decimal(found[1]), None)
    return None


def reference_range(run: Run, content: Building, text: str, place: Place, _scope: int) -> bool:
    """Fill the ends of a reference range, in the unit of the value."""
    found = ends(run.read(text))
    if found is None:
        return False
    unit = _unit(run, place[0])
    for name, value in (("low", found.low), ("high", found.high)):
        if value is not None:
            content[name] = {"value": value, **unit}
    return True


def _unit(run: Run, segment: int) -> dict[str, str]:
    texts = run.message.segments[segment].texts
    said = run.read(texts[_UNITS]) if len(texts) > _UNITS else ""
    return {"unit": said} if said else {}
