"""Date parameters: everything is an interval.

Spec: https://hl7.org/fhir/R4/search.html#date
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

from fhir_api.model.dates import EARLIEST, LATEST, Interval, interval
from fhir_api.search.entries import DateEntry, new_entry
from fhir_api.search.query import DateValue, Parameter, Prefix
from fhir_api.search.types.escapes import unescape
from fhir_api.search.types.reading import Reading, malformed, split_prefix

Add = Callable[[DateEntry], None]

_TENTH = 10
_IN_SECONDS = re.compile(r"[0-9]{4}-..-..T........(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])")
"""What ``datetime.fromisoformat`` may be given: it takes more than FHIR does."""


@lru_cache(maxsize=4096)
def span(text: str, zone: tzinfo = UTC) -> Interval:
    """Return :func:`fhir_api.model.dates.interval`, faster: what a bundle says once it says often.

    Raises:
        ValueError: *text* is no date.
    """
    if _IN_SECONDS.fullmatch(text):
        try:
            low = int(datetime.fromisoformat(text).timestamp()) * 1000
        except ValueError:  # a leap second, 24:00, or no date at all
            return interval(text, zone)
        return Interval(low, low + 1000)
    return interval(text, zone)


def moment(add: Add, key: int, value: str, zone: tzinfo = UTC) -> None:
    """Add a date, dateTime or instant."""
    low, high = span(value, zone)
    add(new_entry(DateEntry, (key, low, high)))


def period(add: Add, key: int, value: dict[str, Any], zone: tzinfo = UTC) -> None:
    """Add a Period; an end that is not given is open. One without both ends says nothing."""
    start, end = value.get("start"), value.get("end")
    if start is not None or end is not None:
        low = EARLIEST if start is None else span(start, zone).low
        high = LATEST if end is None else span(end, zone).high
        add(new_entry(DateEntry, (key, low, high)))


def timing(add: Add, key: int, value: dict[str, Any], zone: tzinfo = UTC) -> None:
    """Add the outer limits of a Timing: its events and the period that bounds its repetition."""
    found: list[DateEntry] = []
    for event in value.get("event") or ():
        if event is not None:
            moment(found.append, key, event, zone)
    bounds = (value.get("repeat") or {}).get("boundsPeriod")
    if bounds:
        period(found.append, key, bounds, zone)
    if found:
        add(new_entry(DateEntry, (key, min(entry.low for entry in found), max(entry.high for entry in found))))


LEAVES: dict[str, Callable[..., None]] = {
    **dict.fromkeys(("date", "dateTime", "instant"), moment),
    "Period": period,
    "Timing": timing,
}
"""What each FHIR type puts into the index."""


def parse(parameter: Parameter, text: str, reading: Reading, modifier: str | None = None) -> DateValue:
    """Read ``[prefix]date``; ``ap`` widens the range by a tenth of its distance from now.

    Raises:
        FhirError: MALFORMED when it is no date.
    """
    # a '+' that was not percent-encoded arrives as a blank
    prefix, date = split_prefix(unescape(text).strip().replace(" ", "+"))
    try:
        low, high = interval(date if date.isascii() else "", reading.zone)
    except ValueError:
        raise malformed(parameter, "a date such as '2026', '2026-11-23' or 'ge2026-11-23T08:00:00Z'") from None
    if prefix is Prefix.AP:
        distance = max(reading.now - high, low - reading.now, 0) // _TENTH
        low, high = low - distance, high + distance
    return DateValue(prefix, low, high)


def matches(entry: DateEntry, value: DateValue, modifier: str | None = None) -> bool:
    """Tell whether the interval of an entry stands to the range of *value* as its prefix says."""
    return compare(entry.low, entry.high, value)


def compare(low: int, high: int, value: DateValue) -> bool:
    """Compare the interval ``[low, high)`` with the range of *value*.

    ``ge`` and ``le`` hold as soon as some instant of the interval is not before, or not after, the range: "the range
    above the value" is "the specified value and up" (https://hl7.org/fhir/R4/search.html#prefix).
    """
    match value.prefix:
        case Prefix.NE:
            return not (value.low <= low and high <= value.high)
        case Prefix.GT:
            return high > value.high
        case Prefix.LT:
            return low < value.low
        case Prefix.GE:
            return high > value.low
        case Prefix.LE:
            return low < value.high
        case Prefix.SA:
            return low >= value.high
        case Prefix.EB:
            return high <= value.low
        case Prefix.AP:
            return low < value.high and high > value.low
        case _:
            return value.low <= low and high <= value.high
