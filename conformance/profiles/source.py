"""How the source of a package is written: short, checked when it is read, nothing repeated.

``package.yaml`` of a package's folder is one :class:`Source`; FHIR's own words are used where it has one.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Identifier(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of identifier: its NamingSystem, and the rule its values follow.

    Attributes:
        title: what it identifies.
        key: of the rule, where there is a format.
        format: a regular expression for the whole value.
        says: the rule in words.
    """

    title: str
    key: str = ""
    format: str = ""
    says: str = ""


class Codes(Struct, frozen=True, forbid_unknown_fields=True):
    """A CodeSystem, and a ValueSet of all its codes.

    Attributes:
        codes: display of each code.
    """

    title: str
    codes: dict[str, str]
    description: str = ""


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """A constraint.

    Attributes:
        says: in words, without a full stop.
        that: the FHIRPath expression; ``{canonical}`` is the package's.
    """

    says: str
    that: str


class Slice(Struct, frozen=True, forbid_unknown_fields=True):
    """How an element is sliced.

    Attributes:
        by: ``type:path`` of the discriminator, such as ``value:system``.
        rules: ``open | closed | openAtEnd``.
    """

    by: str
    rules: str = "open"


class Element(Struct, frozen=True, forbid_unknown_fields=True):
    """What a profile says of one element.

    Attributes:
        card: ``min..max``; either may be left out.
        short: for people.
        must: mustSupport.
        types: types, with profiles or targets in brackets: ``Reference(rw-patient|Device)``.
        bind: strength and value set: ``required province``.
        fixed, pattern: one value by its type: ``{uri: http://loinc.org}``.
        slice: begins slicing.
    """

    card: str = ""
    short: str = ""
    must: bool = False
    types: tuple[str, ...] = field(name="is", default=())
    bind: str = ""
    fixed: dict[str, Any] = {}
    pattern: dict[str, Any] = {}
    slice: Slice | None = None


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of an extension that has parts."""

    type: str = field(name="is")
    card: str = "0..1"
    bind: str = ""


class Extension(Struct, frozen=True, forbid_unknown_fields=True):
    """An extension: a value, or parts.

    Attributes:
        context: where it may stand.
        type: of its value.
        parts: by their names.
    """

    title: str
    context: tuple[str, ...]
    type: str = field(name="is", default="")
    bind: str = ""
    parts: dict[str, Part] = {}
    rules: dict[str, Rule] = {}


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """A profile.

    Attributes:
        of: what it constrains: a type, a profile of this package, or a canonical.
        type: the type, where *of* is a canonical.
        identifiers: slices of ``identifier`` by systems of this package, with the cardinality of each.
        elements: by their ids without the type, in the order of the type's own.
        rules: constraints on the whole.
    """

    of: str
    title: str
    elements: dict[str, Element]
    identifiers: dict[str, str] = {}
    type: str = ""
    description: str = ""
    rules: dict[str, Rule] = {}


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """A package."""

    name: str
    version: str
    canonical: str
    title: str
    description: str
    publisher: str
    date: str
    dependencies: dict[str, str]
    identifiers: dict[str, Identifier]
    codes: dict[str, Codes]
    extensions: dict[str, Extension]
    profiles: dict[str, Profile]

    def url(self, resource_type: str, name: str) -> str:
        """Return the canonical of a definition of this package."""
        return f"{self.canonical}/{resource_type}/{name}"

    def system(self, identifier: str) -> str:
        """Return the URI of a kind of identifier."""
        return f"{self.canonical}/sid/{identifier}"
