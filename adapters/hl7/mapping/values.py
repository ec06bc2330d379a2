"""HL7 v2 values as FHIR primitives: dates keep their precision, numbers their digits.

Spec: HL7 v2.8.2 chapter 2A (data types), https://hl7.org/fhir/R4/datatypes.html#primitive
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias
from xml.sax.saxutils import escape

Primitive: TypeAlias = "str | bool | int | Decimal"
Conversion = Callable[[str, tzinfo], "Primitive | None"]
"""From a v2 text and the sender's zone to the value; None where the text says none."""

_MOMENT = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)"
    r"(?:(?P<hour>\d\d)(?:(?P<minute>\d\d)(?:(?P<second>\d\d)(?P<fraction>\.\d{1,9})?)?)?)?)?)?"
    r"(?P<offset>[+-]\d{4})?"
)
_TIME = re.compile(r"(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,9})?)?)?(?:[+-]\d{4})?")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_CONTROLS = dict.fromkeys(set(range(32)) - {9, 10, 13})
"""Senders write two bytes for a character: ``\\X00E9\\`` has a NUL before it."""
_TRUE = frozenset({"Y", "YES", "1", "T", "TRUE"})
_FALSE = frozenset({"N", "NO", "0", "F", "FALSE"})
_CODE = re.compile(r"\S+(\s\S+)*")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_MONTH, _DAY = 6, 8


@lru_cache(maxsize=4096)
def date_time(text: str, zone: tzinfo) -> str | None:
    """Return a ``dateTime`` of the precision that was sent.

    A time has the offset that was sent, or else that of *zone* at that moment. FHIR knows no time without seconds:
    those that were not sent are zero.

    Spec: HL7 v2.8.2 2A.3.22 (DTM), https://hl7.org/fhir/R4/datatypes.html#dateTime
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        moment = datetime(  # noqa: DTZ001 - only asks whether the moment exists; the zone is added below
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), min(int(second or 0), 59)
        )
    except ValueError:
        return None
    if hour is None:
        return "-".join(part for part in (year, month, day) if part)
    shown = _offset(offset) if offset else _zone_offset(moment, zone)
    if shown is None:
        return None
    return f"{year}-{month}-{day}T{hour}:{minute or '00'}:{second or '00'}{fraction or ''}{shown}"


def _offset(text: str) -> str | None:
    hours, minutes = int(text[1:3]), int(text[3:5])
    if (hours, minutes) == (0, 0):
        return "Z"
    return f"{text[:3]}:{text[3:]}" if (hours < 14 and minutes < 60) or (hours, minutes) == (14, 0) else None  # noqa: PLR2004 - the widest offset there is


def _zone_offset(moment: datetime, zone: tzinfo) -> str:
    offset = moment.replace(tzinfo=zone).strftime("%z")
    return "Z" if offset in {"+0000", ""} else f"{offset[:3]}:{offset[3:5]}"


def date(text: str, zone: tzinfo) -> str | None:
    """Return a ``date`` of the precision that was sent; a time is left out."""
    found = date_time(text, zone)
    return None if found is None else found[:10]


def instant(text: str, zone: tzinfo) -> str | None:
    """Return an ``instant``; parts that were not sent are the first that may be.

    Spec: https://hl7.org/fhir/R4/datatypes.html#instant
    """
    digits = text.strip()
    if len(digits) < 9 and digits.isdecimal():  # noqa: PLR2004 - a date without time
        digits = f"{digits}0101"[: max(len(digits), _DAY)] if len(digits) == 4 else digits  # noqa: PLR2004 - a year
        digits = f"{digits}01" if len(digits) == _MONTH else digits
        digits += "000000"
    return date_time(digits, zone)


def time(text: str, _zone: tzinfo) -> str | None:
    """Return a ``time``.

    Spec: HL7 v2.8.2 2A.3.75 (TM), https://hl7.org/fhir/R4/datatypes.html#time
    """
    found = _TIME.fullmatch(text.strip())
    if found is None or int(found[1]) > 23 or int(found[2] or 0) > 59 or int(found[3] or 0) > 59:  # noqa: PLR2004 - a clock's
        return None
    return f"{found[1]}:{found[2] or '00'}:{found[3] or '00'}{found[4] or ''}"


def decimal(text: str, _zone: tzinfo) -> Decimal | None:
    """Return a number with the digits that were sent."""
    stripped = text.strip()
    if not _DECIMAL.fullmatch(stripped):
        return None
    try:
        return Decimal(stripped)
    except InvalidOperation:
        return None


def integer(text: str, zone: tzinfo) -> int | None:
    """Return a whole number."""
    found = decimal(text, zone)
    if found is None or found != found.to_integral_value() or abs(found) >= 2**31:
        return None
    return int(found)


def unsigned(text: str, zone: tzinfo) -> int | None:
    """Return a whole number of zero or more."""
    found = integer(text, zone)
    return found if found is not None and found >= 0 else None


def positive(text: str, zone: tzinfo) -> int | None:
    """Return a whole number of one or more."""
    found = integer(text, zone)
    return found if found is not None and found > 0 else None


def boolean(text: str, _zone: tzinfo) -> bool | None:
    """Return the truth of table 0136 (yes or no), and of what senders write instead."""
    word = text.strip().upper()
    return True if word in _TRUE else False if word in _FALSE else None


def string(text: str, _zone: tzinfo) -> str | None:
    """Return a text without the controls that FHIR has no room for; None for one of blanks only."""
    kept = text if text.isprintable() else text.translate(_CONTROLS)
    return kept if kept.strip() else None


def code(text: str, _zone: tzinfo) -> str | None:
    """Return a code; None for a text with other blanks than single ones between words."""
    stripped = text.strip()
    return stripped if _CODE.fullmatch(stripped) else None


def uri(text: str, _zone: tzinfo) -> str | None:
    """Return a URI; None for a text with blanks, which is none."""
    stripped = text.strip()
    return stripped if stripped and not any(character.isspace() for character in stripped) else None


def identifier(text: str, _zone: tzinfo) -> str | None:
    """Return an ``id``."""
    stripped = text.strip()
    return stripped if _ID.fullmatch(stripped) else None


def base64(text: str, _zone: tzinfo) -> str | None:
    """Return base64 without the blanks that senders break it with; None for what is none."""
    joined = "".join(text.split())
    return joined if joined and re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", joined) and not len(joined) % 4 else None


def xhtml(text: str, _zone: tzinfo) -> str | None:
    """Return a text as the ``div`` of a narrative; None for one of blanks only.

    Spec: https://hl7.org/fhir/R4/narrative.html
    """
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(text)}</div>' if text.strip() else None


CONVERSIONS: Mapping[str, Conversion] = MappingProxyType(
    {
        "base64Binary": base64,
        "boolean": boolean,
        "canonical": uri,
        "code": code,
        "date": date,
        "dateTime": date_time,
        "decimal": decimal,
        "id": identifier,
        "instant": instant,
        "integer": integer,
        "markdown": string,
        "oid": uri,
        "positiveInt": positive,
        "string": string,
        "time": time,
        "unsignedInt": unsigned,
        "uri": uri,
        "url": uri,
        "uuid": uri,
        "xhtml": xhtml,
    }
)
"""The conversion of each primitive type."""
