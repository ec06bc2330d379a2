"""What the definitions say of XML elements: one rule for each element, made once and looked up by its name.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import orjson

from conformance.types import Element, ElementType, node, nodes, resource_types

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"
SEPARATOR = " "
"""Stands between namespace and local name; neither can hold it."""
MAX_DEPTH = 100
"""How deep XML elements may nest; real resources stay below 30."""
NUMBER_TYPES = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
"""Primitives that are JSON numbers."""
_BOOLEANS = {"true": True, "false": False}


class Kind(Enum):
    """How the content of an element becomes JSON."""

    PRIMITIVE = 1
    COMPLEX = 2
    RESOURCE = 3
    CONTAINER = 4
    """Holds one resource: ``contained``, ``Bundle.entry.resource``."""
    XHTML = 5


class Rule(NamedTuple):
    """What is known of an XML element by its name.

    Attributes:
        name: its JSON property.
        companion: the property of its id and extensions where it is a primitive.
        place: its step in a FHIRPath: ``value`` for ``valueQuantity``.
        is_list: whether JSON has an array.
        kind: how its content becomes JSON.
        type: the node its children are looked up in.
        convert: gives the JSON value of a primitive's text, or None where the type has none; without it the text is it.
    """

    name: str
    companion: str
    place: str
    is_list: bool
    kind: Kind
    type: str
    convert: Callable[[str], Any] | None


Rules = Mapping[str, Rule]
"""Rules by the element's name after its namespace."""


@cache
def rules_of(node_name: str) -> Rules:
    """Return the rules of the children of a type; of ``Resource``, every resource is a child."""
    if node_name == "Resource":
        return {_fhir(name): Rule(name, "", name, False, Kind.RESOURCE, name, None) for name in resource_types()}
    rules: dict[str, Rule] = {}
    for element in node(node_name).elements:
        if not element.is_attribute:
            for name, kind in element.json_names().items():
                rule = _rule(element, name, kind)
                rules[f"{XHTML}{SEPARATOR}{name}" if rule.kind is Kind.XHTML else _fhir(name)] = rule
    return rules


@cache
def attributes_of(node_name: str) -> frozenset[str]:
    """Return the XML attributes that are properties of a type."""
    return frozenset(element.name for element in node(node_name).elements if element.is_attribute)


def _fhir(name: str) -> str:
    return f"{FHIR}{SEPARATOR}{name}"


def _rule(element: Element, name: str, kind: ElementType) -> Rule:
    return Rule(
        name=name,
        companion=f"_{name}",
        place=element.name,
        is_list=element.max is None,
        kind=_kind(kind.code),
        type=kind.code,
        convert=_converter(kind.code),
    )


def _kind(code: str) -> Kind:
    if code == "xhtml":
        return Kind.XHTML
    if code == "Resource":
        return Kind.CONTAINER
    return Kind.PRIMITIVE if nodes()[code].kind == "primitive-type" else Kind.COMPLEX


def _converter(code: str) -> Callable[[str], Any] | None:
    if code == "boolean":
        return _BOOLEANS.get
    if code not in NUMBER_TYPES:
        return None
    is_number = re.compile(node(code).regex or "").fullmatch

    def number(text: str) -> orjson.Fragment | None:
        return orjson.Fragment(text) if is_number(text) else None

    return number
