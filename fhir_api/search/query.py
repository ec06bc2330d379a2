"""A search as a value: what the client asked, understood, with nothing of HTTP or SQL in it.

``fhir_api.search.parse`` makes it from request parameters; stores carry it out.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct


class Prefix(StrEnum):
    """How an ordered value is compared."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    SA = "sa"
    EB = "eb"
    AP = "ap"


class Parameter(Struct, frozen=True):
    """A search parameter on one resource type.

    Attributes:
        resource_type: the type searched, such as ``Patient``.
        code: the name in the URL, such as ``birthdate``.
        type: ``token | reference | date | string | number | quantity | uri | composite | special``.
        key: the number of its index entries, see :func:`fhir_api.search.entries.parameter_key`.
        expression: FHIRPath, as published.
        url: canonical of the SearchParameter.
        targets: types a reference may point at.
        components: the parameters of a composite, in order.
        element_types: FHIR types of the elements it looks at, such as ``("CodeableConcept", "Reference")``, sorted.
        is_identifier: its token values are :class:`~fhir_api.search.entries.IdentifierEntry`.
        is_canonical: a reference parameter on canonical elements.
        ignores_case: a token parameter on texts; codes in entries and values are case-folded.
        texts: keys of the texts that go with its codes, one for each place it looks at; empty where there can be none.
        parts: keys of other parameters of the type that have all its entries; see :mod:`fhir_api.search.sharing`.
        only: the entries of *parts* that point at another type than this are none of its own; None where all are.
        later: the key of what follows the first word of each family name it looks at; None where it looks at none.
        by_sound: a string parameter on names; its texts are what their words sound like.
        is_gathered: its entries are among ``IndexEntries.gathered``.
    """

    resource_type: str
    code: str
    type: str
    key: int
    expression: str
    url: str
    targets: tuple[str, ...] = ()
    components: tuple[Parameter, ...] = ()
    element_types: tuple[str, ...] = ()
    is_identifier: bool = False
    is_canonical: bool = False
    ignores_case: bool = False
    texts: tuple[int, ...] = ()
    parts: tuple[int, ...] = ()
    only: str | None = None
    later: int | None = None
    by_sound: bool = False
    is_gathered: bool = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """The keys under which a store finds its entries: those of its parts, or its own."""
        return self.parts or (self.key,)


class TokenValue(Struct, frozen=True):
    """``code`` (any_system), ``system|code``, ``|code`` (system None), ``system|`` (code None)."""

    system: str | None
    code: str | None
    any_system: bool = False
    type_code: str | None = None
    """``:of-type``: then *system* is the type's system, *type_code* the type's code, *code* the identifier's value."""


class ReferenceValue(Struct, frozen=True):
    """*target* as in :class:`~fhir_api.search.entries.ReferenceEntry`.

    A bare id is given in *candidates*: each ``Type/id`` it may mean. *version* is set for ``url|version``. With
    ``:above`` and ``:below``, *parents* are the parameters by which the candidates' types point at what is above them.
    """

    candidates: tuple[str, ...]
    version: str | None = None
    parents: tuple[Parameter, ...] = ()


class DateValue(Struct, frozen=True):
    """The search range ``[low, high)`` in milliseconds; for AP already widened."""

    prefix: Prefix
    low: int
    high: int


class StringValue(Struct, frozen=True):
    """A text as written by the client, unescaped."""

    text: str


class NumberValue(Struct, frozen=True):
    """The range ``[low, high)`` that the precision of the text implies around *value*; for AP ten per cent."""

    prefix: Prefix
    value: float
    low: float
    high: float


class Interval(Struct, frozen=True):
    """Numbers from *low* to *high*, which may be infinite; *has_low*, *has_high*: whether the end is one of them."""

    low: Decimal
    high: Decimal
    has_low: bool
    has_high: bool


class Measure(Struct, frozen=True):
    """What a quantity means in the base units of *dimension*: a number in any of *intervals*."""

    dimension: str
    intervals: tuple[Interval, ...]


class QuantityValue(Struct, frozen=True):
    """A number with an optional unit: ``system|code``, ``|code-or-unit`` (no system), ``system`` (no code), or any.

    *measure* is set for a unit of UCUM, which stands for every unit of its dimension.
    """

    number: NumberValue
    system: str | None
    code: str | None
    measure: Measure | None = None


class UriValue(Struct, frozen=True):
    """A uri as written."""

    uri: str


class WordsValue(Struct, frozen=True):
    """Folded words, all of which are looked for."""

    words: tuple[str, ...]


class NearValue(Struct, frozen=True):
    """A circle on the earth: its middle in degrees, its radius in metres."""

    latitude: float
    longitude: float
    metres: float


class CompositeValue(Struct, frozen=True):
    """One value for each component, joined by ``$``."""

    components: tuple[Value, ...]


