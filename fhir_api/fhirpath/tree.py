"""The children and descendants of elements, whatever their types.

Spec: https://hl7.org/fhirpath/N1/#tree-navigation
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from fhir_api.fhirpath import model
from fhir_api.fhirpath.model import Member
from fhir_api.fhirpath.navigation import boxed_children
from fhir_api.fhirpath.values import Item


class _Property(NamedTuple):
    """What one JSON property of a type holds.

    Attributes:
        element: the element.
        is_complex: its values are elements with children, and no resources.
        is_companion: the property is ``_name``.
    """

    element: Member
    is_complex: bool
    is_companion: bool


@cache
def _properties(type_name: str) -> Mapping[str, _Property]:
    found: dict[str, _Property] = {}
    for key, element in model.json_members(type_name).items():
        is_primitive = model.is_primitive(element.type)
        is_complex = not is_primitive and element.type != model.RESOURCE
        found[key] = _Property(element, is_complex, is_companion=False)
        if is_primitive:
            found[f"_{key}"] = _Property(element, is_complex=False, is_companion=True)
    return found


def children(item: Any) -> list[Any]:
    """Return all children of a boxed item, boxed, in the order of the JSON."""
    if type(item) is Item:
        parent = item.element if model.is_primitive(item.type) else item.value
        type_name = item.type
    elif type(item) is dict:
        parent, type_name = item, item.get("resourceType", "")
    else:
        return []
    found: list[Any] = []
    if not parent:
        return found
    properties = _properties(type_name)
    for key, value in parent.items():
        entry = properties.get(key)
        if entry is None:
            continue
        element, is_complex, is_companion = entry
        if is_complex:
            kind = element.type
            if type(value) is list:
                found.extend([Item(child, kind) for child in value])
            else:
                found.append(Item(value, kind))
        elif not is_companion or element.key not in parent:
            found.extend(boxed_children(parent, element))
    return found


def descendants(item: Any) -> list[Any]:
    """Return the children of a boxed item, their children and so on, boxed."""
    found: list[Any] = []
    level = children(item)
    while level:
        found.extend(level)
        # most items are primitives without a companion, which have no children
        level = [
            child
            for parent in level
            if type(parent) is dict or type(parent.value) is dict or parent.element
            for child in children(parent)
        ]
    return found
