"""System.Quantity: a decimal with a UCUM or calendar unit.

Spec: https://hl7.org/fhirpath/N1/#quantity, https://hl7.org/fhirpath/N1/#time-valued-quantities
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from fhir_api.fhirpath import ucum
from fhir_api.fhirpath.numbers import decimal_equivalent, decimal_from, decimal_from_fraction

UCUM_SYSTEM: Final = "http://unitsofmeasure.org"
CALENDAR_UNITS: Final = {
    word + plural: word
    for word in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
}
"""Calendar words, in the singular and plural, to the singular."""
_DEFINITE: Final = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
_INDEFINITE: Final = {"year": "a", "month": "mo"}
_MONTHS: Final = {"year": Fraction(12), "month": Fraction(1)}
_FROM_UCUM: Final = {code: word for word, code in (_DEFINITE | _INDEFINITE).items()}
_TEXT: Final = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-zA-Z]+))?")


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """A value with a unit.

    Attributes:
        value: the digits as written.
        unit: a UCUM code, or a calendar word in the singular.
        is_calendar: *unit* is a calendar word.
        system: where a unit that is not UCUM comes from; such a unit is comparable only with itself.
    """

    value: Decimal
    unit: str = "1"
    is_calendar: bool = False
    system: str = UCUM_SYSTEM

    def __str__(self) -> str:
        if self.is_calendar:
            return f"{self.value} {self.unit}{'' if abs(self.value) == 1 else 's'}"
        return f"{self.value} '{self.unit}'"

    def with_value(self, value: Decimal) -> Quantity:
        """Return another value in the same unit."""
        return Quantity(value, self.unit, self.is_calendar, self.system)


def parse_quantity(text: str) -> Quantity | None:
    """Return the Quantity that *text* is: ``4 'mg'``, ``3 days``, ``5``; None where it is none."""
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    number, unit, word = match.groups()
    if word is None:
        return Quantity(Decimal(number), unit or "1")
    return Quantity(Decimal(number), CALENDAR_UNITS[word], is_calendar=True) if word in CALENDAR_UNITS else None


def from_fhir(element: dict[str, Any]) -> Quantity | dict[str, Any]:
    """Return a FHIR Quantity as a System.Quantity, or unchanged where it has no value or a comparator.

    Spec: https://hl7.org/fhir/R4/fhirpath.html#quantity
    """
    value, code, system = element.get("value"), element.get("code"), element.get("system")
    if value is None or "comparator" in element or type(value) is str:
        return element
    if code is None or system != UCUM_SYSTEM:
        unit = code or element.get("unit")
        return (
            Quantity(decimal_from(value)) if unit is None else Quantity(decimal_from(value), unit, system=system or "")
        )
    if code in _FROM_UCUM:
        return Quantity(decimal_from(value), _FROM_UCUM[code], is_calendar=True)
    return Quantity(decimal_from(value), code)


def common(left: Quantity, right: Quantity) -> tuple[Fraction, Fraction] | None:
    """Return both values in one unit, None where they are not comparable.

    Years and months have no fixed length, so they compare only with each other.
    """
    if has_same_unit(left, right):
        return Fraction(left.value), Fraction(right.value)
    if left.system != UCUM_SYSTEM or right.system != UCUM_SYSTEM:
        return None
    one, other = _canonical(left.unit, left.is_calendar), _canonical(right.unit, right.is_calendar)
    if one is None or other is None or one[1] != other[1]:
        return None
    return one[0].of(Fraction(left.value)), other[0].of(Fraction(right.value))


def has_same_unit(left: Quantity, right: Quantity) -> bool:
    """Tell whether both values are written in one unit."""
    return left.unit == right.unit and left.is_calendar == right.is_calendar and left.system == right.system


def equals(left: Quantity, right: Quantity) -> bool | None:
    """Return whether both are the same amount.

    None where that cannot be told: calendar against definite units, and units that are not UCUM.
    """
    values = common(left, right)
    if values is not None:
        return values[0] == values[1]
    if left.system != right.system or left.unit in _MONTHS or right.unit in _MONTHS:
        return None
    return False


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Tell whether both are the same amount at the precision of the less precise one."""
    left, right = _without_calendar(left), _without_calendar(right)
    if has_same_unit(left, right):
        return decimal_equivalent(left.value, right.value)
    converted = convert(right, left.unit)
    return converted is not None and decimal_equivalent(left.value, converted.value)


def convert(quantity: Quantity, unit: str) -> Quantity | None:
    """Return *quantity* in another UCUM unit, None where they are not comparable."""
    if quantity.system != UCUM_SYSTEM:
        return None
    source, target = _canonical(quantity.unit, quantity.is_calendar), _canonical(unit, is_calendar=False)
    if source is None or target is None or source[1] != target[1]:
        return None
    value = target[0].back(source[0].of(Fraction(quantity.value)))
    return Quantity(decimal_from_fraction(value), unit)


def multiply(left: Quantity, right: Quantity) -> Quantity | None:
    """Return the product in the product of the units."""
    return _combined(left, right, ".", left.value * right.value)


def divide(left: Quantity, right: Quantity) -> Quantity | None:
    """Return the quotient in the quotient of the units; None for a division by zero."""
    if not right.value:
        return None
    return _combined(left, right, "/", left.value / right.value)


def _combined(left: Quantity, right: Quantity, operator: str, value: Decimal) -> Quantity | None:
    one, other = _without_calendar(left).unit, _without_calendar(right).unit
    if left.system != right.system or ucum.canonical(one) is None or ucum.canonical(other) is None:
        return None
    if other == "1":
        return Quantity(value, one)
    if operator == "/" and one == other:
        return Quantity(value)
    simple = "." not in other and "/" not in other
    return Quantity(
        value, f"{'' if one == '1' and operator == '.' else one + operator}{other if simple else f'({other})'}"
    )


def _without_calendar(quantity: Quantity) -> Quantity:
    if not quantity.is_calendar:
        return quantity
    return Quantity(quantity.value, (_DEFINITE | _INDEFINITE)[quantity.unit])


@lru_cache(maxsize=1024)
def _canonical(unit: str, is_calendar: bool) -> tuple[ucum.Scale, object] | None:
    if is_calendar and unit in _MONTHS:
        return ucum.Scale(_MONTHS[unit]), "calendar"
    canonical = ucum.canonical(_DEFINITE[unit] if is_calendar else unit)
    return None if canonical is None else (canonical.scale, canonical.dimension)