Value = (
    TokenValue
    | ReferenceValue
    | DateValue
    | StringValue
    | NumberValue
    | QuantityValue
    | UriValue
    | WordsValue
    | NearValue
    | CompositeValue
)


class ValueClause(Struct, frozen=True):
    """Any of *values* matches *parameter* (with ``:not``: none does)."""

    parameter: Parameter
    modifier: str | None
    values: tuple[Value, ...]

    @property
    def later(self) -> tuple[int, ...]:
        """The key of the parts of family names, which are looked at where a text may begin with a value."""
        return (self.parameter.later,) if self.parameter.later is not None and self.modifier is None else ()


class MissingClause(Struct, frozen=True):
    """The resource has no value (*missing*), or at least one, for the parameter."""

    parameter: Parameter
    missing: bool


class IdClause(Struct, frozen=True):
    """``_id``: the logical id is one of *ids*."""

    ids: tuple[str, ...]


class LastUpdatedClause(Struct, frozen=True):
    """``_lastUpdated``: any of the ranges."""

    values: tuple[DateValue, ...]


class ChainClause(Struct, frozen=True):
    """``subject:Patient.name=x``: the target of *reference* is of one of the types and satisfies its clause.

    *targets* pairs each target type that has the chained parameter with the clause for that type.
    """

    reference: Parameter
    targets: tuple[tuple[str, Clause], ...]


class HasClause(Struct, frozen=True):
    """``_has:Observation:patient:code=x``: a *source_type* points here by *reference* and satisfies *clause*."""

    source_type: str
    reference: Parameter
    clause: Clause


class PrimaryDateClause(Struct, frozen=True):
    """The primary clinical date, one of *parameters* for each type, meets ``[low, high)``; or there is none."""

    parameters: tuple[Parameter, ...]
    low: int
    high: int


class AnyClause(Struct, frozen=True):
    """At least one of *clauses* holds (none of an empty tuple does): compartments, searches across types."""

    clauses: tuple[Clause, ...]


class AllClause(Struct, frozen=True):
    """Every one of *clauses* holds."""

    clauses: tuple[Clause, ...]


class NotClause(Struct, frozen=True):
    """*clause* does not hold."""

    clause: Clause


class TypeClause(Struct, frozen=True):
    """The resource is of this type: for searches across types."""

    resource_type: str


class VisibleClause(Struct, frozen=True):
    """*clause*, which says what somebody may see, holds; what a resource contains is as visible as itself."""

    clause: Clause


Clause = (
    ValueClause
    | MissingClause
    | IdClause
    | LastUpdatedClause
    | ChainClause
    | HasClause
    | PrimaryDateClause
    | AnyClause
    | AllClause
    | NotClause
    | TypeClause
    | VisibleClause
)


EVERYTHING = AllClause(())
"""Holds for every resource."""

NOTHING = AnyClause(())
"""Holds for none."""


class SortKey(Struct, frozen=True):
    """``_sort``: *parameter* is None for ``_lastUpdated`` (and ``_id`` has code ``_id``).

    In a search over several types, *others* are the parameters of the types behind the first.
    """

    code: str
    parameter: Parameter | None
    descending: bool
    others: tuple[Parameter, ...] = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of all types, all of one parameter type; none for what every resource has."""
        return () if self.parameter is None else (self.parameter, *self.others)


class Include(Struct, frozen=True):
    """``_include`` or ``_revinclude``.

    Attributes:
        source_type: the type that holds the reference.
        parameters: the reference parameters followed (all of the type's for ``*``).
        target_type: only targets of this type, if given.
        reverse: ``_revinclude``.
        iterate: applied to included resources as well.
    """

    source_type: str
    parameters: tuple[Parameter, ...]
    target_type: str | None
    reverse: bool
    iterate: bool


class Total(StrEnum):
    """``_total``."""

    NONE = "none"
    ESTIMATE = "estimate"
    ACCURATE = "accurate"


class Query(Struct, frozen=True):
    """One search, understood.

    Attributes:
        resource_types: the types searched; empty for every type.
        clauses: all must hold.
        sort: empty for the server's own stable order.
        count: entries a page holds at most; 0 asks for the total only.
        total: whether ``Bundle.total`` is wanted.
        includes: in the order given.
        cursor: where the page starts, opaque to all but the store; None for the first.
        elements, summary: how entries are shown (the store ignores both).
        visible: for each type that includes may add, what has to hold for its resources; None where nothing has to.
    """

    resource_types: tuple[str, ...]
    clauses: tuple[Clause, ...] = ()
    sort: tuple[SortKey, ...] = ()
    count: int = 20
    total: Total = Total.NONE
    includes: tuple[Include, ...] = ()
    cursor: bytes | None = None
    elements: tuple[str, ...] = ()
    summary: str | None = None
    visible: Mapping[str, Clause] | None = None
