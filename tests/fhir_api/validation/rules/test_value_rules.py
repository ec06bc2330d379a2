"""References, identities, texts, URIs, values, narratives: rules on data types."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.model.keys import ResourceKey
from fhir_api.validation.rules import Options
from tests.support.rules import Told, errors, told

VALUE_SET = {"resourceType": "ValueSet", "url": "http://example.org/vs", "status": "active"}
SUPPLEMENT = {"resourceType": "CodeSystem", "url": "http://example.org/cs", "supplements": "http://example.org/base"}


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **elements}


def extension(value: dict[str, Any], url: str = "http://example.org/x") -> dict[str, Any]:
    return patient(extension=[{"url": url, **value}])


@pytest.mark.parametrize(
    ("resource", "rule", "severity"),
    [
        (patient(identifier=[{"system": "here", "value": "1"}]), "identifier", "error"),
        (patient(identifier=[{"system": "urn:ietf:rfc:3986", "value": "1.2.3"}]), "identifier", "error"),
        (patient(maritalStatus={"coding": [{"system": "here", "code": "M"}]}), "coding-system", "error"),
        (patient(maritalStatus={"coding": [{"system": VALUE_SET["url"], "code": "M"}]}), "coding-system", "error"),
        (patient(maritalStatus={"coding": [{"system": SUPPLEMENT["url"], "code": "M"}]}), "coding-system", "error"),
        (patient(maritalStatus={"coding": [{"code": "M"}]}), "coding-system", "warning"),
        (extension({"valueString": "a"}, url="here"), "extension-url", "error"),
        (extension({"valueString": "a"}, url="http://example.org/x|1"), "extension-url", "error"),
        (patient(name=[{"id": "a"}], address=[{"id": "a"}]), "element-id", "error"),
        (patient(meta={"profile": ["Patient"]}), "canonical", "error"),
        (patient(meta={"profile": ["#p"]}), "canonical", "error"),
        (extension({"valueUri": "urn:oid:1.02"}), "uri", "error"),
        (extension({"valueUri": "urn:uuid:0C3151BD-1CBF-4D64-B04D-CD9187A4C6E0"}), "uri", "error"),
        (extension({"valueUrl": "oid:1.2"}), "uri", "error"),
        (extension({"valueUri": "http:/example.org"}), "uri", "warning"),
        (extension({"valueString": " a"}), "white-space", "warning"),
        (extension({"valueString": " "}), "white-space", "warning"),
        (extension({"valueString": "<b>a</b>"}), "html", "information"),
        (extension({"valueMarkdown": "a <b>b</b>"}), "html", "warning"),
        (extension({"valueAttachment": {"data": "QUJD", "size": 4}}), "attachment", "error"),
        (extension({"valueAttachment": {"data": "QUJD", "hash": "QUJD"}}), "attachment", "warning"),
        (extension({"valueAttachment": {"title": "a"}}), "attachment", "warning"),
        (extension({"valueBase64Binary": "QU JD"}), "base64", "warning"),
        (
            extension({"valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "fmm[Hg]"}}),
            "quantity-unit",
            "error",
        ),
        (patient(birthDate="0180-01-01"), "date-year", "warning"),
        (patient(deceasedDateTime="3017-09-06T06:30:54+00:00"), "date-year", "warning"),
    ],
)
def test_a_value_that_breaks_one_rule(resource: dict[str, Any], rule: str, severity: str) -> None:
    assert {(each.rule, each.severity) for each in told(resource, VALUE_SET, SUPPLEMENT)} == {(rule, severity)}


@pytest.mark.parametrize(
    "resource",
    [
        patient(identifier=[{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}]),
        patient(extension=[{"url": "http://example.org/x", "extension": [{"url": "a", "valueString": "b"}]}]),
        patient(name=[{"id": "a"}], contained=[{"resourceType": "Group", "id": "g", "member": [{"id": "a"}]}]),
        extension({"valueUri": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}),
        extension({"valueUri": "urn:oid:1.2.840"}),
        extension({"valueString": "a < b and c > d"}),
        extension({"valueMarkdown": "use `<b>` or <http://example.org>"}),
        extension({"valueAttachment": {"data": "QUJD", "size": 3, "hash": "PAHzFaYzqz01Wsbe0Xc0qr8kO/A="}}),
        *(
            extension({"valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": code}})
            for code in ("mm[Hg]", "{2 or 3 times}/d", "U/(10.g){feces}")
        ),
        patient(birthDate="1980"),
    ],
)
def test_a_value_that_is_right(resource: dict[str, Any]) -> None:
    assert {each for each in told(resource) if each.rule != "attachment" or each.severity == "error"} == set()


def test_html_is_an_error_where_it_is_refused() -> None:
    strict = Options(refuses_html=True)
    assert errors(extension({"valueString": "<b>a</b>"}), options=strict) == {("html", "Patient.extension[0].value")}
    assert errors(extension({"valueMarkdown": "<b>a</b>"}), options=strict) == {("html", "Patient.extension[0].value")}


@pytest.mark.parametrize(
    ("reference", "is_refused"),
    [
        ({"reference": "#o"}, False),
        ({"reference": "#p"}, True),
        ({"reference": "#o", "type": "Practitioner"}, True),
        ({"reference": "#o", "type": "Organization"}, False),
    ],
)
def test_a_contained_target_has_an_allowed_type(reference: dict[str, str], is_refused: bool) -> None:
    contained = [{"resourceType": "Organization", "id": "o"}, {"resourceType": "Patient", "id": "p"}]
    found = errors(patient(contained=contained, managingOrganization=reference))
    assert found == ({("reference-target", "Patient.managingOrganization.reference")} if is_refused else set())


@pytest.mark.parametrize(
    ("literal", "is_doubtful"),
    [("urn:uuid:1", True), ("urn:oid:x", True), ("urn:oid:1.2", False), ("urn:isbn:1", False)],
)
def test_a_urn_is_that_of_a_uuid_or_of_an_oid(literal: str, is_doubtful: bool) -> None:
    found = told(patient(managingOrganization={"reference": literal}))
    expected = Told("warning", "reference-target", "Patient.managingOrganization.reference")
    assert (expected in found) is is_doubtful


def test_targets_exist_where_that_is_asked() -> None:
    resource = patient(generalPractitioner=[{"reference": f"Practitioner/{number}"} for number in (1, 2)])
    asked: list[ResourceKey] = []

    def exists(key: ResourceKey) -> bool:
        asked.append(key)
        return key.logical_id == "1"

    assert errors(resource) == set()
    assert errors(resource, exists=exists) == {("reference-target", "Patient.generalPractitioner[1].reference")}
    assert [key.resource_type for key in asked] == ["Practitioner", "Practitioner"]


def narrative(content: str, attributes: str = "", **elements: Any) -> dict[str, Any]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"{attributes}>{content}</div>'
    return patient(text={"status": "generated", "div": div}, **elements)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (narrative('<a href="#a">b</a><a name="a"/>'), set()),
        (narrative('<a href="#a">b</a><p id="a"/>'), set()),
        (narrative('<a href="#a">b</a>', name=[{"id": "a"}]), set()),
        (narrative('<img src="#a"/>', contained=[{"resourceType": "Binary", "id": "a", "contentType": "x"}]), set()),
        (narrative('<p><a href="#b">b</a></p>'), {"error"}),
        (narrative('<img src="#b"/>'), {"error"}),
        (narrative('<a href="urn:oid:1.2">b</a>'), {"error"}),
        (narrative('<a href="Patient/1">b</a>'), set()),
        (narrative("a", ' lang="rw"', language="en"), {"warning"}),
        (narrative("a", ' lang="rw" xml:lang="en"'), {"warning"}),
        (narrative("a", ' lang="rw" xml:lang="rw"', language="rw"), set()),
    ],
)
def test_links_and_language_of_a_narrative(resource: dict[str, Any], expected: set[str]) -> None:
    found = {each for each in told(resource) if each.rule == "narrative"}
    assert {each.severity for each in found} == expected
    assert {each.place for each in found} <= {"Patient.text.div"}


def test_what_entries_hold_is_asked_too() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": "urn:oid:1.2", "resource": patient(birthDate="1066")}],
    }
    assert told(bundle) == {Told("warning", "date-year", "Bundle.entry[0].resource.birthDate")}
