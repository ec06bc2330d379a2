"""FHIRPath Patch: operations on the elements of a resource, at places that FHIRPath names.

Spec: https://hl7.org/fhir/R4/fhirpatch.html
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from fhir_api import fhirpath
from fhir_api.fhirpath import FhirPathError, FhirPathSyntaxError, model
from fhir_api.fhirpath.model import Choice, Member
from fhir_api.formats.xml_rules import NUMBER_TYPES
from fhir_api.model import exact_json
from fhir_api.model.resource import parse_json
from fhir_api.patching.errors import OperationError, check_work, written
from fhir_api.patching.parameters import Operation, Parts, Typed, Value, read_operations
from fhir_api.patching.tree import Content, Members, Tree, owner_list


@dataclass(frozen=True, slots=True)
class FhirPathPatch:
    """A FHIRPath Patch: operations in order."""

    operations: tuple[Operation, ...]

    def apply(self, resource: bytes) -> bytes:
        """Return the JSON of *resource* after all operations.

        Raises:
            FhirError: UNPROCESSABLE when an operation finds no place, several, or a value does not fit; TOO_LARGE.
        """
        check_work(len(self.operations), len(resource))
        tree = Tree(exact_json.read(resource))
        for number, operation in enumerate(self.operations):
            try:
                _ACTIONS[operation.type](tree, operation)
            except OperationError as error:
                raise error.as_error(number, operation.type) from None
        return written(tree.finished())


def read_fhirpath_patch(raw: bytes) -> FhirPathPatch:
    """Read a FHIRPath Patch from the JSON of a Parameters resource.

    Raises:
        FhirError: MALFORMED, naming the operation that is not one; TOO_LARGE.
    """
    parameters = parse_json(raw)  # strict: refuses what the decoder below would pass over
    return FhirPathPatch(read_operations(exact_json.read(raw) if type(parameters) is dict else {}))


# -- the operations


def _add(tree: Tree, operation: Operation) -> None:
    _add_element(tree, *_one_target(tree, operation.path), operation.name, operation.value)


def _insert(tree: Tree, operation: Operation) -> None:
    owner, member = _list(tree, operation.path)
    index, count = operation.numbers["index"], len(owner_list(owner, member.key) or ())
    if index > count:
        raise OperationError(f"expected an index of at most {count}, found {index}")
    tree.insert(owner, _content(tree, member, operation.value), index)


def _delete(tree: Tree, operation: Operation) -> None:
    items = _items(tree, operation.path)
    if not items:  # "if found", says the specification
        return
    place = tree.place_of(_only(items))
    if place is None:
        raise OperationError("expected an element of the resource, the path gives something else")
    tree.delete(place)


def _replace(tree: Tree, operation: Operation) -> None:
    place = tree.place_of(_only(_items(tree, operation.path)))
    if place is None:
        raise OperationError("expected an element of the resource, the path gives something else")
    tree.replace(place, _content(tree, _element_in(tree.type_of(place.owner), place.key), operation.value))


def _move(tree: Tree, operation: Operation) -> None:
    owner, member = _list(tree, operation.path)
    count = len(owner_list(owner, member.key) or ())
    source, destination = operation.numbers["source"], operation.numbers["destination"]
    for index in (source, destination):
        if index >= count:
            raise OperationError(f"expected an index below {count}, found {index}")
    for key in (member.key, f"_{member.key}"):
        if key in owner:
            owner[key].insert(destination, owner[key].pop(source))


_ACTIONS: Final[dict[str, Callable[[Tree, Operation], None]]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}


# -- what a path names


def _items(tree: Tree, path: str) -> list[Any]:
    try:
        compiled = fhirpath.compile(path, type_name=tree.root["resourceType"], is_strict=True, is_bounded=True)
        return compiled.items(tree.root)
    except FhirPathSyntaxError as error:
        raise OperationError(f"the path is no FHIRPath, {error.position}: expected {error.expected}") from None
    except FhirPathError as error:
        raise OperationError(f"the path cannot be evaluated: {error}") from None


def _only(items: list[Any]) -> Any:
    if len(items) != 1:
        raise OperationError(f"expected a path to one element, found {len(items)}")
    return items[0]


def _one_target(tree: Tree, path: str) -> tuple[Members, str]:
    target = tree.target_of(_only(_items(tree, path)))
    if target is None:
        raise OperationError("expected an element of the resource, the path gives something else")
    return target


def _list(tree: Tree, path: str) -> tuple[Members, Member]:
    """Return the list that a path such as ``Patient.name.first().given`` names: its owner and its element."""
    parent, _, name = path.rpartition(".")
    if not parent or not name.strip().isidentifier():
        raise OperationError("expected a path that ends in the name of a list")
    owner, type_name = _one_target(tree, parent)
    element = _element(type_name, name.strip())
    if isinstance(element, Choice) or not element.is_list:
        raise OperationError(f"expected a list, '{name.strip()}' is none")
    return owner, element


def _element(type_name: str, name: str) -> Member | Choice:
    element = model.members(type_name).get(name)
    if element is None:
        raise OperationError(f"expected an element of {type_name}, found '{name[:64]}'")
    return element


def _element_in(type_name: str, key: str) -> Member | Choice:
    """Return the element that a JSON property belongs to."""
    for element in model.members(type_name).values():
        if isinstance(element, Choice) and any(option.key == key for option in element.members):
            return element
    return model.json_members(type_name)[key]


# -- values


def _add_element(tree: Tree, owner: Members, type_name: str, name: str, value: Value | None) -> None:
    element = _element(type_name, name)
    content = _content(tree, element, value)
    if element.is_list:
        tree.insert(owner, content, len(owner_list(owner, content.key) or ()))
        return
    options = element.members if isinstance(element, Choice) else (element,)
    if any(option.key in owner or f"_{option.key}" in owner for option in options):
        raise OperationError(f"'{name}' is there already and cannot repeat")
    tree.put(owner, content)


def _content(tree: Tree, element: Member | Choice, value: Value | None) -> Content:
    """Return *value* as it is put into *element*.

    Raises:
        OperationError: the element has another type.
    """
    member = _option(element, value)
    if isinstance(value, Parts):
        owner: Members = {}
        for name, inner in value.elements:
            _add_element(tree, owner, member.type, name, inner)
        return Content(member.key, member.type, owner)
    if not isinstance(value, Typed) or not _fits(value, member.type):
        raise _unfit(value, member.type)
    kind = value.type if member.type == model.RESOURCE else member.type
    return Content(member.key, kind, deepcopy(value.value), deepcopy(value.companion))


def _option(element: Member | Choice, value: Value | None) -> Member:
    """Return the one element that *value* is for: of a choice, the one of its type."""
    if not isinstance(element, Choice):
        if isinstance(value, Parts) and (model.is_primitive(element.type) or element.type == model.RESOURCE):
            raise _unfit(value, element.type)
        return element
    for option in element.members:
        if isinstance(value, Typed) and option.type == value.type:
            return option
    raise _unfit(value, " or ".join(option.type for option in element.members))


def _fits(value: Typed, type_name: str) -> bool:
    if model.is_primitive(type_name):
        return model.is_primitive(value.type) and _json_kind(value.type) == _json_kind(type_name)
    return type(value.value) is dict and model.is_subtype(value.type, type_name)


def _json_kind(type_name: str) -> str:
    """Return what a primitive is in JSON: narratives and ids have no value[x] of their own, a text stands in."""
    if type_name in NUMBER_TYPES:
        return "number"
    return "boolean" if type_name == "boolean" else "string"


def _unfit(value: Value | None, expected: str) -> OperationError:
    found = value.type if isinstance(value, Typed) else "parts"
    return OperationError(f"expected a value of type {expected}, found {found[:64]}")
