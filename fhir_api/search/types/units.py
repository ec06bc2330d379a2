"""Quantities in units that measure the same: a search for ``5.4 mg`` finds ``0.0054 g``.

Ends of ranges go to base units and from there to the stored unit in exact decimals; the last step alone rounds, to the
number that the same decimal has when it is stored.

Spec: https://hl7.org/fhir/R4/search.html#quantity
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from fhir_api.fhirpath.quantity import UCUM_SYSTEM
from fhir_api.fhirpath.ucum import Scale, canonical
from fhir_api.search.query import Interval, Measure, NumberValue, Prefix

_INFINITY: Final = Decimal("Infinity")
_DIGITS: Final = Context(prec=40)
_EXACT: Final = Context(prec=200)
_PROPORTIONAL: Final = frozenset({"", "Cel", "degF", "degRe"})
_LOGARITHMIC: Final = frozenset({"pH", "ln", "lg", "lgTimes2", "ld", "hpX", "hpC", "hpM", "hpQ"})
_GREATEST, _LEAST = Fraction(10) ** 250, Fraction(1, 10**250)
_STEEPEST, _FLATTEST = Fraction(10) ** 50, Fraction(1, 10**50)


class Conversion(NamedTuple):
    """How a number of base units becomes one of a unit: ``ratio * number + offset``.

    *is_logarithmic*: it is the natural logarithm of the number that is taken so.
    """

    dimension: str
    ratio: Decimal
    offset: Decimal
    is_logarithmic: bool = False

    def of(self, number: Decimal) -> float:
        """Return a number of base units as one of the unit."""
        if not self.is_logarithmic:
            return float(_EXACT.add(_EXACT.multiply(number, self.ratio), self.offset))
        logarithm = math.log(float(number)) if number > 0 else -math.inf
        return logarithm * float(self.ratio) + float(self.offset)

    def interval(self, interval: Interval) -> tuple[float, bool, float, bool]:
        """Return an interval of base units as one of the unit: low end, whether it belongs, high end, whether it does.

        A falling scale, such as pH, turns it round.
        """
        low, high = self.of(interval.low), self.of(interval.high)
        if self.ratio < 0:
            return high, interval.has_high, low, interval.has_low
        return low, interval.has_low, high, interval.has_high


@lru_cache(maxsize=4096)
def conversion(system: str | None, code: str | None) -> Conversion | None:
    """Return how a unit is reached; None where it is none of UCUM, or only comparable with itself as it is written."""
    unit = canonical(code) if system == UCUM_SYSTEM and code else None
    if unit is None:
        return None
    dimension = ".".join(f"{base}{power}" for base, power in unit.dimension) or "1"
    scale = unit.scale
    try:
        zero, one = scale.of(Fraction(0)), scale.of(Fraction(1))
        if scale.function in _PROPORTIONAL:
            return _checked(Conversion(dimension, _decimal(1 / (one - zero)), _decimal(-zero / (one - zero))))
        if scale.function in _LOGARITHMIC:
            ratio = 1 / math.log(one / zero)
            offset = -math.log(zero) * ratio
            return _checked(Conversion(dimension, Decimal(repr(ratio)), Decimal(repr(offset)), is_logarithmic=True))
    except (ArithmeticError, ValueError):
        pass
    return None


def _checked(found: Conversion) -> Conversion | None:
    return found if _FLATTEST < abs(Fraction(found.ratio)) < _STEEPEST else None


def measure(number: NumberValue, system: str | None, code: str | None) -> Measure | None:
    """Return what a searched quantity means in base units; None where its unit is compared as it is written."""
    unit = canonical(code) if code and conversion(system, code) is not None else None
    found = conversion(system, code)
    if unit is None or found is None:
        return None
    falls = found.ratio < 0
    try:
        ends = [_in_base(unit.scale, interval, falls=falls) for interval in intervals(number)]
    except (ArithmeticError, ValueError):
        return None
    return Measure(found.dimension, tuple(ends))


def intervals(number: NumberValue) -> tuple[Interval, ...]:
    """Return the numbers that a prefix and a number mean, one interval or two."""
    low, value, high = (_as_written(end) for end in (number.low, number.value, number.high))
    match number.prefix:
        case Prefix.NE:
            return (
                Interval(-_INFINITY, low, has_low=False, has_high=False),
                Interval(high, _INFINITY, has_low=True, has_high=False),
            )
        case Prefix.GT | Prefix.SA:
            return (Interval(value, _INFINITY, has_low=False, has_high=False),)
        case Prefix.LT | Prefix.EB:
            return (Interval(-_INFINITY, value, has_low=False, has_high=False),)
        case Prefix.GE:
            return (Interval(value, _INFINITY, has_low=True, has_high=False),)
        case Prefix.LE:
            return (Interval(-_INFINITY, value, has_low=False, has_high=True),)
        case prefix:
            return (Interval(low, high, has_low=True, has_high=prefix is Prefix.AP),)


def _as_written(number: float) -> Decimal:
    # the shortest text of a float is the decimal that it was read from
    return Decimal(repr(number))


def _in_base(scale: Scale, interval: Interval, *, falls: bool) -> Interval:
    low, high = (_end(scale, end, falls=falls) for end in (interval.low, interval.high))
    if falls:
        return Interval(high, low, has_low=interval.has_high, has_high=interval.has_low)
    return Interval(low, high, has_low=interval.has_low, has_high=interval.has_high)


def _end(scale: Scale, end: Decimal, *, falls: bool) -> Decimal:
    if end.is_finite():
        return _decimal(scale.of(Fraction(end)))
    if scale.function not in _LOGARITHMIC:
        return end
    return _INFINITY if (end > 0) is not falls else Decimal(0)


def _decimal(number: Fraction) -> Decimal:
    """Return *number* to 40 digits; what no float can hold becomes zero or infinite."""
    if abs(number) > _GREATEST:
        return _INFINITY.copy_sign(Decimal(-1 if number < 0 else 1))
    if abs(number) < _LEAST:
        return Decimal(0)
    return _DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))
