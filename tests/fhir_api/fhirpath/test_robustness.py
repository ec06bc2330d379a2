"""What an engine meets in practice: JSON that is not FHIR, expressions that are too much, narratives."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api import fhirpath
from fhir_api.fhirpath import FhirPathError, FhirPathEvaluationError
from tests.support.fhirpath import evaluated


@pytest.mark.parametrize(
    ("expression", "element"),
    [
        ("name.given", {"resourceType": "Patient", "name": "text"}),
        ("name.first().given", {"resourceType": "Patient", "name": [7]}),
        ("name.period.start", {"resourceType": "Patient", "name": [{"period": []}]}),
        ("birthDate < today()", {"resourceType": "Patient", "birthDate": {"a": 1}}),
    ],
)
def test_json_of_another_structure_is_an_error(expression: str, element: Any) -> None:
    with pytest.raises(FhirPathEvaluationError):
        evaluated(expression, element)


def test_malformed_primitives_are_texts() -> None:
    patient = {"resourceType": "Patient", "birthDate": "not a date", "multipleBirthInteger": 2}
    assert evaluated("birthDate", patient) == ["not a date"]
    assert evaluated("birthDate = @2020", patient) == [False]
    with pytest.raises(FhirPathEvaluationError, match="found String and Date"):
        evaluated("birthDate < @2020", patient)


@pytest.mark.parametrize("expression", ["a" + ".b" * 20_000, "1" + " + 1" * 20_000, "(" * 5_000 + "1"])
def test_huge_expressions_are_refused(expression: str) -> None:
    with pytest.raises(FhirPathError):
        evaluated(expression)


def test_a_long_expression_of_usual_size_is_evaluated() -> None:
    assert evaluated("1" + " + 1" * 100) == [101]
    assert evaluated(" | ".join(str(number) for number in range(100)) + " | 5")[-1] == 99


def test_errors_never_show_values_of_the_resource() -> None:
    patient = {"resourceType": "Patient", "name": [{"family": "Secret"}]}
    for expression in ("name.family + 1", "name.family < 1", "-name.family", "name.family.round()"):
        with pytest.raises(FhirPathEvaluationError) as refusal:
            evaluated(expression, patient)
        assert "Secret" not in str(refusal.value)


def test_boolean_is_what_an_invariant_asks() -> None:
    patient = {"resourceType": "Patient", "active": False, "name": [{"family": "A"}]}
    assert fhirpath.compile("active").boolean(patient) is False
    assert fhirpath.compile("name").boolean(patient) is True
    assert fhirpath.compile("photo").boolean(patient) is None
    with pytest.raises(FhirPathEvaluationError, match="Expected one value"):
        fhirpath.compile("1 | 2").boolean(patient)


DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


@pytest.mark.parametrize(
    ("narrative", "expected"),
    [
        (DIV.format("<p>text</p>"), True),
        (DIV.format('<table border="1"><tr><td colspan="2">a&nbsp;b &lt; c</td></tr></table>'), True),
        (DIV.format('<img src="#x"/>'), True),
        (DIV.format("<!-- note --><b>x</b>"), True),
        (DIV.format(" "), False),
        (DIV.format("<script>x</script>"), False),
        (DIV.format('<p onclick="x">a</p>'), False),
        (DIV.format('<form xmlns="http://other">a</form>'), False),
        ("<p>not a div</p>", False),
        ("<div>without a namespace</div>", False),
        ("<div", False),
        ('<!DOCTYPE div [<!ENTITY e "x">]>' + DIV.format("&e;"), False),
    ],
)
def test_html_checks(narrative: str, expected: bool) -> None:
    assert evaluated("`div`.htmlChecks()", {"div": narrative}, type_name="Narrative") == [expected]
