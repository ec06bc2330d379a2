"""A message: its segments in order, read from bytes and written back as the same bytes.

A segment ends at a carriage return. Senders also end it with LF or CRLF: a line feed alone ends a segment where a
segment id, or nothing, follows it; elsewhere it belongs to the value.

Spec: HL7 v2.8.2 chapter 2, 2.5 (message construction rules).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from adapters.hl7.encoding.charsets import Charset, decode, split_bom
from adapters.hl7.encoding.delimiters import Delimiters, declared
from adapters.hl7.encoding.location import Location, location
from adapters.hl7.encoding.segment import Encoding, Segment
from adapters.hl7.errors import Condition, Place, refuse

_ENDS = "\r\n"
_SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{2}\Z")
_CHARSET_FIELD = 18
_SCAN = 4096
"""Bytes of a header that are looked at for its character set."""


class Message:
    """A message; it never changes.

    Attributes:
        segments: in order, with Z segments and all others.
        encoding: its delimiters and character set.
        prefix: what stood before MSH: ends of lines; the byte order mark is not among them.
    """

    __slots__ = ("_index", "_raw", "encoding", "prefix", "segments")

    def __init__(self, raw: bytes, prefix: str, segments: tuple[Segment, ...], encoding: Encoding) -> None:
        self._raw = raw
        self._index: dict[str, list[Segment]] | None = None
        self.prefix = prefix
        self.segments = segments
        self.encoding = encoding

    @classmethod
    def parse(cls, raw: bytes, charset: str | None = None) -> Message:
        """Return the message that *raw* is.

        Args:
            raw: all of it, without the frame of MLLP.
            charset: label of table 0211 or codec that goes before MSH-18.

        Raises:
            Hl7Error: it does not begin with MSH, its delimiters are not usable, or a line is not a segment.
        """
        bom, bom_codec = split_bom(raw)
        body = raw[len(bom) :] if bom else raw
        decoded, found = decode(body, header_charsets(body), override=charset, bom=bom_codec)
        text = decoded.lstrip(_ENDS)
        if not text.startswith("MSH"):
            raise refuse(Condition.SEGMENT_SEQUENCE, "a message begins with MSH", Place("MSH", 1))
        encoding = Encoding(delimiters_of(text), found)
        prefix = decoded[: len(decoded) - len(text)]
        return cls(raw, prefix, split_segments(text, encoding), encoding)

    @property
    def delimiters(self) -> Delimiters:
        """Its delimiters."""
        return self.encoding.delimiters

    @property
    def charset(self) -> Charset:
        """The character set it was read in."""
        return self.encoding.charset

    @property
    def text(self) -> str:
        """All of it as characters, put together from its segments."""
        return self.prefix + "".join([segment.text + segment.end for segment in self.segments])

    def encode(self) -> bytes:
        """Return its bytes: the very ones it was read from."""
        return self._raw

    def all(self, segment_id: str) -> list[Segment]:
        """Return the segments with this id, in order."""
        index = self._index
        if index is None:
            index = {}
            for segment in self.segments:
                index.setdefault(segment.id, []).append(segment)
            self._index = index
        return index.get(segment_id, [])

    def segment(self, segment_id: str, sequence: int = 1) -> Segment | None:
        """Return one segment with this id, or None."""
        found = self.all(segment_id)
        return found[sequence - 1] if 0 < sequence <= len(found) else None

    def text_at(self, place: str | Location) -> str:
        """Return the text at *place* as it stands in the message; empty where there is nothing.

        Numbers that *place* leaves out are 1, except that a field without repetition is the whole field.

        Raises:
            ValueError: *place* is not written like a place.
        """
        at = location(place) if isinstance(place, str) else place
        segment = self.segment(at.segment, at.sequence or 1)
        return "" if segment is None else segment.text_at(at)

    def __getitem__(self, place: str | Location) -> str:
        """Return what *place* says, escape sequences read: ``message["PID-3.1"]``; empty where there is nothing.

        Of a place with parts it is the first one. Raises as :meth:`text_at`.
        """
        at = location(place) if isinstance(place, str) else place
        segment = self.segment(at.segment, at.sequence or 1)
        return "" if segment is None else segment.value_at(at)

    def values(self, place: str | Location) -> list[str]:
        """Return what *place* says in every segment and repetition that it leaves open; empty values are left out.

        Raises:
            ValueError: *place* is not written like a place, or names no field.
        """
        at = location(place) if isinstance(place, str) else place
        if not at.field:
            raise ValueError(f"{at} names no field")
        return [value for segment in self._named(at) for value in _values_of(segment, at) if value]

    def _named(self, at: Location) -> list[Segment]:
        found = self.all(at.segment)
        return found[at.sequence - 1 : at.sequence] if at.sequence else found

    def leaves(self) -> Iterator[tuple[Location, str]]:
        """Yield each subcomponent that is not empty, as it stands in the message, with its place, in order."""
        counts: dict[str, int] = {}
        for segment in self.segments:
            sequence = counts[segment.id] = counts.get(segment.id, 0) + 1
            yield from segment.leaves(sequence)

    def __iter__(self) -> Iterator[Segment]:
        """Iterate over its segments."""
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and other._raw == self._raw and other.encoding == self.encoding

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        # never the text: it is a patient's
        return f"Message({len(self.segments)} segments, {len(self._raw)} bytes)"


def header_charsets(raw: bytes) -> list[str]:
    """Return the repetitions of MSH-18, read before the character set is known; empty where there are none."""
    start = raw[:_SCAN].lstrip(b"\r\n")
    if len(start) < 6:  # noqa: PLR2004 - MSH and the delimiters of fields, components and repetitions
        return []
    header = re.split(rb"[\r\n]", start, maxsplit=1)[0]
    fields = header.split(start[3:4], _CHARSET_FIELD)
    if len(fields) < _CHARSET_FIELD:
        return []
    labels = fields[_CHARSET_FIELD - 1].decode("latin-1")
    return labels.split(chr(start[5]))


def delimiters_of(text: str) -> Delimiters:
    """Return the delimiters of a message or batch that begins with *text*.

    Raises:
        Hl7Error: see :func:`declared`.
    """
    end = text.find(text[3:4], 4) if len(text) > 3 else -1  # noqa: PLR2004 - after the id
    line_end = min((found for each in _ENDS if (found := text.find(each)) >= 0), default=len(text))
    return declared(text[: line_end if end < 0 else min(end, line_end)][:32])


def split_segments(text: str, encoding: Encoding) -> tuple[Segment, ...]:
    """Return the segments of *text*, each with what ends it.

    Raises:
        Hl7Error: a line does not begin with a segment id and the field separator.
    """
    separator = encoding.delimiters.field
    if "\n" in text or "\r\r" in text:
        pieces = _end_of_segment(separator).split(text)
        pairs = list(zip(pieces[::2], [*pieces[1::2], ""], strict=True))
    else:
        lines = text.split("\r")
        pairs = [(line, "\r") for line in lines[:-1]] + [(lines[-1], "")]
    if pairs and pairs[-1] == ("", ""):
        pairs.pop()
    is_id = _SEGMENT_ID.match
    segments: list[Segment] = []
    for line, end in pairs:
        if not is_id(line[:3]) or line[3:4] not in {"", separator}:
            raise refuse(
                Condition.SEGMENT_SEQUENCE,
                "expected a segment id of three characters and the field separator",
                _line_place(segments),
            )
        segments.append(Segment(line, end, encoding))
    return tuple(segments)


@lru_cache(maxsize=64)
def _end_of_segment(separator: str) -> re.Pattern[str]:
    following = rf"[A-Z][A-Z0-9]{{2}}(?:{re.escape(separator)}|[\r\n]|\Z)|\Z"
    return re.compile(rf"(\n*\r[\r\n]*|\n+(?={following}))")


def _line_place(before: list[Segment]) -> Place:
    """Return the place of the line after these segments: it has no id, so it is told by the one before it."""
    last = before[-1].id if before else "MSH"
    return Place(last, sum(segment.id == last for segment in before) or 1)


def _values_of(segment: Segment, at: Location) -> list[str]:
    if at.repetition:
        return [segment.value_at(at)]
    count = len(segment.field(at.field).repetitions)
    return [segment.value_at(at._replace(repetition=number)) for number in range(1, count + 1)]
