"""The types of FHIR: resources, data types, primitives and the backbone elements inside them.

Spec: https://hl7.org/fhir/R4/structuredefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct

from conformance.rows import read_rows


class ElementType(NamedTuple):
    """A type that an element may have.

    Attributes:
        code: the name of a :class:`Node`: ``string``, ``Quantity``, ``Resource``, ``Patient.contact``.
        profiles: canonicals the value has to follow, such as that of SimpleQuantity.
        target_profiles: types a Reference or canonical may point at; ``("Resource",)`` is any.
    """

    code: str
    profiles: tuple[str, ...] = ()
    target_profiles: tuple[str, ...] = ()


class Binding(NamedTuple):
    """The value set of a coded element.

    Attributes:
        strength: ``required | extensible | preferred | example``.
        value_set: canonical without version; None where the binding is prose only.
    """

    strength: str
    value_set: str | None


class Constraint(NamedTuple):
    """An invariant, as a FHIRPath expression that has to be true.

    Attributes:
        key: its name in the specification, such as ``obs-6``.
        severity: ``error | warning``.
        human: the rule in words.
        expression: FHIRPath over the element that carries it.
    """

    key: str
    severity: str
    human: str
    expression: str | None


class Element(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One element of a node.

    Attributes:
        name: its JSON name, for a choice without the type: ``value``.
        path: its place in the definition: ``Observation.value[x]``.
        types: what it may be; several only for a choice.
        is_choice: whether its JSON name carries the type: ``valueQuantity``.
        min: least number of values.
        max: greatest number of values; None is any number.
        binding: the value set of its codes.
        is_summary: whether ``_summary=true`` keeps it.
        is_modifier: whether it changes the meaning of what holds it.
        is_attribute: whether XML writes it as an attribute (``id``, ``Extension.url``).
        constraints: invariants of this element that its types do not carry already.
        content_reference: the node whose content it shares, such as ``Questionnaire.item``; *types* has it too.
        max_length: greatest number of characters.
    """

    name: str
    path: str
    types: tuple[ElementType, ...]
    is_choice: bool = False
    min: int = 0
    max: int | None = 1
    binding: Binding | None = None
    is_summary: bool = False
    is_modifier: bool = False
    is_attribute: bool = False
    constraints: tuple[Constraint, ...] = ()
    content_reference: str | None = None
    max_length: int | None = None

    def json_names(self) -> dict[str, ElementType]:
        """Return each JSON property this element may be, with its type: ``{"valueQuantity": …, "valueString": …}``."""
        if not self.is_choice:
            return {self.name: self.types[0]}
        return {f"{self.name}{kind.code[0].upper()}{kind.code[1:]}": kind for kind in self.types}


class Node(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A type, or a backbone element, with its elements.

    Attributes:
        name: ``Patient``, ``HumanName``, ``string``, ``Patient.contact``.
        kind: ``resource | complex-type | primitive-type | backbone``.
        base: the type it derives from; None for ``Element`` and ``Resource``.
        abstract: whether no instance of just this type exists.
        elements: inherited ones first, in the order XML wants; a primitive has only those of its ``_name`` companion.
        constraints: invariants, the inherited ones with them.
        regex: what the text of a primitive has to match as a whole.
        max_length: greatest number of characters of a primitive.
    """

    name: str
    kind: str
    base: str | None = None
    abstract: bool = False
    elements: tuple[Element, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    regex: str | None = None
    max_length: int | None = None


@cache
def nodes() -> Mapping[str, Node]:
    """Return every node by its name."""
    return MappingProxyType({row.name: row for row in read_rows("nodes.jsonl", Node)})


def node(name: str) -> Node:
    """Return one node.

    Raises:
        KeyError: R4 has no such type.
    """
    return nodes()[name]


@cache
def resource_types() -> tuple[str, ...]:
    """Return the names of all resource types that can be instantiated, sorted."""
    return tuple(sorted(row.name for row in nodes().values() if row.kind == "resource" and not row.abstract))


def is_subtype(name: str, ancestor: str) -> bool:
    """Tell whether type *name* is *ancestor* or derives from it; False for names that R4 does not have."""
    known = nodes()
    current: str | None = name if name in known else None
    while current is not None and current != ancestor:
        current = known[current].base
    return current is not None
