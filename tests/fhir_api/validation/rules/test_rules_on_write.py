"""Which rules refuse a write."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.model.resource import Resource
from fhir_api.validation.validator import Validator, base_validator
from tests.support import examples


@pytest.fixture(scope="module")
def validator() -> Validator:
    return base_validator()


def refused(validator: Validator, tree: dict[str, Any]) -> list[tuple[str, ...]]:
    return [issue.details for issue in validator.check(Resource(tree["resourceType"], tree, b""))]


PARAMETER = {
    "resourceType": "SearchParameter",
    "url": "http://example.org/sp",
    "name": "X",
    "status": "active",
    "description": "x",
    "code": "x",
    "base": ["Patient"],
    "type": "string",
}


def test_a_search_parameter_needs_an_expression_that_compiles(validator: Validator) -> None:
    assert refused(validator, {**PARAMETER, "expression": "Patient.name"}) == []
    assert refused(validator, {**PARAMETER, "expression": "Patient.name."}) == [("search-parameter",)]
    assert refused(base_validator(with_invariants=False), {**PARAMETER, "expression": "Patient.name."}) == []


def test_the_conditions_of_a_questionnaire_lead_somewhere(validator: Validator) -> None:
    condition = {"question": "b", "operator": "exists", "answerBoolean": True}
    item = {"linkId": "a", "type": "string", "enableWhen": [condition]}
    form = {"resourceType": "Questionnaire", "status": "active", "item": [item]}
    assert refused(validator, form) == [("questionnaire",)]


def test_doubts_refuse_nothing(validator: Validator) -> None:
    system = {"resourceType": "CodeSystem", "status": "active", "content": "complete", "count": 1}
    assert refused(validator, system) == []


def test_official_questionnaires_are_not_refused_by_rules(validator: Validator) -> None:
    found = [each for each in examples.official_examples() if each["resourceType"] == "Questionnaire"]
    assert found
    assert ("questionnaire",) not in [details for each in found for details in refused(validator, each)]
