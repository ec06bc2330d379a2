"""The ends of the span that an imprecise time means, and how many digits a time has.

Spec: https://hl7.org/fhirpath/#boundary-functions
"""

from __future__ import annotations

from calendar import monthrange
from typing import Final

from fhir_api.fhirpath.temporal import Date, Precision, Temporal, Time

_DATE_DIGITS: Final = {4: 1, 6: 2, 8: 3}
_DATE_TIME_DIGITS: Final = _DATE_DIGITS | {10: 4, 12: 5, 14: 6, 17: 7}
_TIME_DIGITS: Final = {2: 1, 4: 2, 6: 3, 9: 4}
_FINEST_DATE: Final = 8
_FINEST_DATE_TIME: Final = 17
_FINEST_TIME: Final = 9
_EARLIEST_ZONE: Final = 14 * 60
_LATEST_ZONE: Final = -12 * 60


def boundary(time: Temporal, digits: int | None, *, is_high: bool) -> Temporal | None:
    """Return the first or last time that *time* may mean, written with *digits* digits; None for other precisions.

    A DateTime without a zone gets the zone in which it is earliest or latest.

    Spec: https://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time
    """
    if type(time) is Time:
        count = _TIME_DIGITS.get(_FINEST_TIME if digits is None else digits)
        return None if count is None else _cut(_filled_time(time, time.fields, is_high), Time, count, None)
    precisions, finest = (_DATE_DIGITS, _FINEST_DATE) if type(time) is Date else (_DATE_TIME_DIGITS, _FINEST_DATE_TIME)
    count = precisions.get(finest if digits is None else digits)
    if count is None:
        return None
    day = _filled_date(time.fields, is_high)
    clock = time.fields[Precision.DAY :]
    if len(time.fields) == Precision.HOUR:
        # FHIR writes no hour without its minute, so an hour alone is that hour's first minute
        clock = (*clock, 0)
    zone = time.offset if time.offset is not None else _LATEST_ZONE if is_high else _EARLIEST_ZONE
    filled = (*day, *_filled_time(time, clock, is_high))
    return _cut(filled, type(time), count, zone if count > Precision.DAY else None)


def _filled_date(fields: tuple[int, ...], is_high: bool) -> tuple[int, int, int]:
    year = fields[0]
    month = fields[1] if len(fields) >= Precision.MONTH else 12 if is_high else 1
    if len(fields) >= Precision.DAY:
        return year, month, fields[2]
    return year, month, monthrange(year, month)[1] if is_high else 1


def _filled_time(time: Temporal, fields: tuple[int, ...], is_high: bool) -> tuple[int, ...]:
    fraction = f"{time.fraction:9<3.3}" if is_high else f"{time.fraction:0<3.3}"
    missing = (23, 59, 59) if is_high else (0, 0, 0)
    return (*fields, *missing[len(fields) :], int(fraction))


def _cut(fields: tuple[int, ...], kind: type[Temporal], count: int, zone: int | None) -> Temporal:
    if count == (4 if kind is Time else 7):
        return kind(fields[:-1], f"{fields[-1]:03}", zone)
    return kind(fields[:count], "", zone)


def digits_of(time: Temporal) -> int:
    """Return how many digits a time is written with: 4 for a year, 17 for a DateTime with milliseconds."""
    count = 2 * len(time.fields) + (0 if type(time) is Time else 2)
    return count + 3 if time.fraction else count
