"""What is left of an expression for inputs of one shape gives the same answer on them."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api import fhirpath

PERIOD = "start.hasValue().not() or end.hasValue().not() or (start <= end)"


@pytest.mark.parametrize(
    ("type_name", "expression", "present", "result"),
    [
        ("Period", PERIOD, {"start"}, True),
        ("Period", PERIOD, {"end", "_end"}, True),
        ("Quantity", "code.empty() or system.exists()", {"code"}, False),
        ("Quantity", "code.empty() or system.exists()", {"code", "system"}, True),
        ("Quantity", "code.empty() or system.exists()", {"_code", "system"}, True),
        ("Observation", "dataAbsentReason.empty() or value.empty()", {"dataAbsentReason", "valueQuantity"}, False),
        ("Observation", "value.exists()", {"_valueString"}, True),
        ("Observation", "Observation.value.exists()", {"status"}, False),
        ("Observation", "component.code.coding.exists()", {"status"}, False),
        ("Extension", "extension.exists() != value.exists()", {"url", "valueCode"}, True),
        ("Extension", "extension.exists() = value.exists()", {"url", "valueCode"}, False),
        ("Ratio", "numerator.empty() xor denominator.exists()", {"numerator", "denominator"}, True),
        ("Questionnaire.item", "answerOption.exists() implies initial.empty()", {"answerOption", "initial"}, False),
        ("Questionnaire.item", "code.exists() implies code.exists()", {"linkId"}, True),
        ("ContactPoint", "where(use = 'home').empty()", {"value"}, True),
        ("ContactPoint", "exists()", {"value"}, True),
        ("ContactPoint", "all(rank.exists())", {"value"}, False),
        ("ContactPoint", "all(rank.empty())", {"value"}, True),
        ("ContactPoint", "rank.not()", {"value"}, None),
        ("ContactPoint", "rank > 1", {"value"}, None),
        ("ContactPoint", "period[0].start is dateTime", {"value"}, None),
        ("ContactPoint", "use in ('home' | 'work')", {"value"}, None),
        ("ContactPoint", "rank.empty().not() and value.exists()", {"value"}, False),
        ("ContactPoint", "rank.trace('rank').empty()", {"value"}, True),
    ],
)
def test_what_the_shape_decides_is_a_constant(type_name: str, expression: str, present: set[str], result: Any) -> None:
    left = fhirpath.compile(expression, type_name=type_name).given(present)
    assert left.is_constant
    assert left.boolean({}) is result


@pytest.mark.parametrize(
    ("type_name", "expression", "element"),
    [
        ("Period", PERIOD, {"start": "2020", "end": "2019"}),
        ("Period", PERIOD, {"start": "2020", "_start": {"id": "a"}, "end": "2021"}),
        ("Period", PERIOD, {"start": "2020", "end": "2020-02"}),
        ("ContactPoint", "where(use = 'home').empty()", {"use": "home"}),
        ("ContactPoint", "false or use", {"use": "home"}),
        ("ContactPoint", "rank or use = 'home'", {"use": "home"}),
        ("ContactPoint", "rank and use = 'home'", {"use": "home"}),
        ("ContactPoint", "rank implies use = 'work'", {"use": "home"}),
        ("ContactPoint", "use = 'home' xor value.exists()", {"use": "home"}),
        ("ContactPoint", "(rank | use).count() = 1", {"use": "home"}),
        ("ContactPoint", "rank & use = 'home'", {"use": "home"}),
        ("ContactPoint", "iif(rank.exists(), false, use = 'home')", {"use": "home"}),
        ("HumanName", "given.count() + prefix.count() > 1", {"given": ["a", "b"]}),
        ("HumanName", "given.hasValue()", {"given": ["a", "b"]}),
        ("HumanName", "children().count() > id.count()", {"given": ["a"]}),
        ("RiskAssessment.prediction", "probability is decimal implies probability <= 100", {"probabilityDecimal": 101}),
        ("RiskAssessment.prediction", "probability is decimal implies probability <= 100", {"probabilityRange": {}}),
    ],
)
def test_what_is_left_gives_the_same_answer(type_name: str, expression: str, element: dict[str, Any]) -> None:
    whole = fhirpath.compile(expression, type_name=type_name)
    left = whole.given(element)
    assert not left.is_constant
    assert left.boolean(element) is whole.boolean(element)


def test_only_members_that_are_mentioned_make_a_difference() -> None:
    assert fhirpath.compile(PERIOD, type_name="Period").mentioned() == {"start", "_start", "end", "_end"}


@pytest.mark.parametrize(
    ("expression", "asks"),
    [("%resource.id", True), ("%rootResource.id", True), ("resolve().exists()", True), ("%ucum = 'a'", False)],
)
def test_an_expression_says_whether_it_asks_for_the_resource(expression: str, asks: bool) -> None:
    assert fhirpath.compile(expression, type_name="Reference").asks_resource is asks


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("start <= end", True),
        ("end < start", False),
        ("start >= end", False),
        ("end > start", True),
    ],
)
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2020-01-01", "2020-01-02"),
        ("2019", "2020"),
        ("2020-01-01T23:00:00Z", "2020-01-02T01:00:00Z"),
        ("2020-01-01T10:00:00+02:00", "2020-01-01T11:00:00+02:00"),
        ("2020-01-01T10:00:00+02:00", "2020-01-01T09:00:00+00:00"),
        ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00.001Z"),
    ],
)
def test_times_are_compared_by_their_instant(start: str, end: str, expression: str, result: bool) -> None:
    assert fhirpath.compile(expression, type_name="Period").boolean({"start": start, "end": end}) is result


def test_sets_of_what_stays_the_same_do_not_outlive_an_evaluation() -> None:
    shared = fhirpath.compile("name.given.all($this in %resource.contact.name.given)")
    assert shared.boolean(patient("Ada", "Ada")) is True
    assert shared.boolean(patient("Ada", "Eva")) is False


def patient(name: str, contact: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"given": [name]}], "contact": [{"name": {"given": [contact]}}]}


@pytest.mark.parametrize(
    ("items", "count"),
    [
        ([{"system": "a", "code": "b"}, {"code": "b", "system": "a"}, {"system": "a", "code": "c"}], 2),
        ([{"code": "b", "userSelected": True}, {"code": "b", "userSelected": False}], 2),
        ([{"code": "b", "extension": []}, {"code": "b", "extension": []}], 1),
    ],
)
def test_elements_are_distinct_by_all_they_hold(items: list[dict[str, Any]], count: int) -> None:
    assert fhirpath.compile("coding.distinct().count()", type_name="CodeableConcept")({"coding": items}) == [count]
