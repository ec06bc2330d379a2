"""The invariants of R4: all of them are asked, everywhere, and broken ones are named with their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.types import Constraint, nodes
from fhir_api import fhirpath
from fhir_api.fhirpath import FhirPathSemanticError
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.validation.invariants import AMENDED, SEEN_BY_STRUCTURE, invariants, invariants_of_value
from fhir_api.validation.validator import Validator

VALIDATOR = Validator()
FAULTY_WHEN_STRICT = {
    "cid-0": "it asks for a name, which a ChargeItemDefinition has not",
    "ras-1": "it asks for low and high also of a decimal",
}


def carried() -> Iterator[tuple[str, Constraint]]:
    """Yield each constraint that has an expression, with the type it is evaluated on."""
    for node in nodes().values():
        yield from ((node.name, each) for each in node.constraints)
        for element in node.elements:
            yield from ((kind.code, each) for each in element.constraints for kind in element.types)


def test_every_constraint_is_evaluated_or_seen_by_the_structure() -> None:
    for node in nodes().values():
        evaluated = {each.key for each in invariants(node.name)}
        assert {each.key for each in node.constraints} <= evaluated | SEEN_BY_STRUCTURE.keys()
        for element in node.elements:
            for kind in element.types:
                of_value = {each.key for each in invariants_of_value(element.constraints, kind.code)}
                assert {each.key for each in element.constraints} <= of_value | SEEN_BY_STRUCTURE.keys()


def test_every_constraint_has_an_expression() -> None:
    assert [each.key for _, each in carried() if each.expression is None] == []


def test_what_is_listed_is_a_constraint() -> None:
    keys = {each.key for _, each in carried()}
    assert keys >= SEEN_BY_STRUCTURE.keys() | AMENDED.keys() | FAULTY_WHEN_STRICT.keys()


def test_expressions_name_elements_that_exist() -> None:
    faulty = set()
    for type_name, constraint in dict.fromkeys(carried()):
        try:
            fhirpath.compile(constraint.expression or "", type_name=type_name, is_strict=True)
        except FhirPathSemanticError:
            faulty.add(constraint.key)
    assert faulty == FAULTY_WHEN_STRICT.keys()


def test_only_references_ask_for_the_container() -> None:
    assert {each.key for _, each in carried() if "%rootResource" in (each.expression or "")} == {"ref-1"}


def told(tree: dict[str, Any]) -> list[tuple[str, str]]:
    """Return key and place of each issue; each is a broken invariant."""
    issues = VALIDATOR.check(Resource(tree["resourceType"], tree, b""))
    assert all(issue.severity == "error" for issue in issues)
    return sorted((issue.details[1], issue.expressions[0]) for issue in issues)


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"coding": [CODE]}, **members}


def bundle(*resources: dict[str, Any], **members: Any) -> dict[str, Any]:
    entries = [{"fullUrl": f"urn:uuid:0000000{index}", "resource": each} for index, each in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries, **members}


def questionnaire(*items: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "status": "draft", "item": list(items)}


def structure_definition(**members: Any) -> dict[str, Any]:
    definition = {"url": "http://example.org/x", "name": "X", "status": "draft", "kind": "resource", "abstract": True}
    return {"resourceType": "StructureDefinition", **definition, "type": "Patient", **members}


CODE = {"system": "http://loinc.org", "code": "85354-9"}
BACKWARDS = {"start": "2020-02", "end": "2020-01"}
SAME_CODE = observation(valueString="a", component=[{"code": {"coding": [CODE]}, "valueString": "b"}])
NAMELESS = {"resourceType": "Organization", "id": "a"}
PATIENT = {"resourceType": "Patient"}
DISPLAY_WITH_ITEMS = {"linkId": "2", "type": "display", "item": [{"linkId": "3", "type": "string"}]}
ELEMENT = {
    "id": "a",
    "path": "Foo",
    "min": 0,
    "max": "1",
    "definition": "a",
    "base": {"path": "a", "min": 0, "max": "1"},
}

BROKEN: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    (SAME_CODE, [("obs-7", "Observation")]),
    (observation(dataAbsentReason={"text": "a"}, valueInteger=1), [("obs-6", "Observation")]),
    (observation(effectivePeriod=BACKWARDS), [("per-1", "Observation.effective")]),
    (observation(valueQuantity={"value": 1, "code": "a"}), [("qty-3", "Observation.value")]),
    (observation(valueRatio={"numerator": {"value": 1}}), [("rat-1", "Observation.value")]),
    (observation(referenceRange=[{"appliesTo": [{"text": "a"}]}]), [("obs-3", "Observation.referenceRange[0]")]),
    (
        observation(extension=[{"url": "http://a.b", "valuePeriod": BACKWARDS}]),
        [("per-1", "Observation.extension[0].value")],
    ),
    (bundle(PATIENT, SAME_CODE), [("obs-7", "Bundle.entry[1].resource")]),
    (bundle(PATIENT, total=1), [("bdl-1", "Bundle")]),
    (bundle(bundle(PATIENT, total=1)), [("bdl-1", "Bundle.entry[0].resource")]),
    (
        {**PATIENT, "contained": [NAMELESS], "managingOrganization": {"reference": "#a"}},
        [("org-1", "Patient.contained[0]")],
    ),
    ({**PATIENT, "contact": [{"gender": "male"}]}, [("pat-1", "Patient.contact[0]")]),
    (
        {**NAMELESS, "name": "A", "telecom": [{"use": "work"}, {"use": "home"}]},
        [("org-3", "Organization.telecom[1]")],
    ),
    (
        questionnaire({"linkId": "1", "type": "group", "item": [DISPLAY_WITH_ITEMS]}),
        [("que-1", "Questionnaire.item[0].item[0]")],
    ),
    (
        questionnaire(
            {"linkId": "1", "type": "string"},
            {
                "linkId": "2",
                "type": "string",
                "enableWhen": [{"question": "1", "operator": "exists", "answerString": "a"}],
            },
        ),
        [("que-7", "Questionnaire.item[1].enableWhen[0]")],
    ),
    (
        {
            "resourceType": "CareTeam",
            "participant": [{"member": {"reference": "Organization/1"}, "onBehalfOf": {"reference": "Organization/2"}}],
        },
        [("ctm-1", "CareTeam.participant[0]")],
    ),
    (
        structure_definition(snapshot={"element": [ELEMENT]}),
        [("sdf-11", "StructureDefinition"), ("sdf-8", "StructureDefinition.snapshot")],
    ),
    (
        structure_definition(differential={"element": [{"id": "a", "path": "Patient", "max": "a"}]}),
        [("eld-3", "StructureDefinition.differential.element[0].max")],
    ),
    (
        {
            "resourceType": "RiskAssessment",
            "status": "final",
            "subject": {"reference": "Patient/1"},
            "prediction": [{"probabilityDecimal": 101}, {"probabilityRange": {"low": {"value": 1}}}],
        },
        [("ras-1", "RiskAssessment.prediction[1].probability"), ("ras-2", "RiskAssessment.prediction[0]")],
    ),
]


@pytest.mark.parametrize(("tree", "expected"), BROKEN)
def test_a_broken_invariant_is_named_with_its_place(tree: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert told(tree) == expected


@pytest.mark.parametrize(
    "tree",
    [
        observation(subject={"display": "nobody"}),
        observation(valueString="a", component=[{"code": {"text": "b"}, "valueString": "b"}]),
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]},
        {
            "resourceType": "CareTeam",
            "participant": [{"member": {"reference": "Practitioner/1"}, "onBehalfOf": {"reference": "Organization/2"}}],
        },
        {
            "resourceType": "MessageDefinition",
            "status": "draft",
            "date": "2020",
            "eventUri": "urn:a:b",
            "focus": [{"code": "Patient", "min": 0}],
        },
        {
            "resourceType": "RiskAssessment",
            "status": "final",
            "subject": {"reference": "Patient/1"},
            "prediction": [{"qualitativeRisk": {"text": "low"}}],
        },
    ],
)
def test_what_need_not_be_there_breaks_nothing(tree: dict[str, Any]) -> None:
    assert told(tree) == []


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (observation(effectivePeriod={"start": "2020", "end": "2020-01"}), "per-1"),
        (questionnaire({"linkId": "1", "type": "string", "initial": [{"valueString": "a"}] * 2}), "que-13"),
    ],
)
def test_an_empty_answer_is_not_true(tree: dict[str, Any], expected: str) -> None:
    assert [key for key, _ in told(tree)] == [expected]


def test_an_answer_is_the_same_when_the_shape_is_known() -> None:
    validator = Validator()
    for effective in (BACKWARDS, {"start": "2020", "end": "2021"}) * 20:
        issues = validator.check(Resource("Observation", observation(effectivePeriod=effective), b""))
        assert bool(issues) is (effective is BACKWARDS)


def everything(tree: dict[str, Any]) -> list[Issue]:
    return [issue for issue in VALIDATOR.validate(tree) if issue.severity != "error"]


def test_a_warning_does_not_refuse_but_is_told() -> None:
    assert told(PATIENT) == []
    assert [(issue.severity, issue.details) for issue in everything(PATIENT)] == [("warning", ("invariant", "dom-6"))]


@pytest.mark.parametrize(("name", "warnings"), [(None, 0), ("Good", 0), ("Not good", 1)])
def test_a_definition_needs_no_name_but_a_good_one(name: str | None, warnings: int) -> None:
    tree = {**questionnaire({"linkId": "1", "type": "string"}), **({} if name is None else {"name": name})}
    assert [issue.details[1] for issue in everything(tree)].count("que-0") == warnings


def test_a_contained_resource_needs_no_narrative() -> None:
    contained = {"resourceType": "Organization", "id": "a", "name": "A"}
    tree = {**PATIENT, "contained": [contained], "managingOrganization": {"reference": "#a"}}
    assert [issue.expressions for issue in everything(tree)] == [("Patient",)]


def test_what_cannot_be_evaluated_does_not_refuse_but_is_told() -> None:
    timing = {"repeat": {"when": ["MORN", "NIGHT"], "offset": 30}}
    tree = observation(effectiveTiming=timing)
    assert told(tree) == []
    (issue,) = (issue for issue in everything(tree) if issue.severity == "information")
    assert (issue.details, issue.expressions) == (("invariant-open", "tim-9"), ("Observation.effective.repeat",))


def test_without_invariants_only_the_structure_counts() -> None:
    assert Validator(with_invariants=False).check(Resource("Observation", SAME_CODE, b"")) == ()


@pytest.mark.parametrize("tree", [{**SAME_CODE, "code": 1}, {**SAME_CODE, "component": [1]}, {**SAME_CODE, "code": []}])
def test_invariants_over_what_is_no_fhir_are_no_fault(tree: dict[str, Any]) -> None:
    assert VALIDATOR.check(Resource("Observation", tree, b""))
    assert VALIDATOR.validate(tree)
