"""One walk over a resource that is sound in structure, asking at each element the rules of its type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from conformance.types import nodes
from fhir_api.model.outcome import Issue
from fhir_api.validation.primitives import Format
from fhir_api.validation.references import RESOURCE_TYPES
from fhir_api.validation.rules.bundles.entries import Entries
from fhir_api.validation.rules.place import EntryPlace, Owner, Place, Rule, Scene, Tree
from fhir_api.validation.rules.table import RULES
from fhir_api.validation.structure import CodedFormat, Content, LiteralReference, Property, StructureKey, structure


def walk(tree: Tree, scene: Scene) -> Iterator[Issue]:
    """Yield what the rules find in a resource, and in all that it holds."""
    return _resource(Owner(scene, tree, tree, tree["resourceType"]), is_contained=False)


def of_resource(tree: Tree, scene: Scene, rules: Iterable[Rule]) -> Iterator[Issue]:
    """Yield what some rules find in a resource itself, without a walk."""
    resource_type = tree["resourceType"]
    place = Place(
        Owner(scene, tree, tree, resource_type), resource_type, StructureKey(resource_type), tree, resource_type
    )
    for rule in rules:
        yield from rule.issues(tree, place)


def _resource(owner: Owner, *, is_contained: bool) -> Iterator[Issue]:
    resource_type = owner.resource["resourceType"]
    if resource_type == "Bundle":
        owner.entries = Entries(owner.resource)
    key = StructureKey(resource_type, is_contained=is_contained)
    return _element(Place(owner, owner.path, key, owner.resource, resource_type))


def _element(place: Place) -> Iterator[Issue]:
    for rule in _rules(place.key.node):
        yield from rule.issues(place.tree, place)
    properties = structure(place.key).properties
    for name, member in place.tree.items():
        each = properties.get(name)
        if each is not None:
            yield from _member(each, member, place)


def _member(each: Property, member: Any, parent: Place) -> Iterator[Issue]:
    path = f"{parent.path}.{each.step}"
    if not each.repeats:
        yield from _value(each, member, path, parent)
        return
    for index, value in enumerate(member):
        if value is not None:
            yield from _value(each, value, f"{path}[{index}]", parent)


def _value(each: Property, value: Any, path: str, parent: Place) -> Iterator[Issue]:
    content = each.content
    if isinstance(content, StructureKey):
        yield from _element(Place(parent.owner, path, content, value, each.step))
    elif isinstance(content, Format | CodedFormat | LiteralReference):
        if rules := _rules(_primitive(content)):
            place = Place(parent.owner, path, parent.key, parent.tree, each.step)
            for rule in rules:
                yield from rule.issues(value, place)
    elif value["resourceType"] in RESOURCE_TYPES:
        yield from _inner(value, path, parent, is_contained=each.name == "contained")


def _primitive(content: Content) -> str:
    match content:
        case Format():
            return content.name
        case CodedFormat():
            return "code"
        case _:
            return "string"


def _inner(tree: Tree, path: str, parent: Place, *, is_contained: bool) -> Iterator[Issue]:
    outer = parent.owner
    entry = outer.entry
    if parent.key.node == "Bundle.entry" and outer.entries is not None:
        entry = EntryPlace(outer.entries, parent.tree.get("fullUrl"))
    container = outer.container if is_contained else tree
    return _resource(Owner(outer.scene, tree, container, path, entry), is_contained=is_contained)


@cache
def _rules(type_name: str) -> tuple[Rule, ...]:
    """Return the rules of a type and of those it derives from."""
    found = [*RULES.get(type_name, ())]
    known = nodes().get(type_name)
    if known is not None and known.base is not None and known.kind != "primitive-type":
        found.extend(_rules(known.base))
    return tuple(found)
