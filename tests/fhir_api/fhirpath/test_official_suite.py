"""The official FHIRPath suite for R4, evaluated strictly; what fails is listed with its reason.

Spec: https://github.com/FHIR/fhir-test-cases/tree/master/r4/fhirpath
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lxml import etree

from fhir_api import fhirpath
from fhir_api.fhirpath import Environment, FhirPathError, Item, Quantity, TypeInfo
from fhir_api.fhirpath.temporal import Temporal
from fhir_api.formats.xml import from_xml

SUITE = Path(__file__).parents[3] / "../shared/data/fhirpath-r4"

EXPECTED_FAILURES: dict[str, str] = {}
"""Cases this engine does not pass, each with its reason; one that begins to pass has to be taken out."""


class Case(NamedTuple):
    """One test of the suite; *outputs* are pairs of a type (may be empty) and a text."""

    name: str
    expression: str
    input_file: str
    invalid: str
    outputs: tuple[tuple[str, str], ...]
    is_ordered: bool
    checks_order: bool
    is_predicate: bool


def cases() -> Iterator[Case]:
    if not SUITE.exists():
        return
    seen: dict[str, int] = {}
    for test in etree.parse(SUITE / "tests-fhir-r4.xml").iter("test"):
        name = str(test.attrib["name"])
        seen[name] = seen.get(name, 0) + 1
        yield _case(test, name if seen[name] == 1 else f"{name}#{seen[name]}")


def _case(test: etree._Element, name: str) -> Case:
    expression = test.find("expression")
    assert expression is not None
    return Case(
        name=name,
        expression=expression.text or "",
        input_file=test.get("inputfile", ""),
        invalid=expression.get("invalid", ""),
        outputs=tuple((output.get("type", ""), output.text or "") for output in test.findall("output")),
        is_ordered=test.get("ordered") != "false",
        checks_order=test.get("checkOrderedFunctions") == "true",
        is_predicate=test.get("predicate") == "true",
    )


@cache
def resource(file_name: str) -> dict[str, Any]:
    """Return an input; decimals keep their digits."""
    if not file_name:
        return {"resourceType": "Patient"}
    raw = (SUITE / "inputs" / file_name).read_bytes()
    text = from_xml(raw) if file_name.endswith(".xml") else raw
    tree: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return tree


def evaluate(case: Case) -> list[tuple[str, str]]:
    """Return the results as pairs of type and text."""
    tree = resource(case.input_file)
    compiled = fhirpath.compile(
        case.expression, type_name=tree["resourceType"], is_strict=True, checks_order=case.checks_order
    )
    if case.is_predicate:
        return [("boolean", str(bool(compiled(tree))).lower())]
    return [(_type(item), _text(item)) for item in compiled.items(tree, Environment(trace=lambda _name, _items: None))]


def _type(item: Any) -> str:
    return fhirpath.type_of(item).removeprefix("System.")


def _text(item: Any) -> str:
    value = item.value if isinstance(item, Item) else item
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Temporal):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (dict, TypeInfo)):
        return "an element"
    return str(value) if isinstance(value, (str, int, Quantity)) else repr(value)


def _same(expected: tuple[str, str], found: tuple[str, str]) -> bool:
    kind, text = expected
    text = text.removeprefix("@T") if text.startswith("@T") else text.removeprefix("@")
    if kind and kind.lower() != found[0].lower():
        return False
    if kind == "decimal":
        return Decimal(text) == Decimal(found[1])
    return text == found[1]


@pytest.mark.skipif(not SUITE.exists(), reason="the official FHIRPath suite is not here (../shared/data/fhirpath-r4)")
@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_official_suite(case: Case) -> None:
    reason = EXPECTED_FAILURES.get(case.name)
    problem = _problem(case)
    if reason is not None:
        assert problem is not None, f"passes now: take it out of EXPECTED_FAILURES ({reason})"
        pytest.xfail(reason)
    assert problem is None, problem


def _problem(case: Case) -> str | None:
    try:
        found = evaluate(case)
    except FhirPathError as error:
        return None if case.invalid else f"{case.expression}: {error}"
    if case.invalid:
        return f"{case.expression}: expected an error, found {found}"
    expected = list(case.outputs)
    if not case.is_ordered:
        expected, found = sorted(expected), sorted(found)
    same = len(expected) == len(found) and all(map(_same, expected, found))
    return None if same else f"{case.expression}: expected {expected}, found {found}"
