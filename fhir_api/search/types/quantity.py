"""Quantity parameters.

Spec: https://hl7.org/fhir/R4/search.html#quantity
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_api.search.entries import QuantityEntry, new_entry
from fhir_api.search.query import Measure, Parameter, QuantityValue
from fhir_api.search.types.escapes import split, unescape
from fhir_api.search.types.number import compare, read_number
from fhir_api.search.types.ranges import range_
from fhir_api.search.types.reading import Reading, malformed
from fhir_api.search.types.units import conversion, measure

Add = Callable[[QuantityEntry], None]

CURRENCIES = "urn:iso:std:iso:4217"
"""The code system of ``Money.currency``."""

_WITH_ONE = 2
_WITH_CODE = 3


def quantity(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add a Quantity (Age, Duration, Count, Distance too) that has a value."""
    amount = value.get("value")
    if amount is not None:
        add(new_entry(QuantityEntry, (key, amount, value.get("system"), value.get("code"), value.get("unit"))))


def money(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add an amount of Money; its currency is the unit."""
    amount = value.get("value")
    if amount is not None:
        currency = value.get("currency")
        add(new_entry(QuantityEntry, (key, amount, CURRENCIES if currency else None, currency, currency)))


def sampled_data(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add the least and the greatest sample, in the unit of ``origin``.

    Raises:
        ValueError: a sample is neither a decimal nor ``E``, ``L`` or ``U``.
    """
    origin = value.get("origin") or {}
    # in decimals: 5.45 + 5.4 is 10.850000000000001 in floats
    start, factor = Decimal(str(origin.get("value") or 0)), Decimal(str(value.get("factor", 1)))
    limits = {"L": value.get("lowerLimit"), "U": value.get("upperLimit")}
    samples: list[float] = []
    for sample in (value.get("data") or "").split():
        if sample in limits:
            limit = limits[sample]
            if limit is not None:
                samples.append(limit)
        elif sample != "E":
            samples.append(float(start + _decimal(sample) * factor))
    for amount in sorted({min(samples), max(samples)}) if samples else ():
        add(new_entry(QuantityEntry, (key, amount, origin.get("system"), origin.get("code"), origin.get("unit"))))


def _decimal(sample: str) -> Decimal:
    try:
        number = Decimal(sample)
    except ArithmeticError:
        raise ValueError("a sample is no decimal") from None
    if not number.is_finite():
        raise ValueError("a sample is not finite")
    return number


LEAVES: dict[str, Callable[..., None]] = {
    **dict.fromkeys(("Quantity", "Age", "Duration", "Count", "Distance"), quantity),
    "Money": money,
    "Range": range_,
    "SampledData": sampled_data,
}
"""What each FHIR type puts into the index."""


def parse(parameter: Parameter, text: str, reading: Reading, modifier: str | None = None) -> QuantityValue:
    """Read ``[prefix]number``, ``number|system|code``, ``number||code``, ``number|system`` or ``number|code``.

    What stands alone behind the number is a system, for any of its units, where it is a URI; else it is a unit.

    Raises:
        FhirError: MALFORMED when it is none of them.
    """
    parts = split(text, "|")
    number = read_number(parameter, unescape(parts[0]))
    if len(parts) > _WITH_CODE:
        raise malformed(parameter, "'number', 'number|system|code', 'number||code' or 'number|system'")
    if len(parts) == _WITH_ONE and ":" not in parts[1]:
        parts.insert(1, "")
    system, code = [*(unescape(part) or None for part in parts[1:]), None, None][:2]
    return QuantityValue(number, system, code, measure(number, system, code))


def matches(entry: QuantityEntry, value: QuantityValue, modifier: str | None = None) -> bool:
    """Tell whether number and unit are what *value* asks for; units that are none of UCUM are compared as written."""
    if value.measure is not None and (value.system, value.code) != (entry.system, entry.code):
        return _measures(entry, value.measure)
    return _has_unit(entry, value) and compare(entry.value, value.number)


def _has_unit(entry: QuantityEntry, value: QuantityValue) -> bool:
    if value.system is None:
        return value.code is None or value.code in {entry.code, entry.unit}
    return value.system == entry.system and value.code in {None, entry.code}


def _measures(entry: QuantityEntry, wanted: Measure) -> bool:
    unit = conversion(entry.system, entry.code)
    if unit is None or unit.dimension != wanted.dimension:
        return False
    return any(_is_within(entry.value, *unit.interval(interval)) for interval in wanted.intervals)


def _is_within(number: float, low: float, has_low: bool, high: float, has_high: bool) -> bool:
    return (number > low or (has_low and number == low)) and (number < high or (has_high and number == high))
