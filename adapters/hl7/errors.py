"""What is wrong with a message, in the terms of an ERR segment: where, which code, how bad.

Spec: HL7 v2.8.2 chapter 2, 2.14.5 (ERR), tables 0357 and 0516.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Condition(Enum):
    """Table 0357, message error condition codes: code and text."""

    SEGMENT_SEQUENCE = "100", "Segment sequence error"
    REQUIRED_FIELD_MISSING = "101", "Required field missing"
    DATA_TYPE = "102", "Data type error"
    TABLE_VALUE_NOT_FOUND = "103", "Table value not found"
    VALUE_TOO_LONG = "104", "Value too long"
    OTHER = "199", "Other HL7 error"
    UNSUPPORTED_MESSAGE_TYPE = "200", "Unsupported message type"
    UNSUPPORTED_EVENT = "201", "Unsupported event code"
    UNSUPPORTED_PROCESSING_ID = "202", "Unsupported processing id"
    UNSUPPORTED_VERSION = "203", "Unsupported version id"
    UNKNOWN_KEY = "204", "Unknown key identifier"
    DUPLICATE_KEY = "205", "Duplicate key identifier"
    RECORD_LOCKED = "206", "Application record locked"
    APPLICATION = "207", "Application error"

    @property
    def code(self) -> str:
        """The code."""
        return str(self.value[0])

    @property
    def display(self) -> str:
        """The code's text."""
        return str(self.value[1])


class Severity(Enum):
    """Table 0516, error severity."""

    WARNING = "W"
    INFORMATION = "I"
    ERROR = "E"
    FATAL = "F"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a message: as ERL, each number from 1, None for all of it.

    Attributes:
        segment: segment id; empty when the message as a whole is meant.
        sequence: which one of the segments with this id.
        field: position of the field.
        repetition: which repetition of the field.
        component: position of the component.
        subcomponent: position of the subcomponent.
    """

    segment: str = ""
    sequence: int | None = None
    field: int | None = None
    repetition: int | None = None
    component: int | None = None
    subcomponent: int | None = None

    def __str__(self) -> str:
        """Return it as people write it: ``OBX[2]-5[1].3``; ``message`` for the whole."""
        if not self.segment:
            return "message"
        text = self.segment + _number("[{}]", self.sequence if self.sequence != 1 else None)
        text += _number("-{}", self.field) + _number("[{}]", self.repetition if self.repetition != 1 else None)
        return text + _number(".{}", self.component) + _number(".{}", self.subcomponent)


def _number(form: str, number: int | None) -> str:
    return "" if number is None else form.format(number)


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding; it becomes one ERR segment.

    Attributes:
        condition: table 0357.
        text: what was found and what was expected; never a patient's value.
        place: where.
        severity: table 0516.
    """

    condition: Condition
    text: str
    place: Place = Place()
    severity: Severity = Severity.ERROR


class Hl7Error(Exception):
    """Bytes are not an HL7 v2 message, or a message cannot be taken; *fault* says where and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.place}: {fault.text}")
        self.fault = fault


def refuse(condition: Condition, text: str, place: Place = Place()) -> Hl7Error:
    """Make the error that says *text* of *place*."""
    return Hl7Error(Fault(condition, text, place))
