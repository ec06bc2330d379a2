"""From a request to arguments: parameters of the URL, a Parameters resource, or a resource by itself.

Spec: https://hl7.org/fhir/R4/operations.html#request
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import msgspec

from conformance.operations import OperationDefinition, OperationParameter
from conformance.types import is_subtype, node
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, invalid, refuse
from fhir_api.model.resource import Resource, parse, parse_compact
from fhir_api.operations.arguments import Argument

PARAMETERS = "Parameters"
_MOST_DIGITS = 10
_WITHIN = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EACH = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_PLACEHOLDER = {"resourceType": PARAMETERS}
"""Stands for a resource while the Parameters around it are checked: what is wrong in it is the operation's matter."""


def inputs(definition: OperationDefinition) -> dict[str, OperationParameter]:
    """Return the parameters that go in, by name."""
    return {parameter.name: parameter for parameter in definition.parameters if parameter.use == "in"}


def is_resource(type_name: str | None) -> bool:
    """Tell whether a parameter's type is a resource type."""
    return type_name is not None and type_name != "Any" and is_subtype(type_name, "Resource")


def resource_parameter(definition: OperationDefinition) -> OperationParameter | None:
    """Return the one parameter that takes a resource, which a body may be by itself; None if there are none or more."""
    found = [parameter for parameter in inputs(definition).values() if is_resource(parameter.type)]
    return found[0] if len(found) == 1 else None


def from_url(definition: OperationDefinition, pairs: Iterable[tuple[str, str]]) -> list[Argument]:
    """Return the parameters of a URL; texts become JSON values of the types that the definition says.

    Raises:
        FhirError: MALFORMED for a value that is not of its type, NOT_SUPPORTED for a type that a URL cannot have.
    """
    known = inputs(definition)
    return [_from_pair(known.get(name), name, text) for name, text in pairs]


def _from_pair(parameter: OperationParameter | None, name: str, text: str) -> Argument:
    if parameter is None:
        return Argument(name, type="string", value=text)
    kind = parameter.type
    if kind is None or node(kind).kind != "primitive-type":
        diagnostics = f"The parameter '{name}' cannot stand in a URL: POST it in a Parameters resource."
        raise refuse(ErrorKind.NOT_SUPPORTED, diagnostics)
    convert = _CONVERTED.get(kind)
    return Argument(name, type=kind, value=convert(text) if convert else text)


def _boolean(text: str) -> object:
    return {"true": True, "false": False}.get(text, text)


def _number(text: str) -> object:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS else text


def _zoned(text: str) -> object:
    # the '+' of a zone offset, sent without its escape, arrives as a space
    return text.replace(" ", "+")


_CONVERTED: dict[str, Callable[[str], object]] = {
    "boolean": _boolean,
    "integer": _number,
    "positiveInt": _number,
    "unsignedInt": _number,
    "dateTime": _zoned,
    "instant": _zoned,
}


def from_body(context: Context, definition: OperationDefinition, raw: bytes) -> list[Argument]:
    """Return the parameters of a body: those in a Parameters resource, or the resource it is.

    Raises:
        FhirError: MALFORMED, INVALID; NOT_SUPPORTED for a resource where the operation takes none.
    """
    resource = parse(raw)
    alone = resource_parameter(definition)
    if alone is not None and not _is_wrapping(resource, alone):
        return [Argument(alone.name, resource.resource_type, resource=resource)]
    if resource.resource_type != PARAMETERS:
        diagnostics = f"The body of ${definition.code} has to be a Parameters resource."
        raise refuse(ErrorKind.NOT_SUPPORTED, diagnostics, expression=resource.resource_type)
    if issues := context.rules.check(Resource(PARAMETERS, _emptied(resource.tree), resource.text)):
        raise invalid(issues)
    members = _WITHIN.decode(resource.text)
    return _arguments(resource.tree.get("parameter", []), members.get("parameter"), f"{PARAMETERS}.parameter")


def _is_wrapping(resource: Resource, alone: OperationParameter) -> bool:
    """Tell whether a body is Parameters around the values rather than a resource to work on."""
    return resource.resource_type == PARAMETERS and alone.type != PARAMETERS


def _emptied(tree: Any) -> Any:
    """Return the Parameters with a placeholder for each resource they carry; what is not as expected stays."""
    if not isinstance(tree, dict):
        return tree
    emptied = {**tree}
    for name, value in tree.items():
        if name in ("parameter", "part") and isinstance(value, list):
            emptied[name] = [_emptied(each) for each in value]
        elif name == "resource":
            emptied[name] = _PLACEHOLDER
    return emptied


def _arguments(trees: list[dict[str, Any]], raw: msgspec.Raw | None, place: str) -> list[Argument]:
    texts = [] if raw is None else _EACH.decode(raw)
    return [_argument(tree, text, f"{place}[{n}]") for n, (tree, text) in enumerate(zip(trees, texts, strict=True))]


def _argument(tree: dict[str, Any], text: dict[str, msgspec.Raw], place: str) -> Argument:
    value = next((name for name in tree if name in _values()), None)
    return Argument(
        tree.get("name", ""),
        place,
        "" if value is None else _values()[value],
        None if value is None else tree[value],
        parse_compact(bytes(text["resource"])) if "resource" in tree else None,
        tuple(_arguments(tree.get("part", []), text.get("part"), f"{place}.part")),
    )


@cache
def _values() -> dict[str, str]:
    """Return the FHIR type of each ``value[x]`` by its JSON name."""
    element = next(each for each in node("Parameters.parameter").elements if each.name == "value")
    return {name: kind.code for name, kind in element.json_names().items()}
