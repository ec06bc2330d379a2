"""Conformance and terminology resources in themselves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.rules import told

BASE = "http://example.org/"
CODES = {
    "resourceType": "CodeSystem",
    "url": f"{BASE}cs",
    "status": "active",
    "content": "complete",
    "filter": [{"code": "depth", "operator": ["in"], "value": "numbers"}],
    "concept": [{"code": "a", "concept": [{"code": "b"}]}],
}
BASE_PARAMETER = {
    "resourceType": "SearchParameter",
    "url": f"{BASE}sp",
    "status": "active",
    "type": "string",
    "base": ["Patient"],
}
BASE_STRUCTURE = {"resourceType": "StructureDefinition", "url": f"{BASE}base", "status": "active", "type": "Patient"}


def resource(resource_type: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": resource_type, "status": "active", **elements}


def value_set(**include: Any) -> dict[str, Any]:
    return resource("ValueSet", url=f"{BASE}vs", compose={"include": [include]})


def code_system(**elements: Any) -> dict[str, Any]:
    return {**CODES, **elements}


def with_property(**value: Any) -> dict[str, Any]:
    return code_system(
        property=[{"code": "p", "type": "code"}], concept=[{"code": "a", "property": [{"code": "p", **value}]}]
    )


def structure(*elements: dict[str, Any], **others: Any) -> dict[str, Any]:
    given = {"type": "Patient", "differential": {"element": list(elements)}, **others}
    return resource("StructureDefinition", url=f"{BASE}sd", **given)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (value_set(system=CODES["url"], concept=[{"code": "b"}]), set()),
        (value_set(system=CODES["url"], concept=[{"code": "c"}]), {("error", "compose.include[0].concept[0].code")}),
        (value_set(system=f"{BASE}other", concept=[{"code": "c"}]), set()),
        (value_set(system=CODES["url"], filter=[{"property": "concept", "op": "is-a", "value": "a"}]), set()),
        (
            value_set(system=CODES["url"], filter=[{"property": "concept", "op": "is-a", "value": "z"}]),
            {("error", "compose.include[0].filter[0].value")},
        ),
        (
            value_set(system=CODES["url"], filter=[{"property": "size", "op": "exists", "value": "yes"}]),
            {("error", "compose.include[0].filter[0].value"), ("warning", "compose.include[0].filter[0].property")},
        ),
        (
            value_set(system=CODES["url"], filter=[{"property": "code", "op": "regex", "value": "("}]),
            {("error", "compose.include[0].filter[0].value")},
        ),
        (
            value_set(system=CODES["url"], filter=[{"property": "depth", "op": "=", "value": "1"}]),
            {("error", "compose.include[0].filter[0].op")},
        ),
        (value_set(system="#cs"), {("error", "compose.include[0].system")}),
        (value_set(system="http://hl7.org/fhir/ValueSet/icd-10"), {("error", "compose.include[0].system")}),
        (value_set(valueSet=[f"{BASE}vs"]), {("error", "compose.include[0].valueSet[0]")}),
        (
            value_set(system=CODES["url"], concept=[{"code": "b"}, {"code": "b"}]),
            {("warning", "compose.include[0].concept[1].code")},
        ),
        (resource("ValueSet", url="vs"), {("error", "url")}),
        (resource("ValueSet", url=f"{BASE}vs|1"), {("error", "url")}),
        (code_system(), set()),
        (code_system(content="not-present"), {("error", "content")}),
        (code_system(content="supplement"), {("error", "")}),
        (code_system(supplements=f"{BASE}x"), {("error", "content")}),
        (code_system(count=2), set()),
        (code_system(count=3), {("warning", "count")}),
        (with_property(valueCode="a"), set()),
        (with_property(valueCode="z"), {("warning", "concept[0].property[0].value")}),
        (with_property(valueString="a"), {("error", "concept[0].property[0].value")}),
        (code_system(property=[{"code": "p", "type": "code"}] * 2), {("error", "property[1].code")}),
        (
            code_system(
                property=[
                    {
                        "code": "notSelectable",
                        "uri": "http://hl7.org/fhir/concept-properties#notSelectable",
                        "type": "code",
                    }
                ]
            ),
            {("error", "property[0].type")},
        ),
        (
            resource(
                "ConceptMap",
                group=[{"source": CODES["url"], "element": [{"code": "z", "target": [{"code": "y"}]}]}],
            ),
            {("warning", "group[0].element[0].code")},
        ),
        (resource("SearchParameter", url=f"{BASE}x", type="string", expression="Patient.name"), set()),
        (resource("SearchParameter", url=f"{BASE}x", type="string", expression="Patient."), {("error", "expression")}),
        (resource("SearchParameter", url=f"{BASE}x", type="composite"), {("error", "component")}),
        (
            resource(
                "SearchParameter", url=f"{BASE}x", type="token", base=["Group"], derivedFrom=BASE_PARAMETER["url"]
            ),
            {("error", "type"), ("error", "base[0]")},
        ),
        (structure({"id": "a", "path": "Patient.name"}), set()),
        (structure({"id": "a", "path": "Group.name"}), {("error", "differential.element[0].path")}),
        (
            structure({"id": "a", "path": "Patient"}, {"id": "a", "path": "Patient.name"}),
            {("error", "differential.element[1].id")},
        ),
        (
            structure({"id": "a", "path": "Patient", "constraint": [{"key": "k", "expression": "a +"}]}),
            {("error", "differential.element[0].constraint[0].expression")},
        ),
        (
            structure({"id": "a", "path": "Patient.gender", "type": [{"code": "code"}], "fixedString": "male"}),
            {("error", "differential.element[0].fixed")},
        ),
        (structure(type="Boo"), {("error", "type")}),
        (
            structure(
                {"id": "a", "path": "Patient.name", "type": [{"code": "Address", "profile": [BASE_STRUCTURE["url"]]}]}
            ),
            {("error", "differential.element[0].type[0].profile[0]")},
        ),
        (
            structure(type="Group", derivation="constraint", baseDefinition=BASE_STRUCTURE["url"]),
            {("error", "type"), ("warning", "baseDefinition")},
        ),
        (
            resource(
                "CapabilityStatement",
                rest=[{"searchParam": [{"name": "x", "type": "token", "definition": BASE_PARAMETER["url"]}]}],
            ),
            {("error", "rest[0].searchParam[0].type")},
        ),
    ],
)
def test_a_definition_in_itself(definition: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    found = told(definition, CODES, BASE_PARAMETER, BASE_STRUCTURE)
    prefix = definition["resourceType"]
    assert {(each.severity, each.place.removeprefix(prefix).lstrip(".")) for each in found} == expected
