"""Segments and what they are made of: fields, repetitions, components, subcomponents.

Each part is a stretch of text that is taken apart when it is asked for, and never changed.

Spec: HL7 v2.8.2 chapter 2, 2.5.2 to 2.5.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from adapters.hl7.encoding.charsets import Charset
from adapters.hl7.encoding.delimiters import HEADERS, Delimiters
from adapters.hl7.encoding.escapes import unescape
from adapters.hl7.encoding.location import Location

NULL = '""'
"""A field of two quotes: the value is to be deleted."""


class Encoding(NamedTuple):
    """How the text of a message is to be read."""

    delimiters: Delimiters
    charset: Charset

    @property
    def literal(self) -> Encoding:
        """The encoding of fields 1 and 2 of a header, in which nothing is separated or escaped."""
        return Encoding(Delimiters(self.delimiters.field, "", "", "", ""), self.charset)


class _Part:
    """A stretch of a message.

    Attributes:
        text: as it stands in the message.
        encoding: how it is to be read.
    """

    __slots__ = ("encoding", "text")

    text: str
    encoding: Encoding

    def __init__(self, text: str, encoding: Encoding) -> None:
        self.text = text
        self.encoding = encoding

    @property
    def value(self) -> str:
        """What its first subcomponent says, escape sequences read; empty when there is none.

        Later versions of the standard add components to the right, so that is what a field meant before.
        """
        delimiters = self.encoding.delimiters
        text = self.text
        for separator in (delimiters.repetition, delimiters.component, delimiters.subcomponent):
            if separator and separator in text:
                text = text.partition(separator)[0]
        return unescape(text, delimiters, self.encoding.charset)

    @property
    def is_valued(self) -> bool:
        """Whether it says something; a null does not."""
        return self.text not in {"", NULL}

    @property
    def is_null(self) -> bool:
        """Whether it asks to delete the value."""
        return self.text == NULL

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.text == self.text and other.encoding == self.encoding

    def __hash__(self) -> int:
        return hash((type(self), self.text))

    def __repr__(self) -> str:
        # never the text: it is a patient's
        return f"{type(self).__name__}({len(self.text)} characters)"


class Subcomponent(_Part):
    """A subcomponent."""

    __slots__ = ()


class Component(_Part):
    """A component."""

    __slots__ = ()

    @property
    def subcomponents(self) -> tuple[Subcomponent, ...]:
        """Its subcomponents, at least one."""
        encoding = self.encoding
        return tuple(Subcomponent(each, encoding) for each in split(self.text, encoding.delimiters.subcomponent))


class Repetition(_Part):
    """One repetition of a field."""

    __slots__ = ()

    @property
    def components(self) -> tuple[Component, ...]:
        """Its components, at least one."""
        encoding = self.encoding
        return tuple(Component(each, encoding) for each in split(self.text, encoding.delimiters.component))


class Field(_Part):
    """A field with its repetitions."""

    __slots__ = ()

    @property
    def repetitions(self) -> tuple[Repetition, ...]:
        """Its repetitions, at least one."""
        encoding = self.encoding
        return tuple(Repetition(each, encoding) for each in split(self.text, encoding.delimiters.repetition))


class Segment:
    """A segment.

    Attributes:
        id: its three characters.
        text: as it stands in the message, without its end.
        end: what ends it; empty for a last one that nothing ends.
        encoding: how it is to be read.
    """

    __slots__ = ("_texts", "encoding", "end", "id", "text")

    def __init__(self, text: str, end: str, encoding: Encoding) -> None:
        self.id = text[:3]
        self.text = text
        self.end = end
        self.encoding = encoding
        self._texts: list[str] | None = None

    @property
    def texts(self) -> list[str]:
        """The texts of its fields by their position; the id is number 0."""
        texts = self._texts
        if texts is None:
            separator = self.encoding.delimiters.field
            texts = self.text.split(separator)
            if self.id in HEADERS:
                texts.insert(1, separator)
            self._texts = texts
        return texts

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its fields in order, from the first."""
        return tuple(self.field(position) for position in range(1, len(self.texts)))

    def field(self, position: int) -> Field:
        """Return the field at *position*, counted from 1; an empty one where the segment ends before it.

        Raises:
            ValueError: *position* is less than 1.
        """
        if position < 1:
            raise ValueError("fields are counted from 1")
        texts = self.texts
        text = texts[position] if position < len(texts) else ""
        return Field(text, self._encoding_of(position))

    def text_at(self, at: Location) -> str:
        """Return the text at a place of this segment, as it stands in the message; empty where there is nothing."""
        if not at.field:
            return self.text
        texts = self.texts
        if at.field >= len(texts):
            return ""
        text = texts[at.field]
        delimiters = self._encoding_of(at.field).delimiters
        if at.repetition or at.component:
            text = _nth(text, delimiters.repetition, at.repetition or 1)
        if at.component:
            text = _nth(text, delimiters.component, at.component)
        if at.subcomponent:
            text = _nth(text, delimiters.subcomponent, at.subcomponent)
        return text

    def value_at(self, at: Location) -> str:
        """Return what a place of this segment says; see :attr:`Field.value`."""
        return _Part(self.text_at(at), self._encoding_of(at.field)).value

    def leaves(self, sequence: int = 1) -> Iterator[tuple[Location, str]]:
        """Yield each subcomponent that is not empty, as it stands in the message, with its place."""
        segment_id = self.id
        separators = [each for each in (*self.encoding.delimiters[1:3], self.encoding.delimiters.subcomponent) if each]
        for position, text in enumerate(self.texts):
            if not text or not position:
                continue
            if (position <= 2 and segment_id in HEADERS) or not any(each in text for each in separators):  # noqa: PLR2004 - the delimiters themselves
                yield Location(segment_id, sequence, position, 1, 1, 1), text
            else:
                for place, leaf in self._leaves_of(text):
                    yield Location(segment_id, sequence, position, *place), leaf

    def _leaves_of(self, text: str) -> Iterator[tuple[tuple[int, int, int], str]]:
        _, component, repetition, _, subcomponent, _ = self.encoding.delimiters
        for number, repeated in enumerate(split(text, repetition), 1):
            for position, part in enumerate(split(repeated, component), 1):
                if not subcomponent or subcomponent not in part:
                    if part:
                        yield (number, position, 1), part
                    continue
                for place, leaf in enumerate(part.split(subcomponent), 1):
                    if leaf:
                        yield (number, position, place), leaf

    def _encoding_of(self, position: int) -> Encoding:
        if position <= 2 and self.id in HEADERS:  # noqa: PLR2004 - the delimiters themselves
            return self.encoding.literal
        return self.encoding

    def __repr__(self) -> str:
        # never the text: it is a patient's
        return f"Segment({self.id}, {len(self.text)} characters)"


def split(text: str, separator: str) -> list[str]:
    """Return the parts of *text*; one if there is no such separator."""
    return text.split(separator) if separator else [text]


def _nth(text: str, separator: str, position: int) -> str:
    if not separator or separator not in text:
        return text if position == 1 else ""
    parts = text.split(separator, position)
    return parts[position - 1] if position <= len(parts) else ""
