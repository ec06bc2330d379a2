"""Assignments: fixed texts, texts joined from parts (``"urn:oid:"+HD.2``), and named functions (``now()``)."""

from __future__ import annotations

import re
from collections.abc import Callable

from mappings.conditions import Operand, Source
from mappings.errors import MappingError

Joined = Callable[[Source], str]

_TOKEN = re.compile(r"""\s*(?:"(?P<text>[^"]*)"|(?P<place>[A-Z][A-Z0-9]{1,2}[-.]\d+(?:\.\d+)?)|(?P<plus>\+))""")
_PLACE = re.compile(r"([A-Z][A-Z0-9]{1,2})[-.](\d+)(?:\.(\d+))?")
_FUNCTION = re.compile(r"([a-z0-9_]+)\(\)")


def function_name(assignment: str) -> str | None:
    """Return the name of the function that an assignment calls; None where it calls none."""
    found = _FUNCTION.fullmatch(assignment)
    return found[1] if found else None


def fixed(assignment: str) -> str | None:
    """Return the text that an assignment always has; None where it depends on the message."""
    text = assignment.strip()
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        return text[1:-1].strip()
    return None


def joined(assignment: str) -> tuple[Joined, tuple[Operand, ...]]:
    """Return what puts the text together, and the places it is made of.

    Raises:
        MappingError: it is neither texts in quotes nor places, joined by ``+``.
    """
    pieces: list[str | Operand] = []
    rest = assignment.strip()
    while rest:
        found = _TOKEN.match(rest)
        if found is None:
            raise MappingError(f"assignment {assignment!r}: {rest!r} is not understood")
        if found["text"] is not None:
            pieces.append(found["text"])
        elif found["place"]:
            pieces.append(operand(found["place"]))
        rest = rest[found.end() :].strip()
    return _join(tuple(pieces)), tuple(each for each in pieces if isinstance(each, Operand))


def operand(text: str) -> Operand:
    """Return the place that *text* names.

    Raises:
        MappingError: it names none.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        raise MappingError(f"{text!r} is not a place such as PID-3.1")
    return Operand(found[1], int(found[2]), int(found[3] or 0))


def _join(pieces: tuple[str | Operand, ...]) -> Joined:
    places = [each for each in pieces if isinstance(each, Operand)]

    def text(source: Source) -> str:
        values = {each: next(iter(source.values(each)), "") for each in places}
        if places and not any(values.values()):
            return ""
        return "".join(values[each] if isinstance(each, Operand) else each for each in pieces).strip()

    return text
