"""Date, DateTime and Time with the precision they were written in.

Spec: https://hl7.org/fhirpath/N1/#date, https://hl7.org/fhirpath/N1/#datetime-equality
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Final, Self

_DATE_TIME: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(T(?:(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(Z|[+-]\d\d:\d\d)?)?)?"
)
_TIME: Final = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?")
_LIMITS: Final = ((0, 23), (0, 59), (0, 60))
_MONTHS: Final = 12
_MAX_OFFSET: Final = 14 * 60
_CERTAIN: Final = timedelta(hours=14)
"""Zones lie between -12:00 and +14:00, so a farther distance is sure without knowing the zone."""


class Precision(IntEnum):
    """How many fields a Date or DateTime has."""

    YEAR = 1
    MONTH = 2
    DAY = 3
    HOUR = 4
    MINUTE = 5
    SECOND = 6


@dataclass(frozen=True, eq=False)
class Temporal:
    """A point in time, as precise as it was written.

    Attributes:
        fields: year, month, day, hour, minute, second (a Time: hour, minute, second), as many as there are.
        fraction: the digits after the second, empty where there are none.
        offset: minutes east of UTC, None where no zone was written.
    """

    fields: tuple[int, ...]
    fraction: str = ""
    offset: int | None = None

    @cached_property
    def local(self) -> tuple[int | Decimal, ...]:
        """The fields with the fraction inside the second."""
        if not self.fraction:
            return self.fields
        return (*self.fields[:-1], self.fields[-1] + Decimal(f"0.{self.fraction}"))

    @cached_property
    def utc(self) -> tuple[int | Decimal, ...]:
        """The fields in UTC; equal to *local* where no zone is known."""
        if not self.offset:
            return self.local
        moved = self.start() - timedelta(minutes=self.offset)
        whole = (moved.year, moved.month, moved.day, moved.hour, moved.minute)
        return (*whole, self.local[-1]) if len(self.fields) == Precision.SECOND else whole

    def start(self) -> datetime:
        """Return the first instant it may mean, in its own zone and without it."""
        year, month, day = (*self.fields[: Precision.DAY], 1, 1)[: Precision.DAY]
        hour, minute, second = (*self.fields[Precision.DAY :], 0, 0, 0)[:3]
        moment = datetime(year, month, day, hour, minute, min(second, 59))  # noqa: DTZ001 - the zone is in *offset*
        return moment + timedelta(seconds=second - min(second, 59), microseconds=int(f"{self.fraction:0<6.6}"))

    def with_fields(self, fields: tuple[int, ...], fraction: str | None = None) -> Self:
        """Return the same kind of value, in the same zone, at other fields."""
        return type(self)(fields, self.fraction if fraction is None else fraction, self.offset)

    def date_text(self) -> str:
        """Return the date part."""
        return "-".join(f"{field:0{width}}" for field, width in zip(self.fields, (4, 2, 2), strict=False))

    def time_text(self, fields: tuple[int, ...]) -> str:
        """Return hour, minute and second as text."""
        return ":".join(f"{field:02}" for field in fields) + (f".{self.fraction}" if self.fraction else "")


class Date(Temporal):
    """A date."""

    def __str__(self) -> str:
        return self.date_text()


class DateTime(Temporal):
    """A date with a time, of which any part from the right may be missing."""

    def __str__(self) -> str:
        time = self.fields[Precision.DAY :]
        if not time:
            return self.date_text()
        return f"{self.date_text()}T{self.time_text(time)}{_offset_text(self.offset)}"


class Time(Temporal):
    """A time of day."""

    def __str__(self) -> str:
        return self.time_text(self.fields)


@lru_cache(maxsize=8192)
def parse_date(text: str) -> Date | None:
    """Return the Date that *text* is, None where it is none."""
    parsed = parse_date_time(text)
    return Date(parsed.fields) if parsed is not None and "T" not in text else None


@lru_cache(maxsize=8192)
def parse_date_time(text: str) -> DateTime | None:
    """Return the DateTime that *text* is, None where it is none."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, _, hour, minute, second, fraction, zone = match.groups()
    if hour and not day:
        return None
    fields = tuple(int(field) for field in (year, month, day, hour, minute, second) if field is not None)
    offset = _offset(zone)
    if not _is_date(fields[: Precision.DAY]) or not _is_time(fields[Precision.DAY :]) or abs(offset or 0) > _MAX_OFFSET:
        return None
    return DateTime(fields, fraction or "", offset)


@lru_cache(maxsize=1024)
def parse_time(text: str) -> Time | None:
    """Return the Time that *text* is, None where it is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    *whole, fraction = match.groups()
    fields = tuple(int(field) for field in whole if field is not None)
    return Time(fields, fraction or "") if _is_time(fields) else None


def from_datetime(moment: datetime) -> DateTime:
    """Return an aware ``datetime`` as a DateTime with milliseconds."""
    offset = moment.utcoffset() or timedelta()
    fields = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    return DateTime(fields, f"{moment.microsecond // 1000:03}", offset // timedelta(minutes=1))


def compare(left: Temporal, right: Temporal) -> int | None:
    """Return -1, 0 or 1, or None where the precision or a missing zone leaves it open.

    Spec: https://hl7.org/fhirpath/N1/#comparison
    """
    timed = len(left.fields) > Precision.DAY and len(right.fields) > Precision.DAY
    if timed and (left.offset is None) != (right.offset is None):
        return _compare_across_zones(left, right)
    pairs = zip(left.utc, right.utc, strict=False) if timed else zip(left.local, right.local, strict=False)
    for one, other in pairs:
        if one != other:
            return -1 if one < other else 1
    return 0 if len(left.fields) == len(right.fields) else None


def equivalent(left: Temporal, right: Temporal) -> bool:
    """Tell whether both have the same precision and are the same time."""
    return len(left.fields) == len(right.fields) and compare(left, right) == 0


def _compare_across_zones(left: Temporal, right: Temporal) -> int | None:
    shift = timedelta(minutes=(left.offset or 0) + (right.offset or 0))
    distance = left.start() - right.start() + (-shift if left.offset is not None else shift)
    if abs(distance) <= _CERTAIN + timedelta(hours=1):
        return None
    return -1 if distance < timedelta() else 1


def _is_date(fields: tuple[int, ...]) -> bool:
    year, month, day = (*fields, 1, 1)[: Precision.DAY]
    return year > 0 and 1 <= month <= _MONTHS and 1 <= day <= monthrange(year, month)[1]


def _is_time(fields: tuple[int, ...]) -> bool:
    return all(low <= field <= high for field, (low, high) in zip(fields, _LIMITS, strict=False))


def _offset(zone: str | None) -> int | None:
    if not zone:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _offset_text(offset: int | None) -> str:
    if offset is None:
        return ""
    if offset == 0:
        return "Z"
    sign = "-" if offset < 0 else "+"
    return f"{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
