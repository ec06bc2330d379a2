"""Dates with their precision: each is the interval of instants it may mean.

Intervals are half open, ``[low, high)``, in milliseconds since 1970 UTC. A date without a zone is read in the
server's stated zone.

Spec: https://hl7.org/fhir/R4/search.html#date
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

EARLIEST = -(2**62)
"""The low end of a period without a start."""
LATEST = 2**62
"""The high end of a period without an end."""

_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LARGEST_OFFSET, _LAST_MINUTE = 14, 59


class Interval(NamedTuple):
    """The instants a date may mean: ``low <= instant < high``, milliseconds since 1970 UTC."""

    low: int
    high: int


def interval(text: str, zone: tzinfo = UTC) -> Interval:
    """Return the interval that a ``date``, ``dateTime`` or ``instant`` covers.

    Raises:
        ValueError: *text* is none of them, or no such day or time exists.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date: {text[:40]!r}")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    place = _zone(offset) if offset else zone
    if hour is None:
        return _days(int(year), month, day, place)
    # a leap second counts as the one before it: the next would be another day
    seconds = 59 if second == "60" else int(second or 0)
    low = _milliseconds(datetime(int(year), int(month), int(day), int(hour), int(minute), seconds, tzinfo=place))
    if second is None:
        return Interval(low, low + 60_000)
    if fraction is None:
        return Interval(low, low + 1000)
    # finer than a millisecond is kept as the millisecond it falls into
    digits = fraction[:3]
    width = 10 ** (3 - len(digits))
    low += int(digits) * width
    return Interval(low, low + width)


def _days(year: int, month: str | None, day: str | None, zone: tzinfo) -> Interval:
    if month is None:
        first, last = datetime(year, 1, 1, tzinfo=zone), _midnight_after(year, 12, 31, zone)
    elif day is None:
        first = datetime(year, int(month), 1, tzinfo=zone)
        last = _midnight_after(year, int(month), monthrange(year, int(month))[1], zone)
    else:
        first, last = (
            datetime(year, int(month), int(day), tzinfo=zone),
            _midnight_after(year, int(month), int(day), zone),
        )
    return Interval(_milliseconds(first), last)


def _midnight_after(year: int, month: int, day: int, zone: tzinfo) -> int:
    """Return the end of a day; written without ``datetime`` beyond 9999-12-31, which it cannot hold."""
    if (year, month, day) == (9999, 12, 31):
        return _milliseconds(datetime(9999, 12, 31, tzinfo=zone)) + 86_400_000
    # a day on the wall, not 24 hours: it is longer or shorter when the clocks change
    return _milliseconds(datetime(year, month, day, tzinfo=zone) + timedelta(days=1))


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _zone(offset: str) -> tzinfo:
    if offset == "Z":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > _LARGEST_OFFSET or minutes > _LAST_MINUTE:
        raise ValueError(f"not a zone: {offset}")
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=hours, minutes=minutes))
