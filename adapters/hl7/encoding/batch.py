"""Files and batches: many messages in one go, between headers and trailers.

Spec: HL7 v2.8.2 chapter 2, 2.10.3 (HL7 batch protocol).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.hl7.encoding.charsets import ASCII, split_bom
from adapters.hl7.encoding.message import Message, delimiters_of, split_segments
from adapters.hl7.encoding.segment import Encoding, Segment
from adapters.hl7.errors import Condition, Hl7Error, Place, refuse

_STARTS = re.compile(rb"(?:\A|(?<=[\r\n]))(?:MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9])|(?<=[\r\n])(?:BTS|FTS)\Z")
_FILE_PARTS = (b"FHS", b"BHS", b"BTS", b"FTS")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of a file, or why it is none.

    Attributes:
        raw: its bytes.
        message: the message; None when it cannot be read.
        error: why not.
    """

    raw: bytes
    message: Message | None
    error: Hl7Error | None = None


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A file, a batch, or a single message.

    Attributes:
        pieces: all bytes in order: headers, messages, trailers.
        headers: FHS and BHS segments.
        trailers: BTS and FTS segments.
        entries: what each message came to.
    """

    pieces: tuple[bytes, ...]
    headers: tuple[Segment, ...]
    trailers: tuple[Segment, ...]
    entries: tuple[Entry, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that could be read, in order."""
        return tuple(entry.message for entry in self.entries if entry.message is not None)

    def encode(self) -> bytes:
        """Return the bytes it was read from."""
        return b"".join(self.pieces)


def is_batch(raw: bytes) -> bool:
    """Tell whether *raw* begins as a file or a batch."""
    bom, _ = split_bom(raw)
    return raw[len(bom) :].lstrip(b"\r\n").startswith((b"FHS", b"BHS"))


def parse_file(raw: bytes, charset: str | None = None) -> BatchFile:
    """Return the messages of a file; each has its own delimiters and character set, and fails alone.

    Args:
        raw: FHS, BHS, messages, BTS and FTS, all but the messages optional.
        charset: see :meth:`Message.parse`.

    Raises:
        Hl7Error: it begins otherwise, a header's delimiters are not usable, or a trailer counts other messages.
    """
    bom, _ = split_bom(raw)
    body = raw[len(bom) :]
    starts = [found.start() for found in _STARTS.finditer(body)]
    if not starts or body[: starts[0]].strip(b"\r\n"):
        raise refuse(Condition.SEGMENT_SEQUENCE, "a file begins with FHS, BHS or MSH", Place("FHS", 1))
    pieces = [body[start:end] for start, end in zip(starts, [*starts[1:], len(body)], strict=True)]
    others = _file_segments([piece for piece in pieces if piece.startswith(_FILE_PARTS)])
    entries = tuple(_entry(piece, charset) for piece in pieces if not piece.startswith(_FILE_PARTS))
    headers = tuple(segment for segment in others if segment.id in {"FHS", "BHS"})
    trailers = tuple(segment for segment in others if segment.id in {"BTS", "FTS"})
    _check_counts(pieces, others)
    return BatchFile((bom + body[: starts[0]], *pieces), headers, trailers, entries)


def _entry(raw: bytes, charset: str | None) -> Entry:
    try:
        return Entry(raw, Message.parse(raw, charset))
    except Hl7Error as error:
        return Entry(raw, None, error)


def _file_segments(pieces: list[bytes]) -> list[Segment]:
    """Return headers and trailers as segments; a trailer has the delimiters of the header before it."""
    segments: list[Segment] = []
    encoding: Encoding | None = None
    for piece in pieces:
        text = piece.decode("latin-1")
        if encoding is None or piece.startswith((b"FHS", b"BHS")):
            encoding = Encoding(delimiters_of(text), ASCII)
        segments += split_segments(text, encoding)[:1]
    return segments


def _check_counts(pieces: list[bytes], segments: list[Segment]) -> None:
    """Compare BTS-1 with the messages since BHS, and FTS-1 with the number of batches."""
    others = iter(segments)
    messages = batches = 0
    for piece in pieces:
        if not piece.startswith(_FILE_PARTS):
            messages += 1
            continue
        segment = next(others)
        if segment.id == "BHS":
            messages, batches = 0, batches + 1
        elif segment.id == "BTS":
            _compare(segment, messages, "messages")
        elif segment.id == "FTS" and batches:
            _compare(segment, batches, "batches")


def _compare(trailer: Segment, found: int, what: str) -> None:
    declared = trailer.field(1).value.strip()
    if declared.isdecimal() and int(declared) != found:
        text = f"{found} {what} are there, the trailer counts another number"
        raise refuse(Condition.OTHER, text, Place(trailer.id, 1, 1))
