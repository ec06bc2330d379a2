"""What is known while one message is mapped."""

from __future__ import annotations

from collections import Counter
from datetime import tzinfo
from typing import NamedTuple

from adapters.hl7.encoding import Message
from adapters.hl7.encoding.escapes import unescape
from adapters.hl7.mapping.targets import Made

Place = tuple[int, ...]
"""Where a value stands: number of the segment in the message, field, repetition, component, subcomponent."""


def leaf(place: Place) -> Place:
    """Return the first subcomponent of a place."""
    return place + (1,) * (5 - len(place))


class UnmappedCode(NamedTuple):
    """A code that a table has no row for.

    Attributes:
        sender: name of the sender.
        table: the table as the rows name it.
        code: as sent.
    """

    sender: str
    table: str
    code: str


class Run:
    """One message being mapped.

    Attributes:
        message: the message.
        sender: name of its sender.
        zone: the zone of times without an offset.
        used: places whose value was mapped.
        refused: places whose value is not what the element takes, with the FHIR type it was to be.
        unmapped: codes without a row, counted.
        made: resources in the order they were begun.
        is_usual: whether the message has the delimiters that nearly all have.
    """

    __slots__ = (
        "component", "escape", "is_usual", "made", "message", "now", "refused", "repetition", "sender", "subcomponent",
        "unmapped", "used", "zone",
    )  # fmt: skip

    def __init__(self, message: Message, sender: str, zone: tzinfo, now: str) -> None:
        delimiters = message.delimiters
        self.message = message
        self.sender = sender
        self.zone = zone
        self.now = now
        self.component = delimiters.component
        self.repetition = delimiters.repetition
        self.subcomponent = delimiters.subcomponent
        self.escape = delimiters.escape[:1]
        self.is_usual = delimiters.component == "^" and delimiters.subcomponent == "&" and bool(delimiters.escape)
        self.used: list[Place] = []
        self.refused: list[tuple[Place, str]] = []
        self.unmapped: Counter[UnmappedCode] = Counter()
        self.made: list[Made] = []

    def apart(self) -> Run:
        """Return a run of the same message that keeps what it finds to itself."""
        return Run(self.message, self.sender, self.zone, self.now)

    def make(self, resource_type: str) -> Made:
        """Return a new resource."""
        made = Made(resource_type)
        self.made.append(made)
        return made

    def read(self, text: str) -> str:
        """Return what a stretch says: its first part, escape sequences read."""
        if self.component and self.component in text:
            text = text[: text.index(self.component)]
        if self.subcomponent and self.subcomponent in text:
            text = text[: text.index(self.subcomponent)]
        if self.escape and self.escape in text:
            return unescape(text, self.message.delimiters, self.message.charset)
        return text

    def parts(self, text: str, place: Place) -> list[str]:
        """Return the parts of the value at *place*: components of a field, subcomponents of a component."""
        separator = self.component if len(place) == 3 else self.subcomponent  # noqa: PLR2004 - segment, field, repetition
        if len(place) > 4 or not separator:  # noqa: PLR2004 - a subcomponent has no parts
            return [text]
        return text.split(separator)
