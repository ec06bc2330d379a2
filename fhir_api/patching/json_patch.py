"""JSON Patch: operations on the JSON of a resource, at places that JSON Pointers name.

Spec: https://www.rfc-editor.org/rfc/rfc6902, https://www.rfc-editor.org/rfc/rfc6901
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from fhir_api.model import exact_json
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.resource import parse_json
from fhir_api.patching.errors import OperationError, check_operations, check_size, malformed, written

_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_WHOLE: Final = ""
"""The key that holds the whole document: a pointer ``/name/0`` is the steps ``"", "name", "0"``."""
_SHOWN: Final = 64

Steps = tuple[str, ...]


class _Written(Struct):
    """An operation as it stands in a patch; other members are ignored (RFC 6902, 4)."""

    op: str
    path: str
    from_: str | UnsetType = msgspec.field(name="from", default=UNSET)
    value: msgspec.Raw | UnsetType = UNSET


class _Operation(Struct, frozen=True):
    """An operation that has what it needs; *value* is read anew each time it is applied."""

    name: str
    path: Steps
    source: Steps
    value: msgspec.Raw


class _Document:
    """A document while it is patched.

    Attributes:
        holder: an object whose only member is the document.
        size: bytes the document had and copies have added.
    """

    def __init__(self, text: bytes) -> None:
        self.holder = {_WHOLE: exact_json.read(text)}
        self.size = len(text)

    def get(self, steps: Steps) -> Any:
        """Return the value at a place.

        Raises:
            OperationError: nothing is there.
        """
        value: Any = self.holder
        for depth, step in enumerate(steps):
            value = _child(value, step, steps[: depth + 1])
        return value

    def add(self, steps: Steps, value: Any) -> None:
        """Set a member, or insert an item (RFC 6902, 4.1)."""
        owner = self.get(steps[:-1])
        if type(owner) is dict:
            owner[steps[-1]] = value
        elif type(owner) is list:
            owner.insert(len(owner) if steps[-1] == "-" else _index(owner, steps, len(owner)), value)
        else:
            raise OperationError(f"expected an object or array at {_shown(steps[:-1])}, found {_kind(owner)}")

    def remove(self, steps: Steps) -> Any:
        """Remove and return the value at a place."""
        value, owner = self.get(steps), self.get(steps[:-1])
        del owner[int(steps[-1]) if type(owner) is list else steps[-1]]
        return value

    def replace(self, steps: Steps, value: Any) -> None:
        """Set what is there already to another value."""
        self.get(steps)
        owner = self.get(steps[:-1])
        owner[int(steps[-1]) if type(owner) is list else steps[-1]] = value

    def copied(self, steps: Steps) -> Any:
        """Return a copy of the value at a place."""
        text = written(self.get(steps))
        self.size += len(text)
        check_size(self.size)
        return exact_json.read(text)


def _add(document: _Document, operation: _Operation) -> None:
    document.add(operation.path, exact_json.read(operation.value))


def _remove(document: _Document, operation: _Operation) -> None:
    document.remove(operation.path)


def _replace(document: _Document, operation: _Operation) -> None:
    document.replace(operation.path, exact_json.read(operation.value))


def _move(document: _Document, operation: _Operation) -> None:
    source, path = operation.source, operation.path
    if len(path) > len(source) and path[: len(source)] == source:
        raise OperationError("a value cannot move into itself")
    document.add(path, document.remove(source))


def _copy(document: _Document, operation: _Operation) -> None:
    document.add(operation.path, document.copied(operation.source))


def _test(document: _Document, operation: _Operation) -> None:
    if not _is_equal(document.get(operation.path), exact_json.read(operation.value)):
        raise OperationError(f"the value at {_shown(operation.path)} is another one")


_ACTIONS: Final[dict[str, Callable[[_Document, _Operation], None]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
_WITH_VALUE: Final = frozenset({"add", "replace", "test"})
_WITH_SOURCE: Final = frozenset({"move", "copy"})


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """A JSON Patch document: operations in order."""

    operations: tuple[_Operation, ...]

    def apply(self, resource: bytes) -> bytes:
        """Return the JSON of *resource* after all operations.

        Raises:
            FhirError: UNPROCESSABLE when an operation finds no place or a test fails; TOO_LARGE.
        """
        document = _Document(resource)
        for number, operation in enumerate(self.operations):
            try:
                _ACTIONS[operation.name](document, operation)
            except OperationError as error:
                raise error.as_error(number, operation.name) from None
        if _WHOLE not in document.holder:
            raise refuse(ErrorKind.UNPROCESSABLE, "A patch cannot remove the whole resource.")
        return written(document.holder[_WHOLE])


def read_json_patch(raw: bytes) -> JsonPatch:
    """Read a JSON Patch document.

    Raises:
        FhirError: MALFORMED, naming the operation that is not one; TOO_LARGE.
    """
    items = parse_json(raw)  # strict: refuses what the decoder below would pass over
    if not isinstance(items, list):
        raise refuse(ErrorKind.MALFORMED, "A JSON Patch is an array of operations.")
    check_operations(len(items))
    texts = msgspec.json.decode(raw, type=list[msgspec.Raw])
    return JsonPatch(tuple(_operation(number, text) for number, text in enumerate(texts)))


def _operation(number: int, text: msgspec.Raw) -> _Operation:
    try:
        found = msgspec.json.decode(text, type=_Written)
    except msgspec.ValidationError:
        raise malformed(number, "expected an object with the texts 'op' and 'path'") from None
    name = found.op
    if name not in _ACTIONS:
        raise malformed(number, f"expected 'op' to be one of {', '.join(_ACTIONS)}")
    source, value = found.from_, found.value
    if name in _WITH_SOURCE and source is UNSET:
        raise malformed(number, f"{name} needs 'from'")
    if name in _WITH_VALUE and value is UNSET:
        raise malformed(number, f"{name} needs 'value'")
    return _Operation(
        name,
        _steps(number, found.path),
        () if source is UNSET else _steps(number, source),
        msgspec.Raw() if value is UNSET else value.copy(),
    )


def _steps(number: int, pointer: str) -> Steps:
    if not _POINTER.fullmatch(pointer):
        raise malformed(number, "expected a JSON Pointer such as '/name/0/given'")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/"))


def _child(owner: Any, step: str, steps: Steps) -> Any:
    if type(owner) is dict and step in owner:
        return owner[step]
    if type(owner) is list:
        return owner[_index(owner, steps, len(owner) - 1)]
    if type(owner) is dict:
        raise OperationError(f"there is nothing at {_shown(steps)}")
    raise OperationError(f"expected an object or array at {_shown(steps[:-1])}, found {_kind(owner)}")


def _index(owner: list[Any], steps: Steps, highest: int) -> int:
    step = steps[-1]
    if not _INDEX.fullmatch(step):
        raise OperationError(f"expected a number as last step of {_shown(steps)}, there is an array")
    index = int(step)
    if index > highest:
        raise OperationError(f"there is no place {_shown(steps)}, the array has {len(owner)} values")
    return index


def _is_equal(one: Any, other: Any) -> bool:
    """Compare as JSON does: 1 is 1.0, but true is not 1 (RFC 6902, 4.6)."""
    if type(one) is bool or type(other) is bool:
        return one is other
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(_is_equal(value, other[name]) for name, value in one.items())
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(_is_equal, one, other))
    return bool(one == other)


def _shown(steps: Steps) -> str:
    pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
    return f"'{pointer[:_SHOWN]}'"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {str: "a string", bool: "a boolean", dict: "an object", list: "an array"}.get(type(value), "a number")
