"""Parameters checked against a definition.

Spec: https://hl7.org/fhir/R4/operationdefinition.html
"""

from __future__ import annotations

import pytest

from conformance.operations import OperationDefinition, OperationParameter
from fhir_api.model.errors import FhirError
from fhir_api.model.resource import parse
from fhir_api.operations.arguments import Argument
from fhir_api.operations.checking import check
from fhir_api.operations.reading import from_url, inputs

PARAMETERS = (
    OperationParameter("needed", "in", min=1, type="code"),
    OperationParameter("many", "in", max=None, type="string"),
    OperationParameter("two", "in", max=2, type="uri"),
    OperationParameter("patient", "in", type="Patient"),
    OperationParameter("any", "in", type="Any"),
    OperationParameter("when", "in", type="string", search_type="date"),
    OperationParameter("who", "in", type="string", search_type="token"),
    OperationParameter(
        "group",
        "in",
        parts=(
            OperationParameter("name", "in", min=1, type="string"),
            OperationParameter("size", "in", type="integer"),
        ),
    ),
    OperationParameter("coded", "in", type="Coding"),
    OperationParameter("flag", "in", type="boolean"),
    OperationParameter("at", "in", type="dateTime"),
    OperationParameter("return", "out", type="Bundle"),
)
DEFINITION = OperationDefinition("op", "http://x/op", system=True, type=False, instance=False, parameters=PARAMETERS)
KNOWN = inputs(DEFINITION)
NEEDED = Argument("needed", "Parameters.parameter[0]", "code", "a")
PATIENT = parse(b'{"resourceType":"Patient"}')


def at(name, number=1, **members):
    return Argument(name, f"Parameters.parameter[{number}]", **members)


@pytest.mark.parametrize(
    "argument",
    [
        at("many", type="string", value="x"),
        at("many", type="code", value="x"),
        at("two", type="canonical", value="http://x"),
        at("patient", resource=PATIENT),
        at("any", type="Quantity", value={"value": 1}),
        at("when", type="string", value="ge2026"),
        at("who", type="string", value="http://x|1"),
        at("group", parts=(at("name", type="string", value="x"), at("size", type="positiveInt", value=1))),
        at("coded", type="Coding", value={"code": "x"}),
    ],
    ids=lambda argument: argument.name,
)
def test_what_the_definition_allows(argument):
    check(KNOWN, [NEEDED, argument])


@pytest.mark.parametrize(
    ("arguments", "code", "expression"),
    [
        ([at("nonsense", type="string", value="x")], "not-supported", "Parameters.parameter[1].name"),
        ([at("return", type="string", value="x")], "not-supported", "Parameters.parameter[1].name"),
        ([at("many", type="Coding", value={})], "structure", "Parameters.parameter[1]"),
        ([at("many", type="integer", value=1)], "structure", "Parameters.parameter[1]"),
        ([at("many", resource=PATIENT)], "structure", "Parameters.parameter[1]"),
        ([at("patient", type="string", value="x")], "structure", "Parameters.parameter[1]"),
        ([at("patient", resource=parse(b'{"resourceType":"Group"}'))], "structure", "Parameters.parameter[1]"),
        ([at("any", resource=PATIENT)], "structure", "Parameters.parameter[1]"),
        ([at("when", type="string", value="soon")], "value", "Parameters.parameter[1]"),
        ([at("flag", type="boolean", value="yes")], "value", "Parameters.parameter[1]"),
        ([at("two", n, type="uri", value="http://x") for n in (1, 2, 3)], "structure", "Parameters.parameter[3]"),
        ([at("group", type="string", value="x")], "structure", "Parameters.parameter[1]"),
        ([at("group", parts=(at("size", type="integer", value=1),))], "required", "Parameters.parameter[1]"),
        (
            [at("group", parts=(Argument("nonsense", "Parameters.parameter[1].part[0]", "string", "x"),))],
            "not-supported",
            "Parameters.parameter[1].part[0].name",
        ),
    ],
)
def test_what_it_does_not_allow_is_named(arguments, code, expression):
    with pytest.raises(FhirError) as refusal:
        check(KNOWN, [NEEDED, *arguments])
    assert (code, (expression,)) in [(issue.code, issue.expressions) for issue in refusal.value.issues]


def test_what_is_needed_is_missed():
    with pytest.raises(FhirError) as refusal:
        check(KNOWN, [])
    assert [issue.code for issue in refusal.value.issues] == ["required"]
    check(KNOWN, [], is_complete=False)


def test_every_fault_is_told():
    with pytest.raises(FhirError) as refusal:
        check(KNOWN, [at("x"), at("y")])
    assert [issue.code for issue in refusal.value.issues] == ["not-supported", "not-supported", "required"]


def test_a_name_that_is_close_is_suggested():
    with pytest.raises(FhirError, match="'needed'"):
        check(KNOWN, [NEEDED, at("neded", type="code", value="x")])


def test_texts_of_a_url_become_values():
    pairs = [("flag", "true"), ("at", "2026-11-23T08:00:00 02:00"), ("needed", "a"), ("unknown", "1")]
    found = {argument.name: (argument.type, argument.value) for argument in from_url(DEFINITION, pairs)}
    assert found == {
        "flag": ("boolean", True),
        "at": ("dateTime", "2026-11-23T08:00:00+02:00"),
        "needed": ("code", "a"),
        "unknown": ("string", "1"),
    }


@pytest.mark.parametrize("name", ["coded", "group", "patient"])
def test_what_no_url_can_hold(name):
    with pytest.raises(FhirError, match=name):
        from_url(DEFINITION, [(name, "x")])
