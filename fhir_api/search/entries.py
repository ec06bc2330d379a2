"""What a resource puts into the search index: plain facts, independent of any store.

Each entry starts with the *parameter key*, a stable number for (resource type, parameter code) that
:func:`parameter_key` gives. A store turns entries into whatever it looks up fast; tests evaluate them directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import Final, NamedTuple


def parameter_key(resource_type: str, code: str) -> int:
    """Return the stable positive 31-bit number of a parameter on a resource type."""
    digest = blake2b(f"{resource_type}.{code}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") & 0x7FFFFFFF


CANONICAL: Final = parameter_key("Resource", "#canonical")
"""Key of the names by which canonicals point at a resource, as references; see :func:`canonical_target`."""


def canonical_target(url: str, version: str | None) -> str:
    """Return what a canonical with this version, or without one, is indexed as beside its url."""
    return f"|{url}|{version or ''}"


new_entry: Final = tuple.__new__
"""``new_entry(TokenEntry, (1, None, "a"))`` is ``TokenEntry(1, None, "a")`` in half the time, no defaults."""


class TokenEntry(NamedTuple):
    """A coded value: Coding, CodeableConcept, code, boolean.

    *system* is None where the value has none; *code* is empty where only a system is there.
    """

    parameter: int
    system: str | None
    code: str


class IdentifierEntry(NamedTuple):
    """A value that names one thing rather than a class: Identifier, ContactPoint, string, id or uri as a token.

    *type_system* and *type_code* are one coding of ``Identifier.type`` (for ``:of-type``), else None.
    """

    parameter: int
    system: str | None
    code: str
    type_system: str | None = None
    type_code: str | None = None


class TextEntry(NamedTuple):
    """A text that goes with a coded value; *parameter* is a key of ``Parameter.texts``."""

    parameter: int
    text: str


class WordsEntry(NamedTuple):
    """All different words of a text, folded."""

    parameter: int
    words: frozenset[str]


class ReferenceEntry(NamedTuple):
    """A reference.

    *target* is ``Type/id`` for a resource of this server, else the absolute URL, canonical or urn as written (a
    canonical without its ``|version``, which is in *version*). *type* is the target's type when it is known.
    *identifier_system*, *identifier_value*: the logical reference (``:identifier``); then *target* may be empty.
    """

    parameter: int
    target: str
    type: str | None = None
    version: str | None = None
    identifier_system: str | None = None
    identifier_value: str | None = None


class DateEntry(NamedTuple):
    """A date, dateTime, instant, Period or Timing as ``[low, high)`` in milliseconds since 1970 UTC."""

    parameter: int
    low: int
    high: int


class StringEntry(NamedTuple):
    """One text as written (a HumanName or Address gives several)."""

    parameter: int
    text: str


class NumberEntry(NamedTuple):
    """A number."""

    parameter: int
    value: float


class QuantityEntry(NamedTuple):
    """A quantity; *value* is NaN-free, *system*, *code*, *unit* as written."""

    parameter: int
    value: float
    system: str | None
    code: str | None
    unit: str | None


class RangeEntry(NamedTuple):
    """A Range under a number or quantity parameter: from *low* to *high*, infinite where it is open."""

    parameter: int
    low: float
    high: float
    system: str | None
    code: str | None
    unit: str | None


class UriEntry(NamedTuple):
    """A uri as written."""

    parameter: int
    uri: str


Component = (
    TokenEntry
    | IdentifierEntry
    | ReferenceEntry
    | DateEntry
    | StringEntry
    | NumberEntry
    | QuantityEntry
    | RangeEntry
    | UriEntry
)


class CompositeEntry(NamedTuple):
    """One combination of component values taken from one element; *parameter* inside the components is theirs."""

    parameter: int
    components: tuple[Component, ...]


Shared = Mapping[int, tuple[int, str | None]]
"""For the key of a parameter whose entries are those of others: the key of the first, and its ``only``."""

NOTHING_SHARED: Final[Shared] = MappingProxyType({})


@dataclass(slots=True)
class IndexEntries:
    """All that one resource puts into the index; each list is free of duplicates.

    *low* is the resource's primary clinical date (low end, milliseconds), or ``EARLIEST`` where it has none: "newest
    first" means newest by this date. *shared*: the parameters whose entries are here, but need not be kept.
    *gathered*: the keys of tokens and texts that many resources have together, so that a store may keep a set once.
    """

    low: int
    tokens: list[TokenEntry] = field(default_factory=list)
    identifiers: list[IdentifierEntry] = field(default_factory=list)
    references: list[ReferenceEntry] = field(default_factory=list)
    dates: list[DateEntry] = field(default_factory=list)
    strings: list[StringEntry] = field(default_factory=list)
    numbers: list[NumberEntry | RangeEntry] = field(default_factory=list)
    quantities: list[QuantityEntry | RangeEntry] = field(default_factory=list)
    uris: list[UriEntry] = field(default_factory=list)
    composites: list[CompositeEntry] = field(default_factory=list)
    texts: list[TextEntry] = field(default_factory=list)
    words: list[WordsEntry] = field(default_factory=list)
    shared: Shared = field(default_factory=lambda: NOTHING_SHARED)
    gathered: set[int] = field(default_factory=set)
