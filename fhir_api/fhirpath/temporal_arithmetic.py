"""Times moved by a Quantity.

Spec: https://hl7.org/fhirpath/N1/#datetime-arithmetic
"""

from __future__ import annotations

from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, timedelta
from fractions import Fraction
from typing import Final

from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.quantity import CALENDAR_UNITS, Quantity
from fhir_api.fhirpath.temporal import Precision, Temporal, Time

_UCUM_UNITS: Final = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
_MILLISECONDS: Final = {
    "year": 365 * 86_400_000,
    "month": 30 * 86_400_000,
    "week": 7 * 86_400_000,
    "day": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1000,
    "millisecond": 1,
}
_FIELD_UNITS: Final = ("year", "month", "day", "hour", "minute", "second")
_DAY: Final = _MILLISECONDS["day"]


def shifted(time: Temporal, quantity: Quantity, sign: int) -> Temporal | None:
    """Return *time* moved by *quantity*, as precise as it was; None beyond the years 1 to 9999.

    The fraction of the quantity does not count, and a unit finer than the time's precision is converted to it.

    Raises:
        FhirPathEvaluationError: the quantity has no unit of time with a length that the operation is defined for.
    """
    unit = CALENDAR_UNITS.get(quantity.unit) or _UCUM_UNITS.get(quantity.unit)
    if unit is None:
        raise FhirPathEvaluationError(
            "Expected a calendar unit or one of 'wk' 'd' 'h' 'min' 's' 'ms' to move a time by"
        )
    amount = sign * int(quantity.value)
    try:
        if type(time) is Time:
            return _time_shifted(time, amount * _MILLISECONDS[unit])
        if unit in ("year", "month"):
            return _months_shifted(time, amount * 12 if unit == "year" else amount)
        return _milliseconds_shifted(time, amount * _MILLISECONDS[unit])
    except (OverflowError, ValueError):
        return None


def _time_shifted(time: Time, milliseconds: int) -> Time:
    fields = (*time.fields, 0, 0)[:3]
    start = (fields[0] * 3600 + fields[1] * 60 + fields[2]) * 1000 + int(f"{time.fraction:0<3.3}")
    seconds, rest = divmod((start + milliseconds) % _DAY, 1000)
    moved = (seconds // 3600, seconds // 60 % 60, seconds % 60)
    return time.with_fields(moved[: len(time.fields)], _fraction(time, rest))


def _months_shifted(time: Temporal, months: int) -> Temporal | None:
    if len(time.fields) == Precision.YEAR:
        year = time.fields[0] + int(Fraction(months, 12))
        return time.with_fields((year,)) if MINYEAR <= year <= MAXYEAR else None
    year, month = divmod(time.fields[0] * 12 + time.fields[1] - 1 + months, 12)
    if not MINYEAR <= year <= MAXYEAR:
        return None
    rest = time.fields[2:]
    if rest:
        rest = (min(rest[0], monthrange(year, month + 1)[1]), *rest[1:])
    return time.with_fields((year, month + 1, *rest))


def _milliseconds_shifted(time: Temporal, milliseconds: int) -> Temporal | None:
    precision = len(time.fields)
    amount = int(Fraction(milliseconds, _MILLISECONDS[_FIELD_UNITS[precision - 1]]))
    if precision <= Precision.MONTH:
        return _months_shifted(time, amount * 12 if precision == Precision.YEAR else amount)
    if precision < Precision.SECOND:
        milliseconds = amount * _MILLISECONDS[_FIELD_UNITS[precision - 1]]
    moved = time.start() + timedelta(milliseconds=milliseconds)
    fields = (moved.year, moved.month, moved.day, moved.hour, moved.minute, moved.second)
    return time.with_fields(fields[:precision], _fraction(time, moved.microsecond // 1000))


def _fraction(time: Temporal, milliseconds: int) -> str:
    if not time.fraction:
        return f"{milliseconds:03}" if milliseconds else ""
    return f"{milliseconds:03}{time.fraction[3:]}"[: max(len(time.fraction), 3)]
