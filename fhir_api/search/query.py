"""A search as a value: what the client asked, understood, with nothing of HTTP or SQL in it.

``fhir_api.search.parse`` makes it from request parameters; stores carry it out.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Parameter:
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


@dataclass(frozen=True, slots=True)
class TokenValue:
    """``code`` (any_system), ``system|code``, ``|code`` (system None), ``system|`` (code None)."""

    system: str | None
    code: str | None
    any_system: bool = False
    type_code: str | None = None
    """``:of-type``: then *system* is the type's system, *type_code* the type's code, *code* the identifier's value."""


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """*target* as in :class:`~fhir_api.search.entries.ReferenceEntry`.

    A bare id is given in *candidates*: each ``Type/id`` it may mean. *version* is set for ``url|version``.
    """

    candidates: tuple[str, ...]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class DateValue:
    """The search range ``[low, high)`` in milliseconds; for AP already widened."""

    prefix: Prefix
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class StringValue:
    """A text as written by the client, unescaped."""

    text: str


@dataclass(frozen=True, slots=True)
class NumberValue:
    """The range ``[low, high)`` that the precision of the text implies around *value*; for AP ten per cent."""

    prefix: Prefix
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """A number with an optional unit: ``system|code`` (both), ``|code-or-unit`` (system None, code set), or any."""

    number: NumberValue
    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class UriValue:
    """A uri as written."""

    uri: str


@dataclass(frozen=True, slots=True)
class CompositeValue:
    """One value for each component, joined by ``$``."""

    components: tuple[Value, ...]


Value = TokenValue | ReferenceValue | DateValue | StringValue | NumberValue | QuantityValue | UriValue | CompositeValue


@dataclass(frozen=True, slots=True)
class ValueClause:
    """Any of *values* matches *parameter* (with ``:not``: none does)."""

    parameter: Parameter
    modifier: str | None
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class MissingClause:
    """The resource has no value (*missing*), or at least one, for the parameter."""

    parameter: Parameter
    missing: bool


@dataclass(frozen=True, slots=True)
class IdClause:
    """``_id``: the logical id is one of *ids*."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastUpdatedClause:
    """``_lastUpdated``: any of the ranges."""

    values: tuple[DateValue, ...]


@dataclass(frozen=True, slots=True)
class ChainClause:
    """``subject:Patient.name=x``: the target of *reference* is of one of the types and satisfies its clause.

    *targets* pairs each target type that has the chained parameter with the clause for that type.
    """

    reference: Parameter
    targets: tuple[tuple[str, Clause], ...]


@dataclass(frozen=True, slots=True)
class HasClause:
    """``_has:Observation:patient:code=x``: a *source_type* points here by *reference* and satisfies *clause*."""

    source_type: str
    reference: Parameter
    clause: Clause


@dataclass(frozen=True, slots=True)
class AnyClause:
    """At least one of *clauses* holds (none of an empty tuple does): compartments, searches across types."""

    clauses: tuple[Clause, ...]


Clause = ValueClause | MissingClause | IdClause | LastUpdatedClause | ChainClause | HasClause | AnyClause


@dataclass(frozen=True, slots=True)
class SortKey:
    """``_sort``: *parameter* is None for ``_lastUpdated`` (and ``_id`` has code ``_id``)."""

    code: str
    parameter: Parameter | None
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
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


@dataclass(frozen=True, slots=True)
class Query:
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
    """

    resource_types: tuple[str, ...]
    clauses: tuple[Clause, ...] = ()
    sort: tuple[SortKey, ...] = ()
    count: int = 20
    total: Total = Total.NONE
    includes: tuple[Include, ...] = field(default=())
    cursor: bytes | None = None
    elements: tuple[str, ...] = ()
    summary: str | None = None
