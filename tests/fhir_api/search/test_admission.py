"""What of a SearchParameter resource can be searched by, and why not."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from fhir_api.search.admission import Admission, admit
from fhir_api.search.definitions import base_definitions
from fhir_api.search.tenant import OwnDefinition, OwnDefinitions, OwnExtractor, TenantSearchDefinitions, own_keys

BASE = base_definitions()
GENDER = "http://hl7.org/fhir/SearchParameter/individual-gender"
BIRTHDATE = "http://hl7.org/fhir/SearchParameter/individual-birthdate"


def search_parameter(**elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "url": f"http://example.org/{elements.get('code', 'own')}",
        "status": "active",
        "code": "own",
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name.family",
    } | elements


def admitted(**elements: Any) -> Admission:
    return admit(search_parameter(**elements), BASE)


def entries(resource: dict[str, Any], *trees: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Return what parameters find in a resource, by list, without their keys."""
    found: list[OwnDefinition] = []
    for number, tree in enumerate(trees, 1):
        definition = admit(tree, BASE, [each.definition for each in found]).definition
        assert definition is not None
        found.append(OwnDefinition(number, definition))
    index = OwnExtractor(BASE, found, UTC).extract(resource["resourceType"], resource)
    lists = ("tokens", "identifiers", "references", "dates", "strings", "numbers", "quantities", "uris", "composites")
    return {name: [tuple(entry[1:]) for entry in getattr(index, name)] for name in lists if getattr(index, name)}


@pytest.mark.parametrize(
    ("kind", "expression"),
    [
        ("string", "Patient.name.family"),
        ("token", "Patient.extension('http://example.org/x').value as code"),
        ("token", "Patient.extension.where(url = 'http://example.org/x').extension.value.code"),
        ("string", "Patient.name.where(use = 'nickname' and given.exists()).given"),
        ("token", "Patient.deceased.exists() and Patient.deceased != false"),
        ("number", "Patient.multipleBirth as integer"),
        ("number", "Patient.name.count()"),
        ("date", "Patient.identifier.period"),
        ("reference", "Patient.link.other.where(resolve() is Patient)"),
        ("reference", "Patient.extension('http://example.org/x').value"),
        ("quantity", "Patient.extension('http://example.org/x').value as Quantity"),
        ("uri", "Patient.meta.profile"),
        ("string", "Patient.name.select(given.first() & ' ' & family)"),
    ],
)
def test_expressions_that_can_be_indexed(kind: str, expression: str) -> None:
    admission = admitted(type=kind, expression=expression)
    assert admission.definition is not None, admission.reason
    assert admission.issues == []


@pytest.mark.parametrize(
    ("elements", "element", "said"),
    [
        ({"expression": "Patient.name.where("}, "expression", "cannot be read"),
        ({"expression": "Patient.birthDate"}, "expression", "type 'string'"),
        ({"expression": "Patient.nothing"}, "expression", "leads to no element"),
        ({"expression": "Patient.name.family.unknown()"}, "expression", "cannot be"),
        ({"expression": None}, "expression", "nothing to index"),
        ({"expression": "Patient.name.where(period.end > now()).family"}, "expression", "now()"),
        ({"expression": "Patient.name.family.where($this.matches('(a+)+$'))"}, "expression", "matches()"),
        ({"expression": "Patient.maritalStatus.where(memberOf('http://x')).text"}, "expression", "memberOf()"),
        ({"expression": "Patient.managingOrganization.resolve().name"}, "expression", "resolve()"),
        ({"expression": "Patient.name." * 400 + "family"}, "expression", "4000 characters"),
        ({"type": "special"}, "type", "special"),
        ({"code": "a.b"}, "code", "letters"),
        ({"code": "_own"}, "code", "letters"),
        ({"base": ["Patients"]}, "base[0]", "no resource type"),
        ({"type": "reference", "target": ["Patients"]}, "target[0]", "no resource type"),
        ({"url": GENDER}, "url", "R4 itself"),
        ({"code": "family"}, "code", "R4 itself"),
        ({"type": "composite"}, "component", "needs components"),
    ],
)
def test_what_cannot_be_indexed_is_refused_by_its_element(elements: dict[str, Any], element: str, said: str) -> None:
    tree = {name: value for name, value in search_parameter(**elements).items() if value is not None}
    admission = admit(tree, BASE)
    assert admission.definition is None
    (issue,) = admission.issues
    assert (issue.severity, issue.expressions) == ("error", (f"SearchParameter.{element}",))
    assert said in admission.reason


