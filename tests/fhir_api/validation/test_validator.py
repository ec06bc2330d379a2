"""The validator as a whole: what refuses a write, and what is told besides."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from fhir_api.model.outcome import DETAILS, Issue, operation_outcome
from fhir_api.model.resource import Resource
from fhir_api.packages.core import core_library
from fhir_api.terminology import Terminology
from fhir_api.validation.explanation import MAX_ISSUES
from fhir_api.validation.profiles import Profiles
from fhir_api.validation.validator import Validator, base_validator
from tests.support.libraries import beside_core
from tests.support.profiles import PROFILE, profile

VALIDATOR = base_validator()
ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
NAMED: dict[str, Any] = {"name": [{"family": "A"}]}
VITAL_SIGNS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **members}


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "a"}, **members}


def refused(tree: dict[str, Any]) -> tuple[Issue, ...]:
    return VALIDATOR.check(Resource(tree["resourceType"], tree, b""))


@pytest.mark.parametrize(
    ("tree", "details"),
    [
        (patient(active="yes"), ("json-kind",)),
        (patient(shoe=1), ("element-unknown",)),
        (patient(link=[{"type": "refer"}]), ("cardinality-min",)),
        (patient(name=[]), ("cardinality-min",)),
        (observation(valueInteger=1, valueString="a"), ("choice-types",)),
        (patient(name=[{}]), ("element-empty", "ele-1")),
        (patient(name=[{"id": "a"}]), ("element-empty", "ele-1")),
        (patient(_birthDate={"id": "a"}), ("element-empty",)),
        (patient(name=[{"given": ["a", None], "_given": [None, {"id": "a"}]}]), ("array-companions",)),
        (patient(birthDate="2020-13"), ("format",)),
        (patient(gender="M"), ("binding-required",)),
        (patient(photo=[{"contentType": "picture"}]), ("binding-required",)),
        (patient(extension=[{"url": "http://a.b"}]), ("invariant", "ext-1")),
        (patient(contact=[{"gender": "male"}]), ("invariant", "pat-1")),
        (patient(managingOrganization={"reference": "x"}), ("reference-format",)),
        (observation(referenceRange=[{"low": {"value": 1, "comparator": "<"}}]), ("invariant", "sqty-1")),
        (observation(valueRange={"high": {"value": 1, "_comparator": {"id": "a"}}}), ("invariant", "sqty-1")),
        (patient(managingOrganization={"reference": "Patient/1"}), ("reference-target",)),
        (patient(managingOrganization={"reference": "#a"}), ("reference-contained", "ref-1")),
        (patient(managingOrganization={"reference": "Organization?name=a"}), ("reference-conditional",)),
        (
            patient(managingOrganization={"reference": "Organization/1", "type": "Patient"}),
            ("reference-type",),
        ),
        (patient(contained=[{"resourceType": "Basic", "id": "a", "code": {"text": "b"}}]), ("invariant", "dom-3")),
        (
            patient(contained=[{"resourceType": "Shoe", "id": "a"}], managingOrganization={"reference": "#a"}),
            ("resource-type",),
        ),
    ],
)
def test_each_kind_of_refusal_has_a_code_that_stays(tree: dict[str, Any], details: tuple[str, ...]) -> None:
    assert [issue.details for issue in refused(tree)] == [details]


@pytest.mark.parametrize(
    "tree",
    [
        patient(birthDate="2020", _birthDate={"id": "a"}),
        patient(name=[{"given": ["a"], "_given": [{"id": "a"}]}]),
        patient(_birthDate={"extension": [{"url": "http://a.b", "valueCode": "a"}]}),
        patient(photo=[{"contentType": "image/png"}]),
        {**patient(), "id": "a"},
    ],
)
def test_an_id_beside_a_value_is_sound(tree: dict[str, Any]) -> None:
    assert refused(tree) == ()


def test_a_code_is_written_as_details() -> None:
    outcome = orjson.loads(operation_outcome([Issue("error", "invariant", "a", ("b",), ("invariant", "obs-6"))]))
    coding = [{"system": DETAILS, "code": "invariant"}, {"system": DETAILS, "code": "obs-6"}]
    assert outcome["issue"][0]["details"] == {"coding": coding}


def test_every_issue_that_refuses_has_details_and_a_place() -> None:
    wrong = patient(active=1, shoe=1, name=[{}], gender="M", contact=[{}], link=[{}])
    assert all(issue.details and issue.expressions for issue in refused(wrong))


def told(tree: dict[str, Any], *profiles: str) -> list[tuple[str, str]]:
    return [(issue.severity, issue.details[0]) for issue in VALIDATOR.validate(tree, profiles) if issue.details]


def test_validate_tells_codes_that_do_not_refuse() -> None:
    unknown = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "?"}]}
    tree = patient(maritalStatus=unknown)
    assert refused(tree) == ()
    assert {("error", "code-unknown"), ("warning", "binding-extensible")} <= set(told(tree))


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"_gender": ABSENT}, "Patient.gender"),
        ({"photo": [{"url": "http://a.b", "_contentType": ABSENT}]}, "Patient.photo[0].contentType"),
        ({"_birthDate": ABSENT}, None),
        ({"gender": "female", "_gender": ABSENT}, None),
    ],
)
def test_a_required_code_has_no_extensions_in_its_place(members: dict[str, Any], place: str | None) -> None:
    tree = patient(**members)
    issues = [issue for issue in VALIDATOR.validate(tree) if issue.details == ("binding-required",)]
    assert [issue.expressions for issue in issues] == ([] if place is None else [(place,)])
    assert refused(tree) == ()


def test_of_several_codes_the_one_without_a_value_is_told() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/1"}, "code": {"text": "a"}}
    issues = VALIDATOR.validate({**allergy, "category": ["food", None], "_category": [None, ABSENT]})
    places = [issue.expressions for issue in issues if issue.details == ("binding-required",)]
    assert places == [("AllergyIntolerance.category[1]",)]


def test_validate_asks_for_profiles_that_are_asked_for_or_declared() -> None:
    sound = {issue.details for issue in VALIDATOR.validate(observation())}
    asked = VALIDATOR.validate(observation(), [VITAL_SIGNS])
    declared = VALIDATOR.validate(observation(meta={"profile": [VITAL_SIGNS]}))
    assert any(issue.severity == "error" for issue in asked)
    assert {issue.details for issue in asked} == {issue.details for issue in declared} > sound


def test_validate_asks_for_rules_of_the_text() -> None:
    entry = {"fullUrl": "http://example.org/fhir/Patient/1", "resource": patient(id="2")}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}
    assert ("error", "bundle-full-url") in told(bundle)


def test_what_rests_on_the_structure_is_not_asked_where_that_is_unsound() -> None:
    issues = VALIDATOR.validate(observation(status=1), [VITAL_SIGNS])
    assert {issue.details[0] for issue in issues} == {"json-kind", "invariant"}


def test_errors_are_told_before_warnings_where_there_are_too_many() -> None:
    unsound = [{"url": "http://a.b"} for _ in range(3)]
    unknown = [{"system": "http://example.org", "code": str(number)} for number in range(2 * MAX_ISSUES)]
    issues = VALIDATOR.validate(patient(maritalStatus={"coding": unknown}, extension=unsound))
    assert len(issues) == MAX_ISSUES
    assert [issue.severity for issue in issues[:3]] == ["error"] * 3
    assert issues[-1].details == ("issues-left-out",)


def test_no_more_errors_are_told_than_is_of_use() -> None:
    assert len(refused(patient(extension=[{"url": "http://a.b"}] * 500))) == MAX_ISSUES


def test_a_validator_without_profiles_knows_the_structure_and_the_invariants() -> None:
    assert Validator().validate(patient(gender="M"))
    assert [issue.details for issue in Validator().validate(patient())] == [("invariant", "dom-6")]


def test_a_library_without_terminology_is_asked_for_codes_all_the_same() -> None:
    validator = Validator(Profiles(core_library()))
    assert validator.validate(patient(), [VITAL_SIGNS])
    assert Terminology(core_library()).member_of("http://hl7.org/fhir/ValueSet/mimetypes", "a/b") is True


def test_targets_that_refer_to_each_other_are_asked_once() -> None:
    linked = {"type": [{"code": "Reference", "targetProfile": [PROFILE]}]}
    rules = {"constraint": [{"key": "a", "severity": "error", "human": "A name", "expression": "name.exists()"}]}
    library = beside_core(profile("Patient", {"": rules, "link.other": linked}))
    links = [{"type": "seealso", "other": {"reference": f"Patient/{number}"}} for number in range(12)]

    def resolver(reference: str) -> dict[str, Any]:
        return patient(id=reference.rpartition("/")[2], link=links, **NAMED)

    validator = Validator(Profiles(library, Terminology(library)))
    issues = validator.validate(patient(link=links, **NAMED), [PROFILE], resolver=resolver)
    assert [issue for issue in issues if issue.severity == "error"] == []
    without = validator.validate(patient(link=links, **NAMED), [PROFILE], resolver=lambda _: patient(id="a"))
    assert len([issue for issue in without if issue.severity == "error"]) == len(links)
