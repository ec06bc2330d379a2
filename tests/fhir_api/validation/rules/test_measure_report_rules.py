"""Reports beside their measures."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.rules import errors

SYSTEM = "http://example.org/cs"
URL = "http://example.org/Measure/m"


def concept(code: str) -> dict[str, Any]:
    return {"coding": [{"system": SYSTEM, "code": code}]}


def group(code: str | None, *populations: str, **elements: Any) -> dict[str, Any]:
    own = {"code": concept(code)} if code else {}
    return {**own, "population": [{"code": concept(each)} for each in populations], **elements}


def report(*groups: dict[str, Any], **elements: Any) -> dict[str, Any]:
    given = {"status": "complete", "type": "summary", "measure": URL, **elements}
    return {"resourceType": "MeasureReport", **given, "group": list(groups)}


def measure(*groups: dict[str, Any], scoring: str = "proportion") -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/measure-scoring"
    given = {"url": URL, "status": "active", "scoring": {"coding": [{"system": system, "code": scoring}]}}
    return {"resourceType": "Measure", **given, "group": list(groups)}


ONE = measure(group(None, "p", "q"))
TWO = measure(group("a", "p"), group("b", "p"))
COUNTED = {"code": concept("p"), "count": 2, "subjectResults": {"reference": "#l"}}
SUBJECTS = [{"resourceType": "List", "id": "l", "status": "current", "mode": "working", "entry": [{"item": {}}]}]


@pytest.mark.parametrize(
    ("given", "definition", "expected"),
    [
        (report(group(None, "p", "q")), ONE, set()),
        (report(group(None, "p", "z")), ONE, {"group[0].population[1].code"}),
        (report(group("a", "p"), group("b", "p")), TWO, set()),
        (report(group("a", "p")), TWO, {"group"}),
        (report(group("a", "p"), group("c", "p")), TWO, {"group[1].code", "group"}),
        (
            report(group(None, measureScore={"value": 1})),
            measure(group(None), scoring="cohort"),
            {"group[0].measureScore"},
        ),
        (report({"population": [COUNTED]}), ONE, {"group[0].population[0].subjectResults"}),
        (
            report({"population": [COUNTED]}, type="subject-list", contained=SUBJECTS),
            ONE,
            {"group[0].population[0].count"},
        ),
    ],
)
def test_a_report_is_one_of_its_measure(given: dict[str, Any], definition: dict[str, Any], expected: set[str]) -> None:
    found = errors(given, definition)
    assert found == {("measure-report", f"MeasureReport.{place}") for place in expected}
