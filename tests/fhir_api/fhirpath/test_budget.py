"""Expressions of clients end, whatever they ask for."""

from __future__ import annotations

import pytest

from fhir_api import fhirpath
from fhir_api.fhirpath import Budget, Environment, FhirPathBudgetError, FhirPathEvaluationError

PATIENT = {"resourceType": "Patient", "name": [{"given": ["a"] * 40}] * 10}
NUMBERS = "|".join(map(str, range(40)))


@pytest.mark.parametrize(
    "expression",
    [
        "name.given.all(%context.name.given.all(%context.name.given.where($this = 'b').empty()))",
        f"({NUMBERS}).aggregate($total & $total, 'aaaa')",
        f"({NUMBERS}).aggregate($total.combine($total), 1)",
        "(1).repeatAll($this + 1)",
        f"({NUMBERS}).aggregate($total.replace('a', $total), 'aaaaaaaa')",
        f"({NUMBERS}).aggregate($total.replaceMatches('a', $total), 'aaaaaaaa')",
    ],
)
def test_what_takes_too_much_is_an_error(expression: str) -> None:
    compiled = fhirpath.compile(expression, type_name="Patient", is_bounded=True)
    with pytest.raises(FhirPathEvaluationError):
        compiled(PATIENT)


def test_each_evaluation_has_a_budget_of_its_own_unless_one_is_given() -> None:
    compiled = fhirpath.compile("name.given.count()", type_name="Patient", is_bounded=True)
    assert [compiled(PATIENT) for _ in range(3)] == [[400]] * 3
    shared = Environment(budget=Budget(steps=1000))
    assert compiled(PATIENT, shared) == [400]
    assert compiled(PATIENT, shared) == [400]
    with pytest.raises(FhirPathBudgetError):
        compiled(PATIENT, shared)
    assert fhirpath.compile("name.given.count()", type_name="Patient")(PATIENT, shared) == [400]


def test_a_budget_has_an_end_in_time() -> None:
    compiled = fhirpath.compile("name.given.select($this)", type_name="Patient", is_bounded=True)
    with pytest.raises(FhirPathBudgetError):
        compiled(PATIENT, Environment(budget=Budget(seconds=-1)))


def test_results_are_those_without_a_budget() -> None:
    for expression in (
        "name.where(given.exists()).given.first()",
        "iif(name.empty(), 1, 'b')",
        "name[0].given[1] = 'a'",
    ):
        plain, bounded = (
            fhirpath.compile(expression, type_name="Patient", is_bounded=is_bounded) for is_bounded in (False, True)
        )
        assert bounded(PATIENT) == plain(PATIENT) != []
        assert bounded.result_types == plain.result_types
