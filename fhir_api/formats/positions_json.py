"""Line and column of elements in JSON.

Values on the way are skipped by the decoder of the standard library, which is quick; what was passed is remembered.

Spec: https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from json import JSONDecoder
from typing import Final

from fhir_api.model.outcome import Location

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_KEY: Final = re.compile(r'[ \t\r\n,]*"((?:[^"\\]|\\.)*)"[ \t\r\n]*:[ \t\r\n]*')
_ITEM: Final = re.compile(r"[ \t\r\n,]*(?=[^ \t\r\n,\]])")
_DECODER: Final = JSONDecoder(parse_float=str, parse_int=str)


class JsonPositions:
    """The places of the elements of a JSON body."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start = _end(_SPACE, text, 0)
        self._members: dict[int, dict[str, int]] = {}
        self._items: dict[int, list[int]] = {}

    @classmethod
    def of(cls, raw: bytes) -> JsonPositions | None:
        """Return the places of a body, None if it is no text."""
        try:
            return cls(raw.decode("utf-8-sig"))
        except UnicodeDecodeError:
            return None

    def find(self, steps: Sequence[tuple[str, int]]) -> Location | None:
        """Return the place of an element; of the nearest one around it where it is not there."""
        offset = self._start
        try:
            for name, index in steps:
                below = self._step(offset, name, index)
                if below is None:
                    break
                offset = below
        except (ValueError, RecursionError):
            return None
        return self._location(offset)

    def _step(self, offset: int, name: str, index: int) -> int | None:
        if self._text[offset : offset + 1] != "{":
            return None
        members = self._members_of(offset)
        found = members.get(name, members.get(f"_{name}"))
        if found is None:
            found = next((start for key, start in members.items() if _is_choice(key, name)), None)
        if found is None or self._text[found : found + 1] != "[":
            return found
        items = self._items_of(found)
        return items[index] if index < len(items) else found

    def _members_of(self, offset: int) -> dict[str, int]:
        """Return where the value of each member of an object starts."""
        if offset not in self._members:
            found: dict[str, int] = {}
            end = offset + 1
            while (key := _KEY.match(self._text, end)) is not None:
                found.setdefault(key[1], key.end())
                end = self._after(key.end())
            self._members[offset] = found
        return self._members[offset]

    def _items_of(self, offset: int) -> list[int]:
        """Return where each item of an array starts."""
        if offset not in self._items:
            found: list[int] = []
            end = offset + 1
            while (item := _ITEM.match(self._text, end)) is not None:
                found.append(item.end())
                end = self._after(item.end())
            self._items[offset] = found
        return self._items[offset]

    def _after(self, offset: int) -> int:
        return _DECODER.raw_decode(self._text, offset)[1]

    def _location(self, offset: int) -> Location:
        return Location(self._text.count("\n", 0, offset) + 1, offset - self._text.rfind("\n", 0, offset))


def _is_choice(key: str, name: str) -> bool:
    bare = key.removeprefix("_")
    return bare.startswith(name) and bare[len(name) : len(name) + 1].isupper()


def _end(pattern: re.Pattern[str], text: str, offset: int) -> int:
    match = pattern.match(text, offset)
    return match.end() if match is not None else offset
