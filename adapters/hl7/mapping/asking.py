"""What conditions and joined texts ask: the parts of a value, the fields of a segment, the segments near it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from adapters.hl7.encoding import Segment
from adapters.hl7.encoding.segment import NULL
from adapters.hl7.mapping.run import Run
from mappings.conditions import Operand

_MESSAGE_TYPE = 9


class Near(Protocol):
    """The segments that a row may ask about."""

    def segment(self, segment_id: str) -> Segment | None:
        """Return the segment with this id that stands nearest: in the same group, or in one around it."""
        ...


class FieldSource:
    """A row of a segment asks: about the repetition in hand, other fields, other segments.

    Attributes:
        run: the message.
        near: the segments around.
        segment: the segment in hand.
        own: position of the field in hand; 0 for the segment.
        repetition: the repetition in hand, as it stands.
    """

    __slots__ = ("_known", "near", "own", "repetition", "run", "segment")

    def __init__(self, run: Run, near: Near, segment: Segment) -> None:
        self.run = run
        self.near = near
        self.segment = segment
        self.own = 0
        self.repetition = ""
        self._known: dict[Operand, Sequence[str]] = {}

    def values(self, operand: Operand) -> Sequence[str]:
        """Return the values at a place."""
        name, field, component = operand
        if not name or (name == self.segment.id and field == self.own and field):
            return self._value(self.repetition, component)
        found = self._known.get(operand)
        if found is None:
            found = self._known[operand] = self._elsewhere(name, field, component)
        return found

    def _elsewhere(self, name: str, field: int, component: int) -> Sequence[str]:
        """Return the values at a place that is not in hand."""
        if name == "MSG":
            # rows name the data type of MSH-9 for it
            name, field, component = "MSH", _MESSAGE_TYPE, field
        segment = self.segment if name == self.segment.id else self.near.segment(name)
        if segment is None:
            return ()
        if not field:
            return (name,)
        texts = segment.texts
        text = texts[field] if field < len(texts) else ""
        if not text:
            return ()
        if self.run.repetition and self.run.repetition in text:
            return [value for each in text.split(self.run.repetition) for value in self._value(each, component)]
        return self._value(text, component)

    def count(self, operand: Operand) -> int:
        """Return how many repetitions of a field are valued."""
        name, field, _ = operand
        segment = self.segment if name in {"", self.segment.id} else self.near.segment(name)
        texts = segment.texts if segment is not None else []
        text = texts[field or self.own] if (field or self.own) < len(texts) else ""
        separator = self.run.repetition
        if not separator or separator not in text:
            return int(text not in {"", NULL})
        return sum(each not in {"", NULL} for each in text.split(separator))

    def _value(self, text: str, component: int) -> Sequence[str]:
        if component > 1 or (component and self.run.component in text):
            parts = text.split(self.run.component)
            text = parts[component - 1] if component <= len(parts) else ""
        value = self.run.read(text)
        # A field is valued where any of its components is.
        return (value,) if value not in {"", NULL} else (text,) if not component and text not in {"", NULL} else ()


class PartSource:
    """A row of a data type asks: about the parts of the value, or about segments of the message.

    Attributes:
        run: the message.
        name: of the data type: ``CX``.
        parts: the parts of the value, as they stand.
        own: position of the part in hand.
    """

    __slots__ = ("name", "own", "parts", "run")

    def __init__(self, run: Run, name: str, parts: Sequence[str]) -> None:
        self.run = run
        self.name = name
        self.parts = parts
        self.own = 0

    def values(self, operand: Operand) -> Sequence[str]:
        """Return the values at a place."""
        name, part, inner = operand
        if name and name != self.name:
            return ()
        position = part or self.own
        text = self.parts[position - 1] if 0 < position <= len(self.parts) else ""
        if inner:
            pieces = text.split(self.run.subcomponent)
            text = pieces[inner - 1] if inner <= len(pieces) else ""
        value = self.run.read(text)
        return (value,) if value not in {"", NULL} else (text,) if text not in {"", NULL} else ()

    def count(self, operand: Operand) -> int:
        """Return whether the part is valued."""
        return len(self.values(operand))
