"""Number parameters, and the reading of numbers that quantities share.

Spec: https://hl7.org/fhir/R4/search.html#number
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from fhir_api.search.entries import NumberEntry, new_entry
from fhir_api.search.query import NumberValue, Parameter, Prefix
from fhir_api.search.types.ranges import range_
from fhir_api.search.types.reading import Reading, malformed, split_prefix

Add = Callable[[NumberEntry], None]

_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_ONE_DIGIT = re.compile(r"[+-]?[0-9][eE].*", re.ASCII)
_HALF = Decimal("0.5")
_APPROXIMATELY = Decimal("0.1")


def number(add: Add, key: int, value: float) -> None:
    """Add a number."""
    add(new_entry(NumberEntry, (key, value)))


LEAVES: dict[str, Callable[..., None]] = {
    **dict.fromkeys(("decimal", "integer", "positiveInt", "unsignedInt"), number),
    "Range": range_,
}
"""What each FHIR type puts into the index."""


def parse(parameter: Parameter, text: str, reading: Reading, modifier: str | None = None) -> NumberValue:
    """Read ``[prefix]number``.

    Raises:
        FhirError: MALFORMED when it is no number.
    """
    return read_number(parameter, text)


def read_number(parameter: Parameter, text: str) -> NumberValue:
    """Return the number with the range that its digits imply: half of the last place to either side.

    A single digit with an exponent counts as one with a decimal after it: the specification reads ``1e2`` as
    ``[95, 105)`` (https://hl7.org/fhir/R4/search.html#number).

    Raises:
        FhirError: MALFORMED when it is no number.
    """
    prefix, digits = split_prefix(text.strip())
    if _NUMBER.fullmatch(digits) is None:
        raise malformed(parameter, "a number such as '5.4', '1e2' or 'gt100'")
    value = Decimal(digits)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and _ONE_DIGIT.fullmatch(digits) is not None:
        exponent -= 1
    half = _HALF.scaleb(exponent) if isinstance(exponent, int) else Decimal(0)
    if prefix is Prefix.AP:
        half = max(half, abs(value) * _APPROXIMATELY)
    return NumberValue(prefix, float(value), float(value - half), float(value + half))


def matches(entry: NumberEntry, value: NumberValue, modifier: str | None = None) -> bool:
    """Tell whether a number is what *value* asks for."""
    return compare(entry.value, value)


def compare(number: float, value: NumberValue) -> bool:
    """Compare a number: ``eq``, ``ne`` and ``ap`` with the implied range, the others with the exact value."""
    match value.prefix:
        case Prefix.NE:
            return not value.low <= number < value.high
        case Prefix.GT | Prefix.SA:
            return number > value.value
        case Prefix.LT | Prefix.EB:
            return number < value.value
        case Prefix.GE:
            return number >= value.value
        case Prefix.LE:
            return number <= value.value
        case Prefix.AP:
            return value.low <= number <= value.high
        case _:
            return value.low <= number < value.high
