"""A resource in which every element that FHIRPath gives can be found again, and changed in its place.

An expression gives elements, not places. Objects are told apart by their identity; a primitive has none, so each gets a
companion object (``_birthDate``), empty where it has no id or extensions. They are taken out again at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fhir_api.fhirpath import Item, model
from fhir_api.patching.errors import OperationError

Members = dict[str, Any]
"""A JSON object."""


class Content(NamedTuple):
    """What is put into a place.

    Attributes:
        key: the JSON property.
        type: its FHIR type.
        value: JSON; None for a primitive that has only extensions.
        companion: id and extensions of a primitive.
    """

    key: str
    type: str
    value: Any
    companion: Members | None = None


class Place(NamedTuple):
    """Where an element stands.

    Attributes:
        owner: the object that holds it.
        key: the JSON property; in a list there, *node* tells which.
        node: the element, or the companion of a primitive.
        type: its FHIR type.
    """

    owner: Members
    key: str
    node: Members
    type: str


class Tree:
    """One resource while it is patched.

    Attributes:
        root: its JSON, with companions.
    """

    def __init__(self, root: Members) -> None:
        self.root = root
        self._places: dict[int, Place] = {}
        self._enter(root, root["resourceType"])

    def place_of(self, item: Any) -> Place | None:
        """Return where a result of an expression stands; None for what is no element below the root."""
        node = _node(item)
        place = self._places.get(id(node))
        return place if place is not None and place.node is node else None

    def target_of(self, item: Any) -> tuple[Members, str] | None:
        """Return the object that holds the children of a result, and its type; None for what is no element."""
        if item is self.root or (type(item) is Item and item.value is self.root):
            return self.root, self.root["resourceType"]
        place = self.place_of(item)
        return None if place is None else (place.node, place.type)

    def type_of(self, owner: Members) -> str:
        """Return the type of an object that holds elements."""
        return str(self.root["resourceType"]) if owner is self.root else self._places[id(owner)].type

    def put(self, owner: Members, content: Content) -> None:
        """Set a property that does not repeat."""
        node = self._node_of(content)
        if model.is_primitive(content.type):
            _set(owner, content.key, content.value)
            owner[f"_{content.key}"] = node
        else:
            owner[content.key] = node
        self._register(owner, content.key, node, content.type)

    def insert(self, owner: Members, content: Content, index: int) -> None:
        """Insert into a list, which is made where it is not there yet."""
        node = self._node_of(content)
        if model.is_primitive(content.type):
            companions = owner.setdefault(f"_{content.key}", [])
            values = owner.setdefault(content.key, [None] * len(companions))
            values.insert(index, content.value)
            companions.insert(index, node)
        else:
            owner.setdefault(content.key, []).insert(index, node)
        self._register(owner, content.key, node, content.type)

    def replace(self, place: Place, content: Content) -> None:
        """Put *content* where another element stands; of a choice it may have another type."""
        index = _index(place)
        self._take(place)
        if index is None:
            self.put(place.owner, content)
        else:
            self.insert(place.owner, content, index)

    def delete(self, place: Place) -> None:
        """Take an element out, and with it what would be empty without it."""
        self._take(place)
        owner = self._places.get(id(place.owner))
        if owner is not None and owner.node is place.owner and _is_empty(owner):
            self.delete(owner)

    def finished(self) -> Members:
        """Return the resource without the companions that hold nothing."""
        _strip(self.root)
        return self.root

    def _take(self, place: Place) -> None:
        index = _index(place)
        for key in (place.key, f"_{place.key}"):
            if key in place.owner:
                if index is not None:
                    del place.owner[key][index]
                if index is None or not place.owner[key]:
                    del place.owner[key]
        self._places.pop(id(place.node), None)

    def _node_of(self, content: Content) -> Members:
        node = (content.companion or {}) if model.is_primitive(content.type) else content.value
        self._enter(node, content.type)
        return node

    def _register(self, owner: Members, key: str, node: Any, type_name: str) -> None:
        if type(node) is dict:
            self._places[id(node)] = Place(owner, key, node, type_name)

    def _enter(self, owner: Members, type_name: str) -> None:
        """Give every element below *owner* a place."""
        members = model.json_members(type_name)
        for key in {name.removeprefix("_"): None for name in owner}:
            member = members.get(key)
            if member is None:
                continue
            if model.is_primitive(member.type):
                nodes = _companions(owner, key)
            else:
                nodes = owner[key] if type(owner[key]) is list else [owner[key]]
            for node in nodes:
                if type(node) is dict:
                    kind = str(node.get("resourceType")) if member.type == model.RESOURCE else member.type
                    self._register(owner, key, node, kind)
                    self._enter(node, kind)


def _node(item: Any) -> Any:
    if type(item) is not Item:
        return item
    return item.element if model.is_primitive(item.type) else item.value


def _set(owner: Members, key: str, value: Any) -> None:
    if value is None:
        owner.pop(key, None)
    else:
        owner[key] = value


def _index(place: Place) -> int | None:
    """Return which item of a list an element is; None where there is no list."""
    nodes = owner_list(place.owner, place.key)
    return None if nodes is None else next(index for index, node in enumerate(nodes) if node is place.node)


def owner_list(owner: Members, key: str) -> list[Any] | None:
    """Return the nodes of a property that is a list, companions for primitives; None for another or none."""
    nodes = owner.get(f"_{key}", owner.get(key))
    return nodes if type(nodes) is list else None


def _companions(owner: Members, key: str) -> list[Any]:
    """Return the companions of a primitive property, made where they are missing."""
    name = f"_{key}"
    if type(owner.get(key)) is not list and type(owner.get(name)) is not list:
        return [owner.setdefault(name, {})]
    values = owner.setdefault(key, [])
    companions = owner.setdefault(name, [])
    if type(values) is not list or type(companions) is not list:
        raise OperationError(f"expected '{key}' and '{name}' to be arrays both")
    values += [None] * (len(companions) - len(values))
    found = owner[name] = [{} if each is None else each for each in companions]
    found += [{} for _ in range(len(values) - len(found))]
    return found


def _is_empty(place: Place) -> bool:
    """Tell whether an element has neither children nor, as a primitive, a value."""
    if any(_content_keys(place.node)):
        return False
    if not model.is_primitive(place.type):
        return True
    index = _index(place)
    value = place.owner.get(place.key)
    return (value if index is None or value is None else value[index]) is None


def _content_keys(node: Members) -> Iterator[str]:
    return (key for key, value in node.items() if value or type(value) not in {dict, list})


def _strip(node: Any) -> None:
    if type(node) is list:
        for each in node:
            _strip(each)
    if type(node) is not dict:
        return
    for key in list(node):
        value = node[key]
        _strip(value)
        if key.startswith("_"):
            if value == {} or (type(value) is list and not any(value)):
                del node[key]
            elif type(value) is list:
                node[key] = [each or None for each in value]
        elif type(value) is list and value and all(each is None for each in value):
            # extensions alone: the companions are the list
            del node[key]
