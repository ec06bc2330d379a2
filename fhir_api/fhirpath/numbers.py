"""Decimals: from JSON, their precision, equivalence and text.

Spec: https://hl7.org/fhirpath/N1/#decimal
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any, Final

_WIDE: Final = Context(prec=64)
"""Rounding never loses digits before the point."""


def decimal_from(number: Any) -> Decimal:
    """Return a JSON number as a Decimal; a float gets the digits that print it."""
    if type(number) is Decimal:
        return number
    return Decimal(repr(number) if type(number) is float else number)


def decimal_from_fraction(number: Fraction) -> Decimal:
    """Return *number* in at most 28 digits, without zeros at the end."""
    value = (Decimal(number.numerator) / Decimal(number.denominator)).normalize()
    return value if int(value.as_tuple().exponent) <= 0 else value.quantize(Decimal(1))


def decimals(number: Decimal | int) -> int:
    """Return how many digits stand after the point."""
    return max(0, -int(number.as_tuple().exponent)) if isinstance(number, Decimal) else 0


def decimal_equivalent(left: Decimal | int, right: Decimal | int) -> bool:
    """Tell whether both are equal at the precision of the less precise one; zeros at the end do not count."""
    one, other = decimal_from(left), decimal_from(right)
    digits = min(decimals(one.normalize()), decimals(other.normalize()))
    return rounded(one, digits) == rounded(other, digits)


def rounded(number: Decimal, digits: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    """Return *number* with *digits* digits after the point; one too large to have them stays as it is."""
    if number.adjusted() + digits >= _WIDE.prec:
        return number
    return number.quantize(Decimal(1).scaleb(-digits), rounding, _WIDE)


def decimal_text(number: Decimal) -> str:
    """Return *number* without an exponent."""
    return f"{number:f}"
