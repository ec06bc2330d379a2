"""Times moved by a Quantity, and the ends of the span that an imprecise time means.

Spec: https://hl7.org/fhirpath/N1/#datetime-arithmetic
"""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.quantity import CALENDAR_UNITS, Quantity
from fhir_api.fhirpath.temporal import Date, Temporal, Time

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
        raise FhirPathEvaluationError("Expected a calendar unit or one of 'wk' 'd' 'h' 'min' 's' 'ms' to move a time by")
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
    if len(time.fields) == 1:
        return _in_years(time.with_fields((time.fields[0] + int(Fraction(months, 12)),)))
    year, month = divmod(time.fields[0] * 12 + time.fields[1] - 1 + months, 12)
    if not 1 <= year <= 9999:
        return None
    rest = time.fields[2:]
    if rest:
        rest = (min(rest[0], monthrange(year, month + 1)[1]), *rest[1:])
    return time.with_fields((year, month + 1, *rest))


def _milliseconds_shifted(time: Temporal, milliseconds: int) -> Temporal | None:
    precision = len(time.fields)
    amount = int(Fraction(milliseconds, _MILLISECONDS[_FIELD_UNITS[precision - 1]]))
    if precision <= 2:
        return _months_shifted(time, amount * 12 if precision == 1 else amount)
    if precision < 6:
        milliseconds = amount * _MILLISECONDS[_FIELD_UNITS[precision - 1]]
    moved = time.start() + timedelta(milliseconds=milliseconds)
    fields = (moved.year, moved.month, moved.day, moved.hour, moved.minute, moved.second)
    return time.with_fields(fields[:precision], _fraction(time, moved.microsecond // 1000))


def _fraction(time: Temporal, milliseconds: int) -> str:
    if not time.fraction:
        return f"{milliseconds:03}" if milliseconds else ""
    return f"{milliseconds:03}{time.fraction[3:]}"[: max(len(time.fraction), 3)]


def _in_years(time: Temporal) -> Temporal | None:
    return time if 1 <= time.fields[0] <= 9999 else None


# -- boundaries

_DATE_DIGITS: Final = {4: 1, 6: 2, 8: 3}
_DATE_TIME_DIGITS: Final = _DATE_DIGITS | {10: 4, 12: 5, 14: 6, 17: 7}
_TIME_DIGITS: Final = {2: 1, 4: 2, 6: 3, 9: 4}
_EARLIEST_ZONE: Final = 14 * 60
_LATEST_ZONE: Final = -12 * 60


def boundary(time: Temporal, digits: int | None, *, is_high: bool) -> Temporal | None:
    """Return the first or last time that *time* may mean, written with *digits* digits; None for other precisions.

    A DateTime without a zone gets the zone in which it is earliest or latest.

    Spec: https://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time
    """
    if type(time) is Time:
        count = _TIME_DIGITS.get(9 if digits is None else digits)
        return None if count is None else _cut(_filled_time(time, time.fields, is_high), Time, count, None)
    precisions, finest = (_DATE_DIGITS, 8) if type(time) is Date else (_DATE_TIME_DIGITS, 17)
    count = precisions.get(finest if digits is None else digits)
    if count is None:
        return None
    fields = time.fields
    if len(fields) == 4:
        # FHIR writes no hour without its minute, so an hour alone is that hour's first minute
        fields = (*fields, 0)
    fields = (*fields, 12 if is_high else 1) if len(fields) == 1 else fields
    fields = (*fields, monthrange(*fields)[1] if is_high else 1) if len(fields) == 2 else fields
    zone = time.offset if time.offset is not None else _LATEST_ZONE if is_high else _EARLIEST_ZONE
    filled = (*fields[:3], *_filled_time(time, fields[3:], is_high))
    return _cut(filled, type(time), count, zone if count > 3 else None)


def _filled_time(time: Temporal, fields: tuple[int, ...], is_high: bool) -> tuple[int, ...]:
    fraction = f"{time.fraction:9<3.3}" if is_high else f"{time.fraction:0<3.3}"
    missing = (23, 59, 59) if is_high else (0, 0, 0)
    return (*fields, *missing[len(fields) :], int(fraction))


def _cut(fields: tuple[int, ...], kind: type[Temporal], count: int, zone: int | None) -> Temporal:
    finest = 4 if kind is Time else 7
    if count == finest:
        return kind(fields[:-1], f"{fields[-1]:03}", zone)
    return kind(fields[:count], "", zone)


def digits_of(time: Temporal) -> int:
    """Return how many digits a time is written with: 4 for a year, 17 for a DateTime with milliseconds."""
    count = 2 * len(time.fields) + (0 if type(time) is Time else 2)
    return count + 3 if time.fraction else count


def at_start_of(moment: datetime) -> Date:
    """Return the date of *moment*."""
    return Date((moment.year, moment.month, moment.day))


