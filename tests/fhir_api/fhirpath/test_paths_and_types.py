"""Paths, choices, primitives with extensions, types: https://hl7.org/fhir/R4/fhirpath.html."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_api import fhirpath
from fhir_api.fhirpath import Item, TypeInfo
from tests.support.fhirpath import evaluated, shown

BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "Clinic"}],
    "extension": [{"url": "http://x", "valueCode": "c"}],
    "name": [{"given": [None, "Bea"], "_given": [{"extension": [{"url": "http://y", "valueString": "v"}]}, None]}],
    "birthDate": "1974-12-25",
    "_birthDate": {"id": "b", "extension": [{"url": BIRTH_TIME, "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "_gender": {"extension": [{"url": "http://z", "valueBoolean": True}]},
    "deceasedBoolean": False,
    "contact": [{"name": {"family": "Kin"}}],
    "managingOrganization": {"reference": "#o1"},
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "valueQuantity": {"value": 72.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    "component": [{"valueQuantity": {"value": 1}}, {"valueString": "s"}],
    "_effectiveDateTime": {"extension": [{"url": "http://z", "valueCode": "unknown"}]},
}
BUNDLE: dict[str, Any] = {"resourceType": "Bundle", "entry": [{"resource": PATIENT}, {"resource": OBSERVATION}, {}]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Patient.contact.name.family", ["string Kin"]),
        ("Resource.id", ["id p1"]),
        ("DomainResource.extension.url", ["uri http://x"]),
        ("Encounter.id", []),
        ("extension.value", ["code c"]),
        ("name.given.count()", ["Integer 2"]),
        ("name.given.hasValue()", ["Boolean false"]),
        ("name.given.select(hasValue())", ["Boolean false", "Boolean true"]),
        ("name.given.extension.value", ["string v"]),
        ("name.given.where($this = 'Bea')", ["string Bea"]),
        ("birthDate.id", ["string b"]),
        (f"birthDate.extension('{BIRTH_TIME}').value", ["dateTime 1974-12-25T14:35:45-05:00"]),
        (f"birthDate.extension('{BIRTH_TIME}').value.ofType(dateTime).timeOf()", ["Time 14:35:45"]),
        ("birthDate.getValue()", ["Date 1974-12-25"]),
        ("gender.exists()", ["Boolean true"]),
        ("gender.hasValue()", ["Boolean false"]),
        ("gender.getValue()", []),
        ("gender = 'male'", []),
        ("deceased", ["boolean false"]),
        ("deceased.ofType(boolean).not()", ["Boolean true"]),
        ("deceased.ofType(dateTime)", []),
        ("contained.name", ["string Clinic"]),
        ("contained.ofType(Organization).name", ["string Clinic"]),
        ("contained.ofType(Patient).name", []),
        ("managingOrganization.resolve().name", ["string Clinic"]),
        ("managingOrganization.reference.resolve() is Organization", ["Boolean true"]),
        ("birthDate.unknown", []),
        ("name.unknown.further", []),
        ("nothing", []),
    ],
)
def test_paths(expression: str, expected: list[str]) -> None:
    assert shown(expression, PATIENT) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("value.unit", ["string kg"]),
        ("value.ofType(Quantity).value", ["decimal 72.5"]),
        ("(value as Quantity).code", ["code kg"]),
        ("value.as(Period)", []),
        ("value is Quantity", ["Boolean true"]),
        ("value is Period", ["Boolean false"]),
        ("(component.value as Quantity).value", ["decimal 1"]),
        ("component.value.ofType(string)", ["string s"]),
        ("value > 70000 'g'", ["Boolean true"]),
        ("effective.exists()", ["Boolean true"]),
        ("effective.hasValue()", ["Boolean false"]),
        ("effective.extension.value", ["code unknown"]),
        ("effective is dateTime", ["Boolean true"]),
    ],
)
def test_choices(expression: str, expected: list[str]) -> None:
    assert shown(expression, OBSERVATION) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("entry.resource.id", ["id p1"]),
        ("entry.resource.ofType(Patient).birthDate", ["date 1974-12-25"]),
        ("entry.resource.ofType(DomainResource).count()", ["Integer 2"]),
        ("entry.resource.select(type().name)", ["String Patient", "String Observation"]),
        ("entry.resource.name.given", ["string None", "string Bea"]),
        ("entry.resource.value.unit", ["string kg"]),
        ("entry.resource.where($this is Observation).value.value", ["decimal 72.5"]),
        ("entry[0].resource.contained.name", ["string Clinic"]),
    ],
)
def test_resources_inside_resources(expression: str, expected: list[str]) -> None:
    assert shown(expression, BUNDLE) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1.type()", TypeInfo("System", "Integer")),
        ("1.5.type()", TypeInfo("System", "Decimal")),
        ("5L.type()", TypeInfo("System", "Long")),
        ("(1 'm').type()", TypeInfo("System", "Quantity")),
        ("@T10.type()", TypeInfo("System", "Time")),
        ("Patient.type()", TypeInfo("FHIR", "Patient")),
        ("Patient.contact.type()", TypeInfo("FHIR", "Patient.contact")),
        ("birthDate.type()", TypeInfo("FHIR", "date")),
        ("contained.type()", TypeInfo("FHIR", "Organization")),
    ],
)
def test_reflection(expression: str, expected: TypeInfo) -> None:
    assert evaluated(expression, PATIENT) == [expected]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 is System.Integer", True),
        ("1 is System.Any", True),
        ("1 is integer", False),
        ("(1 'm') is Quantity", True),
        ("(1 'm') is FHIR.Quantity", False),
        ("id is string", True),
        ("id is code", False),
        ("birthDate is Date", False),
        ("contact.is(BackboneElement)", True),
        ("contact.is(Element)", True),
        ("contained.first().is(Resource)", True),
        ("$this is FHIR.Patient", True),
    ],
)
def test_is(expression: str, expected: bool) -> None:
    assert evaluated(expression, PATIENT) == [expected]


def test_children_and_descendants() -> None:
    children = fhirpath.compile("children()").items(PATIENT)
    named = [(fhirpath.type_of(child), child.value if isinstance(child, Item) else child["id"]) for child in children]
    assert ("date", "1974-12-25") in named
    assert ("code", None) in named
    assert ("Organization", "o1") in named
    assert len(children) == 9
    found = shown("descendants().ofType(string)", PATIENT)
    assert sorted(found) == sorted(
        ["string Bea", "string Clinic", "string Kin", "string None", "string b", "string v", "string #o1"]
    )


def test_an_element_as_input() -> None:
    name = {"family": "Uwase", "given": ["Ana"]}
    assert evaluated("given | family", name, type_name="HumanName") == ["Ana", "Uwase"]
    assert evaluated("%context.family", name, type_name="HumanName") == ["Uwase"]
    assert evaluated("$this + 'x'", "a", type_name="code") == ["ax"]
    assert evaluated("HumanName.family", name, type_name="HumanName") == ["Uwase"]


def test_decimals_keep_the_digits_they_have() -> None:
    element = {"value": Decimal("72.50")}
    assert evaluated("value.toString()", element, type_name="Quantity") == ["72.50"]
    assert evaluated("value + 0.05", {"value": 0.1}, type_name="Quantity") == [Decimal("0.15")]


@pytest.mark.parametrize("element", [PATIENT, OBSERVATION, BUNDLE], ids=["Patient", "Observation", "Bundle"])
@pytest.mark.parametrize(
    "expression",
    [
        "name.given",
        "name.given.select(hasValue())",
        "birthDate.extension.value",
        "birthDate < today()",
        "contact.name.family.upper()",
        "value.value * 2",
        "component.value.ofType(Quantity).value",
        "component.where(value is string).value",
        "entry.resource.ofType(Patient).name.given",
        "deceased | active | birthDate",
        "contained.name.first()",
        "children().type().name",
    ],
)
def test_paths_are_the_same_whether_types_are_known_or_not(expression: str, element: dict[str, Any]) -> None:
    assert shown(expression, element) == shown(f"%resource.select({expression})", element)


def test_result_types_are_known_beforehand() -> None:
    def types(expression: str) -> tuple[str, ...] | None:
        return fhirpath.compile(expression, type_name="Patient").result_types

    assert types("name.given") == ("string",)
    assert types("deceased") == ("boolean", "dateTime")
    assert types("(deceased as boolean)") == ("boolean",)
    assert types("name.given | name.use") == ("string", "code")
    assert types("name.exists()") == ("System.Boolean",)
    assert types("contained") is None
