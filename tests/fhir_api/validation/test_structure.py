"""Each rule of the base definitions, and the place its issue names."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from fhir_api.model.outcome import Issue
from fhir_api.model.resource import parse
from fhir_api.validation.validator import Validator

VALIDATOR = Validator(with_invariants=False)
NAME = {"family": "Uwase"}


def check(tree: dict[str, Any], *, in_bundle: bool = False) -> tuple[Issue, ...]:
    return VALIDATOR.check(parse(orjson.dumps(tree)), in_bundle=in_bundle)


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **members}


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "Weight"}, **members}


def extension(**members: Any) -> dict[str, Any]:
    return {"url": "http://example.org/extension", **members}


ABSENT = {"extension": [extension(valueCode="masked")]}
CONDITION = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}
CONDITION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "Kigali"}

SOUND = {
    "empty patient": patient(),
    "all of a name": patient(name=[{"use": "official", "given": ["Aline", "M."], "period": {"start": "2020"}}]),
    "primitive without value": patient(_birthDate=ABSENT),
    "primitive with both": patient(birthDate="1990", _birthDate={"id": "a"}),
    "array with gaps": patient(name=[{"given": ["Aline", None], "_given": [None, ABSENT]}]),
    "array of companions only": patient(name=[{"_given": [ABSENT]}]),
    "required met by companion": {"resourceType": "Observation", "_status": ABSENT, "code": {"text": "x"}},
    "choice": observation(valueQuantity={"value": 72.5, "unit": "kg"}),
    "choice with companion": observation(valueString="x", _valueString=ABSENT),
    "integer as decimal": observation(valueQuantity={"value": 72}),
    "leap second": observation(effectiveInstant="2016-12-31T23:59:60Z"),
    "29 February": patient(birthDate="2024-02-29"),
    "no-break space": patient(name=[{"text": "Aline\u00a0Uwase"}]),
    "tab and line ends": patient(name=[{"text": "a\tb\r\nc"}]),
    "nested extensions": patient(extension=[extension(extension=[extension(valueInteger=1)])]),
    "codings of another system beside": {
        **CONDITION,
        "clinicalStatus": {
            "coding": [{"system": "http://example.org", "code": "x"}, {"system": CONDITION_STATUS, "code": "active"}]
        },
    },
    "concept by extension alone": {**CONDITION, "clinicalStatus": ABSENT},
    "reference: relative": observation(subject={"reference": "Patient/1"}),
    "reference: version": observation(subject={"reference": "Patient/1/_history/2"}),
    "reference: absolute": observation(subject={"reference": "https://example.org/fhir/Patient/1"}),
    "reference: another URL": observation(subject={"reference": "https://example.org/people?id=7"}),
    "reference: uuid": observation(subject={"reference": "urn:uuid:7d444840-9dc0-11d1-b245-5ffdce74fad2"}),
    "reference: oid": observation(subject={"reference": "urn:oid:2.16.840.1"}),
    "reference: type agrees": observation(subject={"reference": "Patient/1", "type": "Patient"}),
    "reference: logical": observation(subject={"type": "Patient", "identifier": {"value": "7"}}),
    "contained": patient(contained=[ORGANIZATION], managingOrganization={"reference": "#o"}),
    "contained points at its container": patient(contained=[observation(id="a", subject={"reference": "#"})]),
    "contained points at its neighbour": patient(
        contained=[ORGANIZATION, {**ORGANIZATION, "id": "p", "partOf": {"reference": "#o"}}],
        managingOrganization={"reference": "#p"},
    ),
    "bundle with conditional reference": {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": observation(subject={"reference": "Patient?identifier=a|7"})}],
    },
    "parameters": {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "resource": patient()}, {"name": "b", "part": [{"name": "c", "valueId": "1"}]}],
    },
    "narrative": patient(
        text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Aline</p></div>'}
    ),
    "recursive items": {
        "resourceType": "Questionnaire",
        "status": "draft",
        "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "1.1", "type": "string"}]}],
    },
}


@pytest.mark.parametrize("tree", SOUND.values(), ids=SOUND.keys())
def test_sound_resources_have_no_issue(tree: dict[str, Any]) -> None:
    assert check(tree) == ()


UNSOUND: list[tuple[str, dict[str, Any], str, str]] = [
    ("unknown type", {"resourceType": "Persona"}, "structure", "Resource"),
    ("abstract type", {"resourceType": "DomainResource"}, "structure", "Resource"),
    ("unknown element", patient(nickname="A"), "structure", "Patient.nickname"),
    ("unknown element inside", patient(contact=[{"age": 3}]), "structure", "Patient.contact[0].age"),
    ("name that is no name", patient(**{"a b": 1}), "structure", "Patient"),
    ("resourceType inside", patient(name=[{"resourceType": "HumanName"}]), "structure", "Patient.name[0].resourceType"),
    ("code", patient(contact=[{"name": NAME, "gender": "M"}]), "code-invalid", "Patient.contact[0].gender"),
    ("code of another kind", patient(gender=1), "structure", "Patient.gender"),
    ("missing", {"resourceType": "Observation", "code": {"text": "x"}}, "required", "Observation.status"),
    ("missing inside", patient(communication=[{"preferred": True}]), "required", "Patient.communication[0].language"),
    ("missing choice", {"resourceType": "MedicationAdministration", "status": "completed",
                        "subject": {"reference": "Patient/1"}, "effectiveDateTime": "2020"},
     "required", "MedicationAdministration.medication"),
    ("array where none may be", patient(gender=["male"]), "structure", "Patient.gender"),
    ("object where none may be", patient(gender={}), "structure", "Patient.gender"),
    ("no array where one has to be", patient(name=NAME), "structure", "Patient.name"),
    ("empty array", patient(name=[]), "structure", "Patient.name"),
    ("empty object", patient(name=[NAME, {}]), "structure", "Patient.name[1]"),
    ("empty object, single", patient(maritalStatus={}), "structure", "Patient.maritalStatus"),
    ("null", patient(gender=None), "structure", "Patient.gender"),
    ("null in an array", patient(name=[{"given": ["A", None]}]), "structure", "Patient.name[0].given[1]"),
    ("null in an array of objects", patient(name=[None]), "structure", "Patient.name[0]"),
    ("text for an object", patient(name=["Uwase"]), "structure", "Patient.name[0]"),
    ("two of a choice", patient(deceasedBoolean=True, deceasedDateTime="2020"), "structure", "Patient.deceased"),
    ("two of a choice by companion", patient(deceasedBoolean=True, _deceasedDateTime=ABSENT),
     "structure", "Patient.deceased"),
    ("type the choice has not", observation(valueAddress={"text": "x"}), "structure", "Observation.valueAddress"),
    ("choice without type", observation(value=1), "structure", "Observation.value"),
    ("arrays of two lengths", patient(name=[{"given": ["A"], "_given": [None, ABSENT]}]),
     "structure", "Patient.name[0].given"),
    ("null in both arrays", patient(name=[{"given": ["A", None], "_given": [ABSENT, None]}]),
     "structure", "Patient.name[0].given"),
    ("companion with a value", patient(birthDate="1990", _birthDate={"value": "1990"}),
     "structure", "Patient.birthDate.value"),
    ("companion as an array", patient(_birthDate=[ABSENT]), "structure", "Patient.birthDate"),
    ("companion of an object", patient(_maritalStatus=ABSENT), "structure", "Patient._maritalStatus"),
    ("companion of the id", patient(_id=ABSENT), "structure", "Patient._id"),
    ("id", patient(id="a b"), "value", "Patient.id"),
    ("id of an element", patient(name=[{"id": "a b", "family": "x"}]), "value", "Patient.name[0].id"),
    ("long id", patient(id="a" * 65), "value", "Patient.id"),
    ("profile", patient(meta={"profile": ["a b"]}), "value", "Patient.meta.profile[0]"),
    ("day that is not", patient(birthDate="2023-02-29"), "value", "Patient.birthDate"),
    ("time without zone", observation(effectiveDateTime="2020-01-01T10:00:00"), "value", "Observation.effective"),
    ("1.0 as integer", observation(valueInteger=1.0), "value", "Observation.value"),
    ("text as decimal", observation(valueQuantity={"value": "1"}), "structure", "Observation.value.value"),
    ("true as integer", observation(valueInteger=True), "structure", "Observation.value"),
    ("text as boolean", patient(active="true"), "structure", "Patient.active"),
    ("empty string", patient(name=[{"family": ""}]), "value", "Patient.name[0].family"),
    ("control character", patient(name=[{"family": "a\u0000b"}]), "value", "Patient.name[0].family"),
    ("extension without url", patient(extension=[{"valueCode": "a"}]), "required", "Patient.extension[0].url"),
    ("extension with nothing", patient(extension=[extension()]), "structure", "Patient.extension[0]"),
    ("extension with both", patient(extension=[extension(valueCode="a", extension=[extension(valueCode="b")])]),
     "structure", "Patient.extension[0]"),
    ("concept outside the value set", {**CONDITION, "clinicalStatus": {"coding": [{"system": CONDITION_STATUS,
                                                                                  "code": "gone"}]}},
     "code-invalid", "Condition.clinicalStatus"),
    ("concept of another system", {**CONDITION, "clinicalStatus": {"coding": [{"code": "active"}]}},
     "code-invalid", "Condition.clinicalStatus"),
    ("concept as text", {**CONDITION, "clinicalStatus": {"text": "active"}},
     "code-invalid", "Condition.clinicalStatus"),
    ("reference of unknown type", observation(subject={"reference": "Pasient/1"}),
     "value", "Observation.subject.reference"),
    ("reference without id", observation(subject={"reference": "Patient/"}), "value", "Observation.subject.reference"),
    ("reference with a space", observation(subject={"reference": "Patient/1 "}),
     "value", "Observation.subject.reference"),
    ("reference to no uuid", observation(subject={"reference": "urn:uuid:"}),
     "value", "Observation.subject.reference"),
    ("reference to a type not allowed", observation(subject={"reference": "Encounter/1"}),
     "value", "Observation.subject.reference"),
    ("the same, absolute", observation(subject={"reference": "http://example.org/Encounter/1"}),
     "value", "Observation.subject.reference"),
    ("reference with another type", observation(subject={"reference": "Patient/1", "type": "Group"}),
     "value", "Observation.subject.type"),
    ("conditional reference", observation(subject={"reference": "Patient?identifier=7"}),
     "value", "Observation.subject.reference"),
    ("conditional reference to a type not allowed", observation(subject={"reference": "Encounter?identifier=7"}),
     "value", "Observation.subject.reference"),
    ("fragment to nothing", observation(subject={"reference": "#p"}), "value", "Observation.subject.reference"),
    ("contained without id", patient(contained=[{"resourceType": "Organization", "name": "a"}]),
     "required", "Patient.contained[0].id"),
    ("contained in contained", patient(contained=[{**ORGANIZATION, "contained": [ORGANIZATION]}]),
     "structure", "Patient.contained[0].contained"),
    ("contained with a version", patient(contained=[{**ORGANIZATION, "meta": {"versionId": "1"}}]),
     "structure", "Patient.contained[0].meta.versionId"),
    ("contained with security", patient(contained=[{**ORGANIZATION, "meta": {"security": [{"code": "R"}]}}]),
     "structure", "Patient.contained[0].meta.security"),
    ("contained without type", patient(contained=[{"id": "a"}]), "structure", "Patient.contained[0]"),
    ("contained that is no resource", patient(contained=["a"]), "structure", "Patient.contained[0]"),
    ("entry's resource", {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": patient(gender="m")}]},
     "code-invalid", "Bundle.entry[0].resource.gender"),
    ("fragment into another entry",
     {"resourceType": "Bundle", "type": "collection", "entry": [
         {"resource": patient(contained=[ORGANIZATION])},
         {"resource": patient(managingOrganization={"reference": "#o"})}]},
     "value", "Bundle.entry[1].resource.managingOrganization.reference"),
    ("narrative without div", patient(text={"status": "generated"}), "required", "Patient.text.div"),
    ("script", patient(text={"status": "generated",
                             "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>1</script></div>'}),
     "value", "Patient.text.div"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "code", "expression"), [case[1:] for case in UNSOUND], ids=[case[0] for case in UNSOUND]
)
def test_an_issue_names_the_rule_and_the_place(tree: dict[str, Any], code: str, expression: str) -> None:
    issues = check(tree)
    assert [(issue.severity, issue.code, issue.expressions) for issue in issues] == [("error", code, (expression,))]


def test_every_issue_is_told() -> None:
    issues = check(patient(gender="m", birthDate="x", name=[{"use": "y"}]))
    assert [issue.expressions[0] for issue in issues] == ["Patient.gender", "Patient.birthDate", "Patient.name[0].use"]


def test_no_more_than_a_hundred_issues_are_told() -> None:
    assert len(check(patient(name=[{"use": "x"}] * 300))) == 100


def test_conditional_references_are_allowed_in_an_entry() -> None:
    tree = observation(subject={"reference": "Patient?identifier=7"})
    assert check(tree, in_bundle=True) == ()
    assert check(tree) != ()


def test_text_is_never_told_back() -> None:
    secret = "Aline Uwase 1990"
    wrong = [patient(gender=secret), patient(birthDate=secret), patient(**{secret: 1}), patient(id=secret)]
    wrong += [observation(subject={"reference": secret}), {"resourceType": "Patient", "language": secret + " "}]
    for tree in wrong:
        issues = check(tree)
        assert issues
        assert not any(secret in issue.diagnostics or secret in issue.expressions[0] for issue in issues)


def test_a_code_that_is_wrong_is_told_back() -> None:
    (issue,) = check(patient(gender="M"))
    assert issue.diagnostics == "Found 'M', expected a code of http://hl7.org/fhir/ValueSet/administrative-gender."


@pytest.mark.parametrize(
    ("div", "reason"),
    [
        ("<div>a</div>", "its outermost element is no div in the namespace http://www.w3.org/1999/xhtml"),
        (
            '<div xmlns="http://www.w3.org/1999/xhtml"><script/>a</div>',
            "the element 'script' is not allowed (in div/script)",
        ),
        ('<div xmlns="http://www.w3.org/1999/xhtml"/>', "it has neither text nor an image"),
    ],
)
def test_a_narrative_is_refused_with_the_reason(div: str, reason: str) -> None:
    (issue,) = check(patient(text={"status": "generated", "div": div}))
    assert issue.diagnostics.endswith(f"; {reason}.")