@pytest.mark.parametrize("status", ["draft", "retired", "unknown"])
def test_only_an_active_one_counts(status: str) -> None:
    admission = admitted(status=status)
    assert (admission.definition, [issue.severity for issue in admission.issues]) == (None, ["information"])


def test_bases_that_have_nothing_are_left_out() -> None:
    admission = admitted(base=["Patient", "Observation"])
    assert admission.definition is not None
    assert admission.definition.base == ("Patient",)
    assert [issue.severity for issue in admission.issues] == ["warning"]
    assert "Observation" in admission.issues[0].diagnostics


def test_one_for_all_types_is_one_for_each() -> None:
    admission = admitted(code="words", base=["Resource"], type="token", expression="Resource.language")
    assert admission.definition is not None
    assert set(admission.definition.base) == BASE.resource_types


def test_another_of_the_tenant_has_the_code() -> None:
    other = admitted(url="http://example.org/other").definition
    assert other is not None
    admission = admit(search_parameter(), BASE, [other])
    assert admission.definition is None
    assert "another SearchParameter" in admission.reason


@pytest.mark.parametrize(
    ("components", "said"),
    [
        ([(GENDER, "gender"), ("http://example.org/none", "birthDate")], "component[1].definition"),
        ([(GENDER, "gender"), (BIRTHDATE, "nothing")], "component[1].expression leads"),
        ([(GENDER, "gender")] * 3, "no place in the index"),
        ([(BIRTHDATE, "birthDate")] * 2, "no place in the index"),
    ],
)
def test_combinations_that_cannot_be_indexed(components: list[tuple[str, str]], said: str) -> None:
    parts = [{"definition": url, "expression": expression} for url, expression in components]
    admission = admitted(type="composite", expression="Patient", component=parts)
    assert admission.definition is None
    assert said in admission.reason


def test_entries_of_each_kind() -> None:
    patient = {
        "resourceType": "Patient",
        "gender": "male",
        "birthDate": "1990-01-01",
        "name": [{"family": "Uwase", "given": ["Aline"]}],
        "extension": [{"url": "http://example.org/x", "valueReference": {"reference": "Patient/b"}}],
    }
    parts = [{"definition": GENDER, "expression": "gender"}, {"definition": BIRTHDATE, "expression": "birthDate"}]
    found = entries(
        patient,
        search_parameter(code="whole", expression="Patient.name.select(given.first() & ' ' & family)"),
        search_parameter(code="count", type="number", expression="Patient.name.count()"),
        search_parameter(code="friend", type="reference", expression="Patient.extension('http://example.org/x').value"),
        search_parameter(code="both", type="composite", expression="Patient", component=parts),
    )
    assert found["strings"] == [("Aline Uwase",)]
    assert found["numbers"] == [(1.0,)]
    assert found["references"][0][0] == "Patient/b"
    assert len(found["composites"]) == 1


@pytest.mark.parametrize(
    "expression",
    ["Patient.name.single().family", "Patient.name.family.where($this.toInteger() > 3 / 0)",
     "Patient.repeat(name | name.given).select(Patient.repeat(name).select(Patient.descendants())).ofType(string)"],
)  # fmt: skip
def test_an_expression_that_fails_or_takes_too_much_finds_nothing(expression: str) -> None:
    patient = {"resourceType": "Patient", "name": [{"family": f"a{number}", "given": ["b"]} for number in range(40)]}
    whole = search_parameter(code="other")
    assert len(entries(patient, whole)["strings"]) == 40
    assert len(entries(patient, whole, search_parameter(code="fails", expression=expression))["strings"]) == 40


def test_a_registration_has_keys_of_its_own() -> None:
    definition = admitted(type="token", expression="Patient.maritalStatus").definition
    assert definition is not None
    first, second = OwnDefinition(1, definition), OwnDefinition(2, definition)
    assert own_keys(BASE, first).isdisjoint(own_keys(BASE, second))
    of_r4 = {each.key for each in BASE.parameters("Patient").values()}
    assert own_keys(BASE, first).isdisjoint(of_r4)
    (parameter,) = OwnDefinitions(BASE, [first]).parameters("Patient").values()
    assert {parameter.key, *parameter.texts} == own_keys(BASE, first)


def test_no_parameter_of_r4_changes() -> None:
    date = admitted(code="date", type="date", expression="Patient.birthDate").definition
    assert date is not None
    known = TenantSearchDefinitions(BASE, OwnDefinitions(BASE, [OwnDefinition(1, date)]))
    assert known.primary_date("Patient") == BASE.primary_date("Patient")
    assert set(known.parameters("Patient")) == {*BASE.parameters("Patient"), "date"}
    assert known.parameters("Observation") == BASE.parameters("Observation")
