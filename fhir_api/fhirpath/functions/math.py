"""Mathematics: ``abs ceiling exp floor ln log power round sqrt truncate``, boundaries and precision.

Spec: https://hl7.org/fhirpath/N1/#math-functions, https://hl7.org/fhirpath/#boundary-functions
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation, Overflow
from typing import Any, Final

from fhir_api.fhirpath import plan as plans
from fhir_api.fhirpath.boundaries import boundary, digits_of
from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.functions.scalar import BOUNDED, DECIMAL, INTEGER, NUMERIC, scalar
from fhir_api.fhirpath.numbers import decimal_from, decimals, rounded
from fhir_api.fhirpath.quantity import Quantity
from fhir_api.fhirpath.temporal import Temporal

_SAME: Final = None
_DEFAULT_DIGITS: Final = 8
_MAX_DIGITS: Final = 31
_INTEGER_LIMIT: Final = 2**31
_HALF: Final = Decimal("0.5")
_ONE: Final = Decimal(1)


def _on_value(value: Any, compute: Callable[[Any], Any]) -> Any:
    """Return *compute* of a number, or of a Quantity's value in its unit."""
    if type(value) is not Quantity:
        return compute(value)
    result = compute(value.value)
    return None if result is None else value.with_value(decimal_from(result))


def _whole(value: Any, rounding: str) -> Any:
    return _on_value(value, lambda number: int(decimal_from(number).to_integral_value(rounding)))


@scalar("abs", NUMERIC, _SAME)
def abs_(value: Any) -> Any:
    """Return the value without its sign."""
    return _on_value(value, abs)


@scalar("ceiling", NUMERIC, _SAME)
def ceiling(value: Any) -> Any:
    """Return the smallest Integer that is not smaller."""
    return _whole(value, ROUND_CEILING)


@scalar("floor", NUMERIC, _SAME)
def floor(value: Any) -> Any:
    """Return the greatest Integer that is not greater."""
    return _whole(value, ROUND_FLOOR)


@scalar("truncate", NUMERIC, _SAME)
def truncate(value: Any) -> Any:
    """Return the value without its fraction."""
    return _on_value(value, int)


@scalar("round", NUMERIC, _SAME, INTEGER, optional=1)
def round_(value: Any, digits: int = 0) -> Any:
    """Return the value rounded to *digits* digits after the point, halves away from zero.

    Raises:
        FhirPathEvaluationError: *digits* is negative.
    """
    if digits < 0:
        raise FhirPathEvaluationError(f"round() expected a precision of 0 or more, found {digits}")
    return _on_value(value, lambda number: rounded(decimal_from(number), digits))


@scalar("exp", DECIMAL, plans.DECIMAL)
def exp(number: Any) -> Decimal | None:
    """Return e to the power of *number*; None where that is too large."""
    return _computed(lambda: decimal_from(number).exp())


@scalar("ln", DECIMAL, plans.DECIMAL)
def ln(number: Any) -> Decimal | None:
    """Return the natural logarithm; None for a number that has none."""
    return decimal_from(number).ln() if number > 0 else None


@scalar("log", DECIMAL, plans.DECIMAL, DECIMAL)
def log(number: Any, base: Any) -> Decimal | None:
    """Return the logarithm to *base*; None for a number or base that has none."""
    if number <= 0 or base <= 0 or base == 1:
        return None
    quotient = decimal_from(number).ln() / decimal_from(base).ln()
    return _shortened(quotient)


@scalar("power", DECIMAL, _SAME, DECIMAL)
def power(number: Any, exponent: Any) -> Any:
    """Return *number* to the power of *exponent*; None where that is no real number, or too large."""
    if number < 0 and exponent != int(exponent):
        return None
    result = _computed(lambda: decimal_from(number) ** decimal_from(exponent))
    if result is None or Decimal in (type(number), type(exponent)) or exponent < 0:
        return result
    return int(result) if abs(result) < _INTEGER_LIMIT else None


@scalar("sqrt", DECIMAL, plans.DECIMAL)
def sqrt(number: Any) -> Decimal | None:
    """Return the square root; None for a negative number."""
    return decimal_from(number).sqrt() if number >= 0 else None


def _computed(work: Callable[[], Decimal]) -> Decimal | None:
    try:
        return work()
    except (InvalidOperation, Overflow):
        return None


def _shortened(number: Decimal) -> Decimal:
    """Return *number* without the error that dividing two logarithms leaves in its last digits."""
    near = number.quantize(Decimal(1).scaleb(-20))
    return near.normalize() if near == near.to_integral_value() else number


# -- boundaries and precision


@scalar("lowBoundary", BOUNDED, _SAME, INTEGER, optional=1)
def low_boundary(value: Any, digits: int | None = None) -> Any:
    """Return the least value that *value* may stand for; None for a precision that is not possible."""
    return _boundary(value, digits, is_high=False)


@scalar("highBoundary", BOUNDED, _SAME, INTEGER, optional=1)
def high_boundary(value: Any, digits: int | None = None) -> Any:
    """Return the greatest value that *value* may stand for; None for a precision that is not possible."""
    return _boundary(value, digits, is_high=True)


@scalar("precision", BOUNDED, plans.INTEGER)
def precision(value: Any) -> int:
    """Return the digits after the point of a number, or all digits of a time."""
    if isinstance(value, Temporal):
        return digits_of(value)
    return decimals(value.value if type(value) is Quantity else value)


def _boundary(value: Any, digits: int | None, *, is_high: bool) -> Any:
    if isinstance(value, Temporal):
        return boundary(value, digits, is_high=is_high)
    places = _DEFAULT_DIGITS if digits is None else digits
    if not 0 <= places <= _MAX_DIGITS:
        return None
    return _on_value(value, lambda number: _decimal_boundary(decimal_from(number), places, is_high=is_high))


def _decimal_boundary(number: Decimal, places: int, *, is_high: bool) -> Decimal:
    if number and number.adjusted() < -places:
        # no digit of the number is left at this precision: the official suite has 0 then
        return Decimal(0).quantize(_ONE.scaleb(-places)).copy_sign(number)
    half = _HALF.scaleb(-decimals(number))
    return rounded(number + half if is_high else number - half, places, ROUND_CEILING if is_high else ROUND_FLOOR)
