"""Paths: from elements to their children.

Spec: https://hl7.org/fhirpath/N1/#path-selection, https://hl7.org/fhir/R4/fhirpath.html#polymorphism
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, Final

from fhir_api.fhirpath import model
from fhir_api.fhirpath.errors import FhirPathSemanticError, Position
from fhir_api.fhirpath.model import Choice, Member
from fhir_api.fhirpath.plan import EMPTY, ChoiceSource, Many, One, Plan, Scope, collection, single
from fhir_api.fhirpath.values import Item, TypeInfo

_NAMED: Final = 3
"""How many types an error names."""
_FEW: Final = 6
"""Up to so many properties are looked up one by one; a wider choice is found by walking the element."""


def member(source: Plan, name: str, position: Position, *, is_strict: bool) -> Plan:
    """Return the plan of ``source.name``.

    Raises:
        FhirPathSemanticError: strict, and no type that *source* may have has such an element.
    """
    if is_strict and source.types and not any(_has(kind, name) for kind in source.types):
        expected = " or ".join(source.types[:_NAMED]) + (" or another" if len(source.types) > _NAMED else "")
        raise FhirPathSemanticError(f"Expected an element of {expected}, found '{name}'", position)
    type_name = source.raw_type
    if type_name is None:
        return EMPTY if source.types == () else _dynamic(source, name, position)
    if model.is_primitive(type_name):
        return _of_primitive(source, type_name, name, position)
    found_member = model.members(type_name).get(name)
    if found_member is None:
        return EMPTY
    if isinstance(found_member, Choice):
        plan = _choice(source, found_member, position)
        return replace(plan, choice=ChoiceSource(source, found_member))
    return property_of(source, found_member, position)


def property_of(source: Plan, element: Member, position: Position) -> Plan:
    """Return the plan that reads one JSON property of plain JSON elements."""
    is_single = source.is_single and not element.is_list
    is_boxed = element.type == model.RESOURCE
    types = None if is_boxed else (element.type,)
    if model.is_primitive(element.type):
        plan = _primitive(source, element, position)
    elif is_single:
        return single(_complex_one(source.one, element.key), types, is_boxed=is_boxed)
    else:
        plan = collection(_complex_many(source, element), types, position)
    return replace(plan, types=types, is_boxed=is_boxed, is_single=is_single, is_ordered=source.is_ordered)


def _has(type_name: str, name: str) -> bool:
    if model.is_abstract(type_name):
        return True
    return name in model.members(type_name) or (type_name == "System.TypeInfo" and name in TypeInfo._fields)


# -- elements that hold others


def _complex_one(source: One, key: str) -> One:
    def one(this: Any, scope: Scope) -> Any:
        parent = source(this, scope)
        return None if parent is None else parent.get(key)

    return one


def _complex_many(source: Plan, element: Member) -> Many:
    key = element.key
    if source.is_single:
        source_one = source.one

        def children_of_one(this: Any, scope: Scope) -> list[Any]:
            parent = source_one(this, scope)
            child = None if parent is None else parent.get(key)
            if child is None:
                return []
            return child if type(child) is list else [child]

        return children_of_one
    source_many = source.many
    if element.is_list:

        def lists_of_many(this: Any, scope: Scope) -> list[Any]:
            found: list[Any] = []
            for parent in source_many(this, scope):
                child = parent.get(key)
                if child is not None:
                    found.extend(child) if type(child) is list else found.append(child)
            return found

        return lists_of_many

    def children_of_many(this: Any, scope: Scope) -> list[Any]:
        return [child for parent in source_many(this, scope) if (child := parent.get(key)) is not None]

    return children_of_many


# -- primitives


def _primitive(source: Plan, element: Member, position: Position) -> Plan:
    key, companion, type_name = element.key, f"_{element.key}", element.type
    if source.is_single and not element.is_list:
        source_one = source.one

        def one(this: Any, scope: Scope) -> Any:
            parent = source_one(this, scope)
            if parent is None:
                return None
            value = parent.get(key)
            if companion in parent:
                return Item(value, type_name, parent[companion])
            return value

        return single(one, (type_name,), is_boxed=False)
    source_many = source.many

    def many(this: Any, scope: Scope) -> list[Any]:
        found: list[Any] = []
        for parent in source_many(this, scope):
            value = parent.get(key)
            if companion in parent:
                found.extend(with_companion(value, parent[companion], type_name))
            elif value is not None:
                found.extend(value) if type(value) is list else found.append(value)
        return found

    return collection(many, (type_name,), position, is_boxed=False)


def with_companion(value: Any, companion: Any, type_name: str) -> list[Any]:
    """Return the values of a primitive with its companion property, boxed."""
    if type(companion) is not list:
        return [Item(value, type_name, companion)]
    values = value if type(value) is list else []
    missing: list[Any] = [None]
    pairs = zip(
        values + missing * (len(companion) - len(values)),
        companion + missing * (len(values) - len(companion)),
        strict=True,
    )
    return [Item(one, type_name, other) for one, other in pairs if one is not None or other is not None]


def _of_primitive(source: Plan, type_name: str, name: str, position: Position) -> Plan:
    element = model.members(type_name).get(name)
    if element is None or isinstance(element, Choice):
        return EMPTY
    source_many = source.many

    def many(this: Any, scope: Scope) -> list[Any]:
        found: list[Any] = []
        for item in source_many(this, scope):
            child = item.element.get(name) if type(item) is Item and item.element else None
            if child is not None:
                found.extend(child) if type(child) is list else found.append(child)
        return found

    plan = collection(many, (element.type,), position, is_boxed=False)
    return replace(plan, is_single=source.is_single and not element.is_list, is_ordered=source.is_ordered)


# -- choices, and elements whose type is known only when they are met


def _choice(source: Plan, choice: Choice, position: Position) -> Plan:
    read = _choice_reader(choice)
    types = tuple(option.type for option in choice.members)
    if source.is_single:
        source_one = source.one

        def one(this: Any, scope: Scope) -> Any:
            parent = source_one(this, scope)
            return None if parent is None else read(parent)

        return single(one, types)
    source_many = source.many

    def many(this: Any, scope: Scope) -> list[Any]:
        return [item for parent in source_many(this, scope) if (item := read(parent)) is not None]

    return replace(collection(many, types, position), is_ordered=source.is_ordered)


def _choice_reader(choice: Choice) -> Callable[[dict[str, Any]], Any]:
    types = {option.key: option.type for option in choice.members}
    types |= {f"_{option.key}": option.type for option in choice.members if model.is_primitive(option.type)}
    if len(types) <= _FEW:

        def by_name(parent: dict[str, Any]) -> Any:
            for key, type_name in types.items():
                if key in parent:
                    return _choice_item(parent, key, type_name)
            return None

        return by_name

    def by_walk(parent: dict[str, Any]) -> Any:
        for key in parent:
            if key in types:
                return _choice_item(parent, key, types[key])
        return None

    return by_walk


def _choice_item(parent: dict[str, Any], key: str, type_name: str) -> Item:
    name = key.removeprefix("_")
    return Item(parent.get(name), type_name, parent.get(f"_{name}"))


def _dynamic(source: Plan, name: str, position: Position) -> Plan:
    source_many = source.many

    def many(this: Any, scope: Scope) -> list[Any]:
        found: list[Any] = []
        for item in source_many(this, scope):
            found.extend(children_named(item, name))
        return found

    types = _member_types(source.types, name)
    plan = collection(many, types, position)
    return replace(plan, is_ordered=source.is_ordered)


def _member_types(sources: tuple[str, ...] | None, name: str) -> tuple[str, ...] | None:
    if sources is None or any(model.is_abstract(kind) for kind in sources if kind != "System.TypeInfo"):
        return None
    found: dict[str, None] = {}
    for kind in sources:
        element = model.members(kind).get(name)
        options = element.members if isinstance(element, Choice) else (element,) if element else ()
        found.update(dict.fromkeys(option.type for option in options))
    return None if not found or model.RESOURCE in found else tuple(found)


def children_named(item: Any, name: str) -> list[Any]:
    """Return the children *name* of a boxed item, boxed."""
    if type(item) is Item:
        if model.is_primitive(item.type):
            return _reader(item.type, name)(item.element) if item.element else []
        return _reader(item.type, name)(item.value)
    if type(item) is dict:
        return _reader(item.get("resourceType", ""), name)(item)
    if type(item) is TypeInfo and name in TypeInfo._fields:
        return [getattr(item, name)]
    return []


@cache
def _reader(type_name: str, name: str) -> Callable[[Any], list[Any]]:
    element = model.members(type_name).get(name)
    if element is None:
        return lambda _parent: []
    if isinstance(element, Choice):
        read = _choice_reader(element)

        def choice(parent: Any) -> list[Any]:
            item = read(parent)
            return [] if item is None else [item]

        return choice
    return lambda parent: boxed_children(parent, element)


def boxed_children(parent: dict[str, Any], element: Member) -> list[Any]:
    """Return the children that one JSON property holds, boxed."""
    key, type_name, _ = element
    value = parent.get(key)
    if f"_{key}" in parent and model.is_primitive(type_name):
        return with_companion(value, parent[f"_{key}"], type_name)
    if value is None:
        return []
    values = value if type(value) is list else [value]
    return list(values) if type_name == model.RESOURCE else [Item(child, type_name) for child in values]
