"""A FHIRPath Patch as it is sent: a Parameters resource with one parameter for each operation.

Spec: https://hl7.org/fhir/R4/fhirpatch.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_api.fhirpath import model
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.patching.errors import check_operations, malformed

_NEEDS: Final[dict[str, frozenset[str]]] = {
    "add": frozenset({"name", "value"}),
    "insert": frozenset({"index", "value"}),
    "delete": frozenset(),
    "replace": frozenset({"value"}),
    "move": frozenset({"source", "destination"}),
}
_ALWAYS: Final = frozenset({"type", "path"})
_NUMBERS: Final = frozenset({"index", "source", "destination"})


@dataclass(frozen=True, slots=True)
class Typed:
    """A value with its type.

    Attributes:
        type: ``HumanName``, ``date``, or the type of a resource.
        value: JSON; None for a primitive that has only extensions.
        companion: id and extensions of a primitive.
    """

    type: str
    value: Any
    companion: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """A value whose type has no name, such as ``Patient.contact``: its elements in order, by name."""

    elements: tuple[tuple[str, Value], ...]


Value = Typed | Parts


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        type: ``add | insert | delete | replace | move``.
        path: FHIRPath of what it is about.
        name: of the element to add; empty for other operations.
        value: what is put there; None for operations that put nothing.
        numbers: ``index``, or ``source`` and ``destination``.
    """

    type: str
    path: str
    name: str
    value: Value | None
    numbers: Mapping[str, int]


def read_operations(parameters: Mapping[str, Any]) -> tuple[Operation, ...]:
    """Return the operations that a Parameters resource holds.

    Raises:
        FhirError: MALFORMED, naming the part that is missing, unknown or of another kind; TOO_LARGE.
    """
    if parameters.get("resourceType") != "Parameters":
        raise refuse(ErrorKind.MALFORMED, "A FHIRPath Patch is a Parameters resource.", expression="Parameters")
    items = parameters.get("parameter", [])
    if type(items) is not list:
        raise refuse(ErrorKind.MALFORMED, "Expected an array.", expression="Parameters.parameter")
    check_operations(len(items))
    return tuple(_Reader(number).operation(item) for number, item in enumerate(items))


class _Reader:
    """Reads one operation; its errors name the place in the Parameters."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._place = f"Parameters.parameter[{number}]"

    def operation(self, parameter: Any) -> Operation:
        if type(parameter) is not dict or parameter.get("name") != "operation":
            raise malformed(self._number, "expected a parameter named 'operation'", self._place)
        parts = self._parts(parameter, self._place)
        kind = self._text(parts, "type")
        needs = _NEEDS.get(kind)
        if needs is None:
            raise malformed(self._number, f"expected 'type' to be one of {', '.join(_NEEDS)}", self._place)
        self._check_names(kind, parts.keys(), needs | _ALWAYS)
        return Operation(
            kind,
            self._text(parts, "path"),
            self._text(parts, "name") if "name" in needs else "",
            self._value(*parts["value"]) if "value" in needs else None,
            {name: self._whole_number(parts, name) for name in needs & _NUMBERS},
        )

    def _check_names(self, kind: str, found: Any, expected: frozenset[str]) -> None:
        for name in sorted(expected - found):
            raise malformed(self._number, f"{kind} needs a part '{name}'", self._place)
        for name in sorted(found - expected):
            raise malformed(self._number, f"{kind} takes no part '{name[:64]}'", self._place)

    def _parts(self, parameter: dict[str, Any], place: str) -> dict[str, tuple[dict[str, Any], str]]:
        """Return the parts of an operation with their places, by name."""
        found: dict[str, tuple[dict[str, Any], str]] = {}
        for name, part, where in self._each(parameter, place):
            if name in found:
                raise malformed(self._number, f"the part '{name[:64]}' is there twice", where)
            found[name] = (part, where)
        return found

    def _each(self, parameter: dict[str, Any], place: str) -> list[tuple[str, dict[str, Any], str]]:
        parts = parameter.get("part")
        if type(parts) is not list:
            raise malformed(self._number, "expected an array of parts", f"{place}.part")
        found = []
        for index, part in enumerate(parts):
            where = f"{place}.part[{index}]"
            if type(part) is not dict or type(part.get("name")) is not str:
                raise malformed(self._number, "expected a part with a name", where)
            found.append((part["name"], part, where))
        return found

    def _text(self, parts: dict[str, tuple[dict[str, Any], str]], name: str) -> str:
        if name not in parts:
            raise malformed(self._number, f"expected a part '{name}'", self._place)
        value = self._value(*parts[name])
        if isinstance(value, Typed) and type(value.value) is str:
            return value.value
        raise malformed(self._number, f"expected '{name}' to have a valueString", parts[name][1])

    def _whole_number(self, parts: dict[str, tuple[dict[str, Any], str]], name: str) -> int:
        value = self._value(*parts[name])
        if isinstance(value, Typed) and type(value.value) is int and value.value >= 0:
            return value.value
        raise malformed(self._number, f"expected '{name}' to have a valueInteger from 0", parts[name][1])

    def _value(self, part: dict[str, Any], place: str) -> Value:
        names = {key.removeprefix("_") for key in part} - {"name", "id", "extension"}
        if names == {"part"}:
            inner = self._each(part, place)
            return Parts(tuple((name, self._value(each, where)) for name, each, where in inner))
        if len(names) == 1:
            (key,) = names
            value, companion = part.get(key), part.get(f"_{key}")
            if key == "resource" and type(value) is dict:
                return Typed(str(value.get("resourceType")), value)
            member = model.json_members("Parameters.parameter").get(key)
            if member is not None and key.startswith("value") and (companion is None or type(companion) is dict):
                return Typed(member.type, value, companion)
        raise malformed(self._number, "expected one value[x], a resource, or parts", place)
