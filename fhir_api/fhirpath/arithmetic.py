"""The operators ``+ - * / div mod &`` on System values.

Spec: https://hl7.org/fhirpath/N1/#math
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation, Overflow
from typing import Any, Final

from fhir_api.fhirpath import quantity as quantities
from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.numbers import decimal_from, decimal_from_fraction
from fhir_api.fhirpath.quantity import Quantity
from fhir_api.fhirpath.temporal import Temporal
from fhir_api.fhirpath.temporal_arithmetic import shifted
from fhir_api.fhirpath.values import Long, kind_name

Number = int | Decimal
MAX_TEXT: Final = 10_000_000
"""How long a joined text may be: an aggregate can double it with each item."""
_INTEGER_LIMIT: Final = 2**31
_LONG_LIMIT: Final = 2**63


def add(left: Any, right: Any) -> Any:
    """Return the sum, a joined text, or a time moved by a Quantity; None on overflow."""
    if type(left) is str and type(right) is str:
        return joined(left, right)
    if isinstance(left, Temporal) and type(right) is Quantity:
        return shifted(left, right, 1)
    return _of_numbers("+", left, right, lambda one, other: one + other, _added)


def joined(left: str, right: str) -> str:
    """Return both texts in one.

    Raises:
        FhirPathEvaluationError: it would be longer than ``MAX_TEXT``.
    """
    if len(left) + len(right) > MAX_TEXT:
        raise FhirPathEvaluationError(f"A text cannot be longer than {MAX_TEXT} characters")
    return left + right


def subtract(left: Any, right: Any) -> Any:
    """Return the difference, or a time moved back by a Quantity; None on overflow."""
    if isinstance(left, Temporal) and type(right) is Quantity:
        return shifted(left, right, -1)
    return _of_numbers("-", left, right, lambda one, other: one - other, _subtracted)


def multiply(left: Any, right: Any) -> Any:
    """Return the product; None on overflow."""
    return _of_numbers("*", left, right, lambda one, other: one * other, quantities.multiply)


def divide(left: Any, right: Any) -> Any:
    """Return the quotient, always a Decimal or Quantity; None for a division by zero."""

    def quotient(one: Number, other: Number) -> Number | None:
        return decimal_from(one) / decimal_from(other) if other else None

    return _of_numbers("/", left, right, quotient, quantities.divide)


def div(left: Any, right: Any) -> Any:
    """Return the quotient without its fraction; None for a division by zero."""

    def quotient(one: Number, other: Number) -> Number | None:
        return int(decimal_from(one) / decimal_from(other)) if other else None

    return _of_numbers("div", left, right, quotient, None)


def mod(left: Any, right: Any) -> Any:
    """Return what ``div`` leaves, with the sign of *left*; None for a division by zero."""

    def remainder(one: Number, other: Number) -> Number | None:
        if not other:
            return None
        rest = decimal_from(one) % decimal_from(other)
        return rest if Decimal in (type(one), type(other)) else int(rest)

    return _of_numbers("mod", left, right, remainder, None)


def negate(value: Any) -> Any:
    """Return the number or Quantity with the other sign.

    Raises:
        FhirPathEvaluationError: it is neither.
    """
    if type(value) is Quantity:
        return value.with_value(-value.value)
    if type(value) in _NUMBERS:
        return Long(-value) if type(value) is Long else -value
    raise FhirPathEvaluationError(f"Expected a number or a Quantity after '-', found {kind_name(value)}")


_NUMBERS: Final = frozenset({int, Decimal, Long})

OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "div": div,
    "mod": mod,
}
"""The arithmetic operators; each gives None where the result is empty."""


def _of_numbers(
    operator: str,
    left: Any,
    right: Any,
    of_numbers: Callable[[Number, Number], Number | None],
    of_quantities: Callable[[Quantity, Quantity], Quantity | None] | None,
) -> Any:
    one, other = type(left), type(right)
    try:
        if one in _NUMBERS and other in _NUMBERS:
            if Long in (one, other):
                return _within(of_numbers(left, right), _LONG_LIMIT, Long)
            return _within(of_numbers(left, right), _INTEGER_LIMIT, int)
        if of_quantities is not None and (one is Quantity or other is Quantity):
            pair = _as_quantity(left), _as_quantity(right)
            if pair[0] is not None and pair[1] is not None:
                return of_quantities(pair[0], pair[1])
    except (InvalidOperation, Overflow):
        return None
    raise FhirPathEvaluationError(f"'{operator}' is not defined for {kind_name(left)} and {kind_name(right)}")


def _within(number: Number | None, limit: int, kind: type[int]) -> Number | None:
    if number is None or isinstance(number, Decimal):
        return number
    return kind(number) if -limit <= number < limit else None


def _as_quantity(value: Any) -> Quantity | None:
    if type(value) is Quantity:
        return value
    return Quantity(decimal_from(value)) if type(value) in _NUMBERS else None


def _added(left: Quantity, right: Quantity) -> Quantity | None:
    return _combined(left, right, 1)


def _subtracted(left: Quantity, right: Quantity) -> Quantity | None:
    return _combined(left, right, -1)


def _combined(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    if quantities.has_same_unit(left, right):
        return left.with_value(left.value + sign * right.value)
    pair = quantities.common(left.with_value(Decimal(1)), right)
    if pair is None:
        return None
    one, other = pair
    return left.with_value(left.value + sign * decimal_from_fraction(other / one))
