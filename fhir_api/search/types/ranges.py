"""Elements of type Range under number and quantity parameters: intervals, of which an end may be open.

``eq``, ``sa`` and ``eb`` hold for an interval that lies wholly in what they ask for, the others for one that meets it.

Spec: https://hl7.org/fhir/R4/search.html#prefix
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from fhir_api.search.entries import RangeEntry, new_entry
from fhir_api.search.query import NumberValue, Parameter, Prefix, QuantityValue
from fhir_api.search.types.units import conversion, intervals

Add = Callable[[RangeEntry], None]
End = tuple[float, bool, float, bool]
"""Low end, whether it belongs, high end, whether it does."""

WHOLLY: Final = frozenset({Prefix.EQ, Prefix.SA, Prefix.EB})
"""Prefixes that ask for a range that contains the resource's."""


def range_(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add a Range that has an end; both ends have one unit."""
    low, high = value.get("low") or {}, value.get("high") or {}
    least, greatest = low.get("value"), high.get("value")
    if least is None and greatest is None:
        return
    unit = low if least is not None else high
    ends = (-math.inf if least is None else least, math.inf if greatest is None else greatest)
    add(new_entry(RangeEntry, (key, *ends, unit.get("system"), unit.get("code"), unit.get("unit"))))


def has_ranges(parameter: Parameter) -> bool:
    """Tell whether a number or quantity parameter looks at elements of type Range."""
    return "Range" in parameter.element_types


def matches(entry: RangeEntry, value: NumberValue | QuantityValue, modifier: str | None = None) -> bool:
    """Tell whether a range is what *value* asks for."""
    number = value if isinstance(value, NumberValue) else value.number
    return _stands(entry, _wanted(entry, value), wholly=number.prefix in WHOLLY)


def _wanted(entry: RangeEntry, value: NumberValue | QuantityValue) -> Iterable[End]:
    """Return the intervals that *value* means, as numbers of the entry's unit; none where units do not fit."""
    if isinstance(value, NumberValue):
        return _as_written(value)
    if value.measure is not None and (value.system, value.code) != (entry.system, entry.code):
        unit = conversion(entry.system, entry.code)
        if unit is None or unit.dimension != value.measure.dimension:
            return ()
        return [unit.interval(interval) for interval in value.measure.intervals]
    if value.system is None:
        fits = value.code is None or value.code in {entry.code, entry.unit}
    else:
        fits = value.system == entry.system and value.code in {None, entry.code}
    return _as_written(value.number) if fits else ()


def _as_written(number: NumberValue) -> list[End]:
    return [(float(each.low), each.has_low, float(each.high), each.has_high) for each in intervals(number)]


def _stands(entry: RangeEntry, wanted: Iterable[End], *, wholly: bool) -> bool:
    for low, has_low, high, has_high in wanted:
        # an interval without an end reaches as far as one that is open there
        below, above = has_high or high == math.inf, has_low or low == -math.inf
        first, last = (entry.low, entry.high) if wholly else (entry.high, entry.low)
        if (first > low or (above and first == low)) and (last < high or (below and last == high)):
            return True
    return False
