"""Every resource type, with instances made from the definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.types import Element, ElementType, is_subtype, node, resource_types
from conformance.value_sets import bound_value_sets
from fhir_api.model.resource import Resource
from fhir_api.validation.validator import Validator

VALIDATOR = Validator(with_invariants=False)
VALUES: dict[str, Any] = {
    "base64Binary": "TWE=",
    "boolean": True,
    "canonical": "http://example.org/a|1",
    "code": "a",
    "date": "2024-02-29",
    "dateTime": "2024-02-29T10:00:00Z",
    "decimal": 1.5,
    "id": "a",
    "instant": "2024-02-29T10:00:00.5+02:00",
    "integer": -1,
    "markdown": "*a*",
    "oid": "urn:oid:1.2",
    "positiveInt": 1,
    "string": "a",
    "time": "10:00:00",
    "unsignedInt": 0,
    "uri": "urn:a",
    "url": "http://example.org",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">a</div>',
}
COMPANION = {"extension": [{"url": "http://example.org/a", "valueBoolean": True}]}


def check(tree: dict[str, Any]) -> list[tuple[str, str]]:
    issues = VALIDATOR.check(Resource(tree["resourceType"], tree, b""))
    return [(issue.code, issue.expressions[0]) for issue in issues]


@pytest.mark.parametrize("resource_type", resource_types())
def test_the_least_instance_is_sound(resource_type: str) -> None:
    assert check(least_resource(resource_type)) == []


@pytest.mark.parametrize("resource_type", resource_types())
def test_what_is_required_is_missed(resource_type: str) -> None:
    least = least_resource(resource_type)
    for element in node(resource_type).elements:
        if element.min:
            without = {name: value for name, value in least.items() if name not in element.json_names()}
            assert check(without) == [("required", f"{resource_type}.{element.name}")]


@pytest.mark.parametrize("resource_type", resource_types())
def test_each_element_is_sound_in_each_of_its_types(resource_type: str) -> None:
    least = least_resource(resource_type)
    for element in node(resource_type).elements:
        others = {name: value for name, value in least.items() if name not in element.json_names()}
        for name, kind in element.json_names().items():
            assert check({**others, name: value_of(element, kind)}) == [], name
            if kind.code in VALUES and name != "id":
                companion = [COMPANION] if is_array(element) else COMPANION
                assert check({**others, f"_{name}": companion}) == [], name


@pytest.mark.parametrize("resource_type", resource_types())
def test_each_element_has_to_be_of_its_cardinality(resource_type: str) -> None:
    least = least_resource(resource_type)
    for element in node(resource_type).elements:
        others = {name: value for name, value in least.items() if name not in element.json_names()}
        for name, kind in element.json_names().items():
            value = value_of(element, kind)
            wrong = value[0] if is_array(element) else [value]
            assert check({**others, name: wrong}) == [("structure", f"{resource_type}.{element.name}")], name


def least_resource(resource_type: str) -> dict[str, Any]:
    return {"resourceType": resource_type, **least_members(resource_type)}


def least_members(name: str) -> dict[str, Any]:
    """Return the members a node requires; where it requires none, one that it may have."""
    required = dict(chosen(element) for element in node(name).elements if element.min)
    if name == "Extension":
        required["valueCode"] = "a"
    if required or node(name).kind == "resource":
        return required
    others = [each for each in node(name).elements if each.name not in ("id", "extension", "modifierExtension")]
    return dict([chosen(others[0] if others else node(name).elements[1])])


def chosen(element: Element) -> tuple[str, Any]:
    name, kind = next(iter(element.json_names().items()))
    return name, value_of(element, kind)


def value_of(element: Element, kind: ElementType) -> Any:
    value = one_value(element, kind)
    return [value] if is_array(element) else value


def is_array(element: Element) -> bool:
    return element.max is None


def one_value(element: Element, kind: ElementType) -> Any:
    match kind.code:
        case "Resource":
            return {"resourceType": "Basic", "id": "a", "code": {"text": "a"}}
        case "Reference":
            return {"reference": f"{next(targets(kind))}/1"}
        case "code" | "CodeableConcept" if element.binding and element.binding.strength == "required":
            return coded(element, kind)
        case code:
            return VALUES[code] if code in VALUES else least_members(code)


def targets(kind: ElementType) -> Iterator[str]:
    allowed = kind.target_profiles or ("Resource",)
    return (name for name in resource_types() if any(is_subtype(name, ancestor) for ancestor in allowed))


def coded(element: Element, kind: ElementType) -> Any:
    assert element.binding is not None
    row = bound_value_sets()[element.binding.value_set or ""]
    system, code = next(((system, codes[0]) for system, codes in row.systems.items()), ("urn:x", "a"))
    return code if kind.code == "code" else {"coding": [{"system": system, "code": code}]}
