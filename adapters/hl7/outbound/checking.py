"""Whether a message is what its version defines: fields by the compiled structures, the whole by hl7apy.

hl7apy does not say where a wrong value stands, and shows the value; so values are looked at here first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from hl7apy.consts import VALIDATION_LEVEL  # type: ignore[import-untyped]  # it has no types
from hl7apy.exceptions import HL7apyException, ValidationError  # type: ignore[import-untyped]  # the same
from hl7apy.parser import parse_message  # type: ignore[import-untyped]  # the same

from adapters.hl7.encoding.location import Location
from adapters.hl7.encoding.message import Message
from adapters.hl7.outbound.building import BuildError
from adapters.hl7.structures.library import structure_of, structures
from adapters.hl7.structures.rows import Member, Structures

_FORMS = {
    "NM": (re.compile(r"[+-]?(\d+\.?\d*|\.\d+)"), "a number"),
    "SI": (re.compile(r"\d{1,4}"), "a number of at most four digits"),
    "DT": (re.compile(r"\d{4}(\d\d(\d\d)?)?"), "a date"),
    "DTM": (re.compile(r"\d{4}(\d\d(\d\d(\d\d(\d\d(\d\d(\.\d{1,4})?)?)?)?)?)?([+-]\d{4})?"), "a time stamp"),
    "TM": (re.compile(r"\d\d(\d\d(\d\d(\.\d{1,4})?)?)?([+-]\d{4})?"), "a time"),
}
_LONGEST = {"IS": 20, "ST": 199}
"""Characters of a component, up to version 2.6; later versions leave it to the two sides."""
_WITHOUT_LENGTHS = ("2.7", "2.8", "2.8.1", "2.8.2")
_VARIES = ("OBX", 5)
_ERROR, _MISSING = "Error: ", "Missing required child "


def check(raw: bytes, version: str, *, is_full: bool = True) -> None:
    """Do nothing for a message that is sound.

    Args:
        raw: the message.
        version: of HL7 v2.
        is_full: whether hl7apy looks at it, too.

    Raises:
        BuildError: the place, what is wrong there; never a value.
    """
    message = Message.parse(raw)
    known = structures(version)
    _required(message, known)
    for place, text in message.leaves():
        if place.segment != "MSH":
            _value(str(place), _data_type(message, place, known), text, version)
    if is_full:
        _whole(message, raw)


def _required(message: Message, known: Structures) -> None:
    for segment in message:
        if segment.id == "MSH":
            continue
        for position, row in enumerate(known.segments.get(segment.id, ()), 1):
            if row.min and not segment.field(position).text:
                raise BuildError(f"{segment.id}-{position}", f"{row.name.lower()} is required, and nothing gives it")


def _data_type(message: Message, at: Location, known: Structures) -> str:
    row = known.field(at.segment, at.field)
    if row is None:
        return ""
    data_type = row.data_type
    if (at.segment, at.field) == _VARIES:
        data_type = message[Location("OBX", at.sequence, 2)]
    for number in (at.component, at.subcomponent):
        parts = known.data_types.get(data_type, ())
        data_type = parts[number - 1].data_type if 0 < number <= len(parts) else data_type
    return data_type


def _value(place: str, data_type: str, text: str, version: str) -> None:
    form = _FORMS.get(data_type)
    if form is not None and form[0].fullmatch(text) is None:
        raise BuildError(place, f"expected {form[1]} ({data_type})")
    longest = _LONGEST.get(data_type)
    if longest is not None and len(text) > longest and version not in _WITHOUT_LENGTHS:
        raise BuildError(place, f"expected at most {longest} characters ({data_type}), found {len(text)}")


def _whole(message: Message, raw: bytes) -> None:
    structure = message["MSH-9.3"]
    try:
        parsed = parse_message(message.charset.decode(raw), validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
        faults = _faults(parsed)
    except (HL7apyException, ValueError) as error:
        # its text may show a value
        raise BuildError(structure, f"hl7apy refuses it: {type(error).__name__}") from error
    root = structure_of(message["MSH-12"], message["MSH-9.1"], message["MSH-9.2"], structure)
    choices = tuple(f"{_MISSING}{name}." for name in _choices(root)) if root is not None else ()
    faults = [fault for fault in faults if not fault.startswith(choices)]
    if faults:
        raise BuildError(structure, faults[0])


def _faults(parsed: Any) -> list[str]:
    """Return what hl7apy finds: names of elements, none of their values."""
    try:
        parsed.validate()
    except ValidationError:
        # it raises the first and writes all of them to a file
        with NamedTemporaryFile("r+") as report:
            with suppress(ValidationError):
                parsed.validate(report_file=report.name)
            lines = Path(report.name).read_text().splitlines()
        return [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return []


def _choices(member: Member) -> Iterator[str]:
    """Yield the groups of which one member is enough; hl7apy asks for all of them."""
    if member.is_choice:
        yield member.name
    for each in member.members:
        yield from _choices(each)
