"""Codes under bindings, by strength and type, and codes in their own system."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.types import Binding
from fhir_api.packages.core import core_library
from fhir_api.terminology import Terminology
from fhir_api.validation.bindings import binding_issues, coding_issues, keeps_required

TERMINOLOGY = Terminology(core_library())
MARITAL = "http://hl7.org/fhir/ValueSet/marital-status"
SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"
INSIDE = {"system": SYSTEM, "code": "M"}
OUTSIDE = {"system": "http://example.org", "code": "M"}
LOINC = {"system": "http://loinc.org", "code": "8867-4"}


def severities(strength: str, value_set: str, coded: Any, type_code: str) -> list[str]:
    issues = binding_issues(TERMINOLOGY, Binding(strength, value_set), coded, type_code, "Patient.a")
    return [issue.severity for issue in issues]


@pytest.mark.parametrize(
    ("strength", "severity"),
    [("required", ["error"]), ("extensible", ["warning"]), ("preferred", ["information"]), ("example", [])],
)
@pytest.mark.parametrize(
    ("coded", "type_code"),
    [
        (OUTSIDE, "Coding"),
        ({"code": "M"}, "Coding"),
        ({"display": "married"}, "Coding"),
        ({"coding": [OUTSIDE, LOINC]}, "CodeableConcept"),
        ({"text": "married"}, "CodeableConcept"),
        ({"coding": [{"display": "married"}]}, "CodeableConcept"),
        ({"value": 1, **OUTSIDE}, "Quantity"),
        ({"value": 1, **OUTSIDE}, "Duration"),
        ({"value": 1, "unit": "a"}, "Quantity"),
    ],
)
def test_a_code_outside_is_told_by_strength(coded: Any, type_code: str, strength: str, severity: list[str]) -> None:
    assert severities(strength, MARITAL, coded, type_code) == severity


@pytest.mark.parametrize("strength", ["required", "extensible", "preferred", "example"])
@pytest.mark.parametrize(
    ("coded", "type_code"),
    [
        (INSIDE, "Coding"),
        ({"coding": [OUTSIDE, INSIDE]}, "CodeableConcept"),
        ({"extension": [{"url": "http://a.b", "valueCode": "a"}]}, "CodeableConcept"),
        ({"value": 1}, "Quantity"),
        (True, "boolean"),
    ],
)
def test_a_code_inside_or_none_is_sound(coded: Any, type_code: str, strength: str) -> None:
    assert severities(strength, MARITAL, coded, type_code) == []


@pytest.mark.parametrize("type_code", ["code", "string", "uri"])
def test_the_text_of_a_primitive_is_its_code(type_code: str) -> None:
    assert severities("required", GENDER, "male", type_code) == []
    assert severities("required", GENDER, "M", type_code) == ["error"]


def test_what_cannot_be_told_refuses_nothing() -> None:
    unknown = "http://example.org/ValueSet/a"
    assert severities("required", unknown, INSIDE, "Coding") == ["warning"]
    assert severities("extensible", unknown, INSIDE, "Coding") == []
    assert keeps_required(TERMINOLOGY, Binding("required", unknown), INSIDE, "Coding")
    assert not keeps_required(TERMINOLOGY, Binding("required", MARITAL), OUTSIDE, "Coding")


def test_a_binding_of_prose_asks_nothing() -> None:
    assert list(binding_issues(TERMINOLOGY, Binding("required", None), OUTSIDE, "Coding", "Patient.a")) == []


def test_an_issue_names_value_set_and_place_but_no_code_of_the_client() -> None:
    (issue,) = binding_issues(TERMINOLOGY, Binding("required", MARITAL), OUTSIDE, "Coding", "Patient.a")
    assert issue.diagnostics == f"Found another code, expected a code of {MARITAL}."
    assert (issue.code, issue.expressions, issue.details) == ("code-invalid", ("Patient.a",), ("binding-required",))


@pytest.mark.parametrize(
    ("coding", "severity", "details", "place"),
    [
        ({"system": SYSTEM, "code": "?"}, "error", "code-unknown", "a.code"),
        ({**INSIDE, "display": "Divorced"}, "error", "display", "a.display"),
        (OUTSIDE, "warning", "code-system-unknown", "a.system"),
    ],
)
def test_what_is_wrong_with_a_coding_in_itself(coding: Any, severity: str, details: str, place: str) -> None:
    (issue,) = coding_issues(TERMINOLOGY, coding, "a")
    assert (issue.severity, issue.details, issue.expressions) == (severity, (details,), (place,))


@pytest.mark.parametrize(
    "coding",
    [
        INSIDE,
        {**INSIDE, "display": "Married"},
        {**INSIDE, "display": "married"},
        LOINC,
        {"code": "a"},
        {"display": "a"},
    ],
)
def test_a_coding_that_is_right_or_cannot_be_known_is_sound(coding: Any) -> None:
    assert list(coding_issues(TERMINOLOGY, coding, "a")) == []
