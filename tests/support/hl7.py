"""HL7 v2 messages to test with: outside ones, and small ones of our own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.encoding.delimiters import HEADERS
from adapters.hl7.encoding.segment import Field, Segment

SHARED = Path(__file__).parents[2] / "../shared/data"

ADT = (
    b"MSH|^~\\&|REG|CLINIC|EHR|HOSPITAL|20261123101500||ADT^A01^ADT_A01|M1|P|2.5.1\r"
    b"EVN|A01|20261123101500\r"
    b"PID|1||4711^^^CLINIC&1.2.3&ISO^MR~815^^^NIDA^NI||Uwase^Diane^^^^^L||19900101|F|||KN 5 Rd^^Kigali^^^RWA\r"
    b"PV1|1|I|WARD^2^1\r"
)
ORU = (
    b"MSH|^~\\&|DEMO|CLINIC|EHR|HOSPITAL|20261123101500||ORU^R01^ORU_R01|R1|P|2.5.1\r"
    b"PID|1||4711^^^CLINIC^MR\rORC|RE|O1\rOBR|1|O1|F1|GLU^Glucose^L\r"
    b"OBX|1|NM|GLU^Glucose^L||5.4|mmol/L|||||F\rOBX|2|TX|COM^Comment^L||first\\.br\\a \\T\\ b||||||F\r"
    b"NTE|1||as \\F\\ said\rORC|RE|O2\rOBR|2|O2|F2|HB^Haemoglobin^L\rOBX|1|NM|HB^Hb^L||12.1|g/dL|||||F\rZLB|own^part\r"
)
OWN = (ADT, ORU, b"\xef\xbb\xbf" + ADT.replace(b"\r", b"\n"), ORU.replace(b"\r", b"\r\n").replace(b"|", b"!"))

_SPICE = (b"|", b"^", b"~", b"\\", b"&", b"\r", b"\n", b"\r\n", b"MSH", b"\x00", b"\x1c\r", b"\x0b", b"\xff", b"\xc3")


@cache
def samples() -> dict[str, bytes]:
    """Return the outside messages by file name."""
    folder = SHARED / "hl7v2-messages"
    if not folder.exists():
        pytest.skip("the HL7 v2 messages are not in ../shared/data")
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.hl7"))}


def mutated(raw: bytes, chance: Random) -> bytes:
    """Return *raw* with a few stretches cut, doubled, swapped for others or filled with what hurts."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(raw) + 1)
        end = min(len(raw), start + chance.choice((0, 1, 1, 2, 8, 80)))
        piece = chance.choice((b"", chance.choice(_SPICE), chance.randbytes(chance.randint(1, 6)), raw[start:end] * 2))
        raw = raw[:start] + piece + raw[end:]
    return raw


def put_together(message: Message) -> str:
    """Return the message's characters, put together from its smallest parts up."""
    return message.prefix + "".join(_segment(segment) + segment.end for segment in message)


def _segment(segment: Segment) -> str:
    separator = segment.encoding.delimiters.field
    fields = [_field(field) for field in segment.fields]
    if segment.id in HEADERS:
        return segment.id + separator.join(["", *fields[1:]])
    return separator.join([segment.id, *fields])


def _field(field: Field) -> str:
    _, component, repetition, _, subcomponent, _ = field.encoding.delimiters
    return repetition.join(
        component.join(subcomponent.join(part.text for part in each.subcomponents) for each in repeated.components)
        for repeated in field.repetitions
    )
