"""The answer to a message: MSH, MSA and an ERR for each fault.

Spec: HL7 v2.8.2 chapter 2, 2.13.1 (ACK), 2.14.5 (ERR), 2.14.8 (MSA).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from adapters.hl7.encoding.escapes import escape
from adapters.hl7.encoding.message import Message
from adapters.hl7.encoding.segment import Encoding, Segment
from adapters.hl7.errors import Fault, Hl7Error, Place
from adapters.hl7.structures.library import version_of

_ERR_BY_PLACE = ("2.1", "2.2", "2.3", "2.3.1", "2.4")
"""Versions whose ERR has one field: place and code together."""
_WITHOUT_STRUCTURE = ("2.1", "2.2", "2.3")
"""Versions whose MSH-9 has no third component."""
_WITHOUT_DELAYS = ("2.7", "2.7.1", "2.8", "2.8.1", "2.8.2")
"""Versions that have withdrawn MSA-5."""
_HEADER = b"MSH|^~\\&|||||||||P|2.5.1\r"
_LONGEST_HEADER = 4096


class Answer(NamedTuple):
    """An answer.

    Attributes:
        code: MSA-1.
        raw: its bytes, without the frame of MLLP.
    """

    code: str
    raw: bytes


class Delay(NamedTuple):
    """How an acknowledgement belongs to one that is given later.

    Attributes:
        kind: MSA-5, table 0102: ``D``, another one follows; ``F``, this is the other one.
        control_id: MSH-10; empty for a new one.
        accept: MSH-15: whether this message is to be acknowledged itself.
    """

    kind: str = ""
    control_id: str = ""
    accept: str = ""


_NO_DELAY = Delay()


def acknowledge(
    message: Message, code: str, faults: Sequence[Fault] = (), now: datetime | None = None, delay: Delay = _NO_DELAY
) -> Answer:
    """Return the answer to *message* with *code*, in its version, delimiters and character set.

    Args:
        message: what is answered.
        code: table 0008.
        faults: what was wrong; each becomes an ERR.
        now: MSH-7.
        delay: given where there are two answers, one now and one later.
    """
    writer = _Writer(message, delay)
    segments = [writer.msh(now or datetime.now(UTC)), writer.msa(code, faults), *writer.err(faults)]
    return Answer(code, _encoded("".join(f"{segment}\r" for segment in segments), message))


def salvage(raw: bytes, charset: str | None = None) -> Message:
    """Return as much of unreadable bytes as an answer needs: their MSH alone, or an empty one."""
    start = raw[:_LONGEST_HEADER].replace(b"\n", b"\r").lstrip(b"\r").partition(b"\r")[0]
    try:
        return Message.parse(start, charset)
    except Hl7Error:
        return Message.parse(_HEADER)


def _encoded(text: str, message: Message) -> bytes:
    try:
        return message.charset.encode(text)
    except UnicodeEncodeError:
        # some character sets read what they cannot write
        return text.encode(message.charset.codec, "replace")


class _Writer:
    """Writes the segments of an answer to one message."""

    def __init__(self, message: Message, delay: Delay) -> None:
        self._message = message
        self._delay = delay
        self._encoding: Encoding = message.encoding
        self._version = version_of(message["MSH-12"])
        header = message.segment("MSH")
        self._header: Segment = header if header is not None else message.segments[0]

    def msh(self, now: datetime) -> str:
        """Return MSH, sender and receiver swapped."""
        field = self._header.texts + [""] * 21
        code, _, event = field[9].partition(self._encoding.delimiters.component)
        enhanced = "NE" if field[15] or field[16] else ""
        fields = [
            "MSH",
            field[2],
            *field[5:7],
            *field[3:5],
            now.strftime("%Y%m%d%H%M%S%z"),
            "",
            self._type(event.partition(self._encoding.delimiters.component)[0] if code else ""),
            self._delay.control_id or secrets.token_hex(10).upper(),
            field[11],
            field[12],
            "",
            "",
            self._delay.accept or enhanced,
            enhanced,
            "",
            field[18],
        ]
        return self._joined(fields)

    def _type(self, event: str) -> str:
        """Return MSH-9."""
        parts = ["ACK", event, "" if self._version in _WITHOUT_STRUCTURE else "ACK"]
        if not event and not self._version.startswith(("2.5", "2.6", "2.7", "2.8")):
            return "ACK"
        return self._encoding.delimiters.component.join(parts).rstrip(self._encoding.delimiters.component)

    def msa(self, code: str, faults: Sequence[Fault]) -> str:
        """Return MSA; before 2.5 it carries the text of the first fault."""
        text = self._escaped(faults[0].text) if faults and self._version in _ERR_BY_PLACE else ""
        control_id = self._header.texts[10] if len(self._header.texts) > 10 else ""  # noqa: PLR2004 - MSH-10
        kind = "" if self._version in _WITHOUT_DELAYS else self._delay.kind
        return self._joined(["MSA", code, control_id, text, "", kind])

    def err(self, faults: Sequence[Fault]) -> list[str]:
        """Return the ERR segments: one for each fault, before 2.5 one for all."""
        if not faults:
            return []
        if self._version in _ERR_BY_PLACE:
            repetition = self._encoding.delimiters.repetition
            return [self._joined(["ERR", repetition.join(self._located(fault) for fault in faults)])]
        return [self._one(fault) for fault in faults]

    def _one(self, fault: Fault) -> str:
        place = self._components(*_numbers(fault.place))
        code = self._components(fault.condition.code, self._escaped(fault.condition.display), "HL70357")
        return self._joined(["ERR", "", place, code, fault.severity.value, "", "", "", self._escaped(fault.text)])

    def _located(self, fault: Fault) -> str:
        """Return ERR-1 of the older form: segment, sequence, field and code."""
        subcomponent = self._encoding.delimiters.subcomponent
        code = [fault.condition.code, self._escaped(fault.condition.display), "HL70357"]
        joined = subcomponent.join(code) if subcomponent else code[0]
        return self._components(*_numbers(fault.place)[:3], joined, keep=4)

    def _components(self, *texts: str, keep: int = 0) -> str:
        """Return components without the empty ones at the end; *keep* stand where they are."""
        last = max((number for number, text in enumerate(texts, 1) if text), default=0)
        padded = [*texts[:3], *[""] * (keep - len(texts)), *texts[3:]]
        return self._encoding.delimiters.component.join(padded[: max(last, keep)])

    def _joined(self, fields: list[str]) -> str:
        while fields[-1] == "":
            fields.pop()
        return self._encoding.delimiters.field.join(fields)

    def _escaped(self, text: str) -> str:
        return escape(text, self._encoding.delimiters)


def _numbers(place: Place) -> list[str]:
    numbers = (place.sequence, place.field, place.repetition, place.component, place.subcomponent)
    return [place.segment, *("" if number is None else str(number) for number in numbers)]
