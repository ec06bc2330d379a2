"""What a destination says of a message.

Spec: HL7 v2.8.2 chapter 2, 2.9.2 and 2.9.3, tables 0008 and 0155
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Hl7Error

TAKEN = frozenset({"AA", "CA"})
LATER = frozenset({"AE", "CE"})
NEVER = frozenset({"AR", "CR"})


class Verdict(NamedTuple):
    """What an answer says.

    Attributes:
        code: MSA-1; empty where the answer is none to this message.
        reason: codes and places of its ERR segments, none of their texts.
    """

    code: str
    reason: str


def verdict(answer: bytes, control_id: str) -> Verdict:
    """Return what *answer* says of the message with *control_id*."""
    try:
        message = Message.parse(answer)
    except Hl7Error:
        return Verdict("", "the answer is no message")
    code = message["MSA-1"].strip().upper()
    if message["MSA-2"].strip() != control_id:
        return Verdict("", "MSA-2 of the answer is not the MSH-10 of the message")
    if code not in TAKEN | LATER | NEVER:
        return Verdict("", "MSA-1 of the answer is no code of table 0008")
    found = [
        " ".join(text for text in (error_code, place) if text)
        for error_code, place in zip(message.values("ERR-3.1"), message.values("ERR-2.1"), strict=False)
    ]
    return Verdict(code, "; ".join([code, *found]))


def names_one_of(answer: bytes, control_ids: Collection[str]) -> bool:
    """Tell whether an answer is to another message: the second one, of its application, comes when it likes."""
    try:
        return Message.parse(answer)["MSA-2"].strip() in control_ids
    except Hl7Error:
        return False
