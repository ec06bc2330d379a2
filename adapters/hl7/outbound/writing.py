"""Values of FHIR as they stand in a message, and the text of a segment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from adapters.hl7.encoding.delimiters import RECOMMENDED
from adapters.hl7.encoding.escapes import escape

Parts = dict[tuple[int, int], str]
"""One repetition of a field: texts by component and subcomponent, both from 1."""

_TIMES = {"DTM", "TS", "DT", "DATE", "TM"}
_FORMATTED = {"FT", "TX"}
_TIME = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?)?)?(Z|[+-]\d\d:\d\d)?")
_CLOCK = re.compile(r"T?(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?")
_MOST_FRACTION = 4
_BREAK = f"{RECOMMENDED.escape}.br{RECOMMENDED.escape}"


def primitive(value: Any, data_type: str) -> str:
    """Return a primitive as a value of an HL7 v2 data type; what is no time for a time's data type stays as it is."""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, Decimal):
        return format(value, "f")
    text = str(value)
    return timestamp(text, data_type) if data_type in _TIMES else text


def timestamp(text: str, data_type: str) -> str:
    """Return a FHIR date, dateTime, instant or time with the same precision: ``20261123101500+0200``."""
    if data_type == "TM" and (clock := _CLOCK.fullmatch(text)):
        return "".join(part or "" for part in clock.groups()[:3])
    found = _TIME.fullmatch(text)
    if found is None:
        return text
    *numbers, fraction, offset = found.groups()
    date = "".join(number or "" for number in numbers[:3])
    if data_type in {"DT", "DATE"}:
        return date
    clock_time = "".join(number or "" for number in numbers[3:])
    if fraction and clock_time:
        clock_time += f".{fraction[:_MOST_FRACTION]}"
    zone = "" if offset is None or not clock_time else offset.replace(":", "").replace("Z", "+0000")
    return date + clock_time + zone


def segment_text(segment_id: str, fields: Mapping[int, Sequence[Parts]], data_types: Mapping[int, str]) -> str:
    """Return a segment.

    Args:
        segment_id: such as ``PID``.
        fields: repetitions by the position of the field, from 1.
        data_types: of the fields; lines of formatted text stay lines.
    """
    texts = [segment_id]
    for position in range(1, max(fields, default=0) + 1):
        formatted = data_types.get(position) in _FORMATTED
        repetitions = [_repetition(parts, formatted=formatted) for parts in fields.get(position, ())]
        texts.append(RECOMMENDED.repetition.join(repetitions))
    return RECOMMENDED.field.join(texts)


def _repetition(parts: Parts, *, formatted: bool) -> str:
    components = []
    for component in range(1, max((at[0] for at in parts), default=0) + 1):
        held = {at[1]: text for at, text in parts.items() if at[0] == component}
        texts = [_escaped(held.get(number, ""), formatted=formatted) for number in range(1, max(held, default=0) + 1)]
        components.append(RECOMMENDED.subcomponent.join(texts))
    return RECOMMENDED.component.join(components)


def _escaped(text: str, *, formatted: bool) -> str:
    if formatted:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return _BREAK.join(escape(line, RECOMMENDED) for line in lines)
    return escape(text, RECOMMENDED)
