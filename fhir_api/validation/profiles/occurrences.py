"""The values an element has in JSON, with their types and places.

Spec: https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from conformance.types import Element, Node, nodes
from fhir_api.fhirpath import Item, model
from fhir_api.fhirpath.navigation import with_companion
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Json


class Occurrence(NamedTuple):
    """One value of an element.

    Attributes:
        value: JSON; an ``Item`` for a primitive that has an id or extensions.
        kind: its FHIR type; of a backbone element the node, such as ``Patient.contact``.
        place: where it stands.
    """

    value: Json
    kind: str
    place: Place


Reader = Callable[[dict[str, Json], Place], list[Occurrence]]
"""Gives all values of one element that a parent (JSON) at a place has."""


@cache
def elements_of(type_name: str) -> dict[str, Element]:
    """Return the elements of a type by the names that paths have: ``value[x]``; none for a type R4 does not have."""
    found: Node | None = nodes().get(type_name)
    return {} if found is None else {element.path.rpartition(".")[2]: element for element in found.elements}


def reader(element: Element) -> Reader:
    """Return what reads the values of an element; JSON of another kind than the element's counts as none."""
    (kind, *others) = element.types
    if element.is_choice:
        return _choice(element)
    if others or model.is_primitive(kind.code):
        return _primitive(element.name, kind.code)
    return _complex(element.name, kind.code)


def _complex(name: str, kind: str) -> Reader:
    is_resource = kind == "Resource"

    def read(parent: dict[str, Json], place: Place) -> list[Occurrence]:
        value = parent.get(name)
        if type(value) is list:
            return [
                Occurrence(item, item.get("resourceType", kind) if is_resource else kind, Place(place, name, index))
                for index, item in enumerate(value)
                if type(item) is dict
            ]
        if type(value) is dict:
            return [Occurrence(value, value.get("resourceType", kind) if is_resource else kind, Place(place, name))]
        return []

    return read


def _primitive(name: str, kind: str) -> Reader:
    companion = f"_{name}"

    def read(parent: dict[str, Json], place: Place) -> list[Occurrence]:
        value = parent.get(name)
        if companion not in parent:
            if value is None:
                return []
            if type(value) is not list:
                return [Occurrence(value, kind, Place(place, name))]
            return [
                Occurrence(item, kind, Place(place, name, index))
                for index, item in enumerate(value)
                if item is not None
            ]
        extra = parent[companion]
        if type(extra) is not list:
            return [Occurrence(Item(value, kind, extra), kind, Place(place, name))]
        boxed = with_companion(value, extra, kind)
        return [Occurrence(item, kind, Place(place, name, index)) for index, item in enumerate(boxed)]

    return read


def _choice(element: Element) -> Reader:
    name = element.name
    kinds = {key: kind.code for key, kind in element.json_names().items()}
    kinds |= {f"_{key}": kind for key, kind in kinds.items() if model.is_primitive(kind)}

    def read(parent: dict[str, Json], place: Place) -> list[Occurrence]:
        for key in parent:
            if key in kinds:
                kind = kinds[key]
                name_of_type = key.removeprefix("_")
                value, extra = parent.get(name_of_type), parent.get(f"_{name_of_type}")
                item = value if extra is None else Item(value, kind, extra)
                return [Occurrence(item, kind, Place(place, name))]
        return []

    return read
