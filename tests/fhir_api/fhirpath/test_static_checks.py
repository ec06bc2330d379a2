"""What is found wrong before anything is evaluated, with its place."""

from __future__ import annotations

import pytest

from fhir_api import fhirpath
from fhir_api.fhirpath import FhirPathSemanticError


@pytest.mark.parametrize(
    ("expression", "column", "message"),
    [
        ("name.foo()", 6, "There is no function 'foo()'"),
        ("name.first(1)", 6, "first() expected 0 arguments, found 1"),
        ("name.where()", 6, "where() expected 1 arguments, found 0"),
        ("iif(true)", 1, "iif() expected 2 to 3 arguments, found 1"),
        ("name.where(use.nope())", 16, "There is no function 'nope()'"),
        ("name is Foo", 9, "There is no type 'Foo'"),
        ("name.ofType(FHIR.Foo)", 13, "There is no type 'Foo'"),
        ("name.ofType('x')", 6, "ofType(): expected a type"),
        ("@2020-13", 1, "There is no Date '2020-13'"),
        ("name.$this", 6, "Expected an element or a function after '.'"),
        ("(1).select($this desc)", 18, None),
    ],
)
def test_refused_in_any_mode(expression: str, column: int, message: str | None) -> None:
    with pytest.raises(fhirpath.FhirPathError) as refusal:
        fhirpath.compile(expression, type_name="Patient")
    assert refusal.value.position is not None
    assert refusal.value.position.column == column
    assert message is None or refusal.value.problem == message


@pytest.mark.parametrize(
    ("expression", "column", "message"),
    [
        ("name.given1", 6, "Expected an element of HumanName, found 'given1'"),
        ("name.where(usee = 'x')", 12, "Expected an element of HumanName, found 'usee'"),
        ("Encounter.status", 1, "Expected Patient, found 'Encounter'"),
        ("deceased.foo", 10, "Expected an element of boolean or dateTime, found 'foo'"),
        ("deceasedBoolean", 1, "Expected an element of Patient, found 'deceasedBoolean'"),
        (
            "extension.value.foo",
            17,
            "Expected an element of base64Binary or boolean or canonical or another, found 'foo'",
        ),
        ("birthDate.foo", 11, "Expected an element of date, found 'foo'"),
        ("contact.name.prefixx", 14, "Expected an element of HumanName, found 'prefixx'"),
        ("name.length()", 6, "length() expected a String, found HumanName"),
        ("'a'.substring('b')", 5, "substring() expected a Integer, found String"),
        ("iif('a', 1)", 1, "iif(): expected a Boolean criterion, found String"),
    ],
)
def test_refused_when_strict(expression: str, column: int, message: str) -> None:
    with pytest.raises(FhirPathSemanticError) as refusal:
        fhirpath.compile(expression, type_name="Patient", is_strict=True)
    assert refusal.value.position is not None
    assert (refusal.value.position.column, refusal.value.problem) == (column, message)


@pytest.mark.parametrize("expression", ["name.given1", "Encounter.status", "deceased.foo", "name.given.as(string)"])
def test_let_pass_when_lenient(expression: str) -> None:
    fhirpath.compile(expression, type_name="Patient")


@pytest.mark.parametrize(
    "expression",
    [
        "contained.anything",
        "%resource.anything",
        "descendants().anything",
        "resolve().name",
        "{}.anything",
        "(1).type().name",
    ],
)
def test_unknown_types_are_let_pass_when_strict(expression: str) -> None:
    fhirpath.compile(expression, type_name="Patient", is_strict=True)


@pytest.mark.parametrize("step", ["first()", "last()", "tail()", "skip(1)", "take(1)"])
def test_order_is_asked_for(step: str) -> None:
    fhirpath.compile(f"children().{step}", type_name="Patient")
    with pytest.raises(FhirPathSemanticError, match="without"):
        fhirpath.compile(f"children().{step}", type_name="Patient", checks_order=True)
    fhirpath.compile(f"name.{step}", type_name="Patient", checks_order=True)


def test_the_same_text_is_compiled_once() -> None:
    assert fhirpath.compile("name.given") is fhirpath.compile("name.given")
    assert fhirpath.compile("name.given") is not fhirpath.compile("name.given", type_name="Patient")
