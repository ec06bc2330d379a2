"""Escape sequences: characters of a value that delimiters or the character set would not let through.

Spec: HL7 v2.8.2 chapter 2, 2.7 (use of escape sequences in text fields).
"""

from __future__ import annotations

import re
from functools import lru_cache

from adapters.hl7.encoding.charsets import Charset
from adapters.hl7.encoding.delimiters import Delimiters

_BREAKS = {".br": 1, ".ce": 1}
_MEASURED = re.compile(r"\.(sp|sk)\+?(\d{1,3})?$")
_SILENT = re.compile(r"H|N|\.(?:fi|nf|in[+-]?\d{1,4}|ti[+-]?\d{1,4})$")
"""Highlighting and indentation: how a text looks, not what it says."""
_HEXADECIMAL = re.compile(r"X((?:[0-9A-Fa-f]{2})+)$")
_DESIGNATION = re.compile(r"[CM]([0-9A-Fa-f]{4,6})$")

_RIGHT_HALVES = {
    "2D41": "iso8859-1",
    "2D42": "iso8859-2",
    "2D43": "iso8859-3",
    "2D44": "iso8859-4",
    "2D4C": "iso8859-5",
    "2D47": "iso8859-6",
    "2D46": "iso8859-7",
    "2D48": "iso8859-8",
    "2D4D": "iso8859-9",
    "2949": "shift_jis",
    "242943": "euc_kr",
    "242941": "gb2312",
}
"""Designations of ISO 2022 for bytes above 127, and the codec that reads both halves."""
_LEFT_HALVES = {"284A", "2440", "2442", "242844", "242841"}
"""Designations for bytes below 128; the codec reads the escape sequence itself."""


def unescape(text: str, delimiters: Delimiters, charset: Charset) -> str:
    r"""Return what *text* says: escape sequences as characters, lines apart by ``\n``.

    A sequence that is not understood (a local ``\Z…\``, an unfinished one) is left as it stands.
    """
    escape = delimiters.escape
    if not escape or escape[0] not in text:
        return text
    if len(escape) > 1 and not _is_doubled(text, escape):
        # only the header was doubled
        delimiters = delimiters._replace(escape=escape[0])
    return _Reader(delimiters, charset).read(text)


def _is_doubled(text: str, escape: str) -> bool:
    """Tell whether *text* has the escape character in twos only: a sequence that was not doubled begins with one."""
    return escape[0] not in text.replace(escape, "")


def escape(text: str, delimiters: Delimiters) -> str:
    """Return *text* as it may stand in a message: delimiters and ends of lines as escape sequences."""
    return text.translate(_escapes(delimiters))


@lru_cache(maxsize=64)
def _letters(delimiters: Delimiters) -> dict[str, str]:
    # a doubled escape character stands for one
    return {letter: character[0] for letter, character in zip("FSRETP", delimiters, strict=True) if character}


@lru_cache(maxsize=64)
def _escapes(delimiters: Delimiters) -> dict[int, str]:
    mark = delimiters.escape
    if not mark:
        return {}
    table = {ord(character): f"{mark}{letter}{mark}" for letter, character in _letters(delimiters).items()}
    return table | {ord("\r"): f"{mark}X0D{mark}", ord("\n"): f"{mark}X0A{mark}"}


class _Reader:
    """Reads one value: the designated character set lasts to its end."""

    def __init__(self, delimiters: Delimiters, charset: Charset) -> None:
        self._delimiters = delimiters
        self._charset = charset
        self._designated = ""

    def read(self, text: str) -> str:
        """Return what *text* says."""
        mark = self._delimiters.escape
        pieces: list[str] = []
        place = 0
        while (start := text.find(mark, place)) >= 0 and (end := text.find(mark, start + len(mark))) >= 0:
            pieces.append(self._plain(text[place:start]))
            said = self._sequence(text[start + len(mark) : end])
            if said is None:
                # not ours to read: the second mark may begin the next one
                pieces.append(text[start:end])
                place = end
            else:
                pieces.append(said)
                place = end + len(mark)
        return "".join(pieces) + self._plain(text[place:])

    def _sequence(self, body: str) -> str | None:
        """Return what stands for an escape sequence; None when it is none."""
        character = _letters(self._delimiters).get(body)
        if character is not None:
            return character
        if _SILENT.match(body):
            return ""
        if body in _BREAKS:
            return "\n"
        if found := _MEASURED.match(body):
            return ("\n" if found[1] == "sp" else " ") * int(found[2] or 1)
        if found := _HEXADECIMAL.match(body):
            return self._charset.decode(bytes.fromhex(found[1]))
        if found := _DESIGNATION.match(body):
            return self._designate(found[1].upper())
        return None

    def _designate(self, code: str) -> str | None:
        if code == "2842":
            self._designated = ""
        elif code in _RIGHT_HALVES or code in _LEFT_HALVES:
            self._designated = code
        else:
            return None
        return ""

    def _plain(self, text: str) -> str:
        """Return text between escape sequences, read in the character set that was designated last."""
        if not self._designated or not text:
            return text
        try:
            raw = self._charset.encode(text)
        except UnicodeEncodeError:
            return text
        codec = _RIGHT_HALVES.get(self._designated)
        if codec is not None:
            return raw.decode(codec, "replace")
        return (b"\x1b" + bytes.fromhex(self._designated) + raw).decode("iso2022_jp_2", "replace")
