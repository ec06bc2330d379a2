"""Dates: each is the time from its first instant to the first instant after it.

Spec: https://hl7.org/fhir/R4/search.html#date, https://hl7.org/fhir/R4/search.html#prefix
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from fhir_api.fhirpath import Item

TYPES = frozenset({"date", "dateTime", "instant", "Period", "Timing"})
ALWAYS = datetime.min.replace(tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)

_DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(?P<fraction>\.\d{1,3})?)?)?)?)?(?P<zone>Z|[+-]\d\d:\d\d)?"
)


class Span(NamedTuple):
    """From *start* up to, and without, *end*."""

    start: datetime
    end: datetime


def span(text: str, zone: tzinfo) -> Span:
    """Return the time that a date means; *zone* is that of a date without one."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = (
        int(match[name] or least)
        for name, least in (("year", 1), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0))
    )
    start = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - local until the zone is known
    if match["fraction"]:
        start += timedelta(seconds=float(match["fraction"]))
        end = start + timedelta(seconds=10.0 ** (1 - len(match["fraction"])))
    elif match["second"]:
        end = start + timedelta(seconds=1)
    elif match["minute"]:
        end = start + timedelta(minutes=1)
    elif match["day"]:
        end = start + timedelta(days=1)
    elif match["month"]:
        end = start.replace(year=year + month // 12, month=month % 12 + 1)
    else:
        end = start.replace(year=year + 1)
    where = datetime.fromisoformat(f"2000-01-01T00:00{match['zone']}").tzinfo if match["zone"] else zone
    return Span(start.replace(tzinfo=where).astimezone(UTC), end.replace(tzinfo=where).astimezone(UTC))


def spans(item: Item, zone: tzinfo) -> list[Span]:
    """Return the times that an element means."""
    value = item.value
    if item.type in {"date", "dateTime", "instant"}:
        return [span(value, zone)] if value else []
    if item.type == "Period":
        start = span(value["start"], zone).start if "start" in value else ALWAYS
        end = span(value["end"], zone).end if "end" in value else FOREVER
        return [Span(start, end)] if {"start", "end"} & value.keys() else []
    if item.type == "Timing":
        inside = [span(event, zone) for event in value.get("event", ())]
        bounds = value.get("repeat", {}).get("boundsPeriod")
        inside += spans(Item(bounds, "Period"), zone) if bounds else []
        # only the outer limits count
        return [Span(min(each.start for each in inside), max(each.end for each in inside))] if inside else []
    return []


def holds(item: Item, prefix: str, text: str, zone: tzinfo) -> bool:
    """Tell whether an element is what a prefix and a date ask for."""
    search = span(text, zone)
    if prefix == "ap":
        now = datetime.now(UTC)
        distance = max(search.start - now, now - search.end, timedelta(0)) / 10
        search = Span(search.start - distance, search.end + distance)
    return any(_compare(prefix, search, target) for target in spans(item, zone))


def _compare(prefix: str, search: Span, target: Span) -> bool:
    contains = search.start <= target.start and target.end <= search.end
    match prefix:
        case "ne":
            return not contains
        case "gt":
            return target.end > search.end
        case "lt":
            return target.start < search.start
        case "ge":
            return target.end > search.start
        case "le":
            return target.start < search.end
        case "sa":
            return target.start >= search.end
        case "eb":
            return target.end <= search.start
        case "ap":
            return target.start < search.end and target.end > search.start
        case _:
            return contains
