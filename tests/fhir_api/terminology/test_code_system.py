"""Code systems read from their definitions."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.terminology.code_system import CodeSystem, read_code_system


def read(**parts: Any) -> CodeSystem:
    return read_code_system({"resourceType": "CodeSystem", "url": "http://example.org/cs", **parts})


CONCEPTS = [{"code": "Aa", "display": "First", "concept": [{"code": "b"}]}, {"code": "c"}]


@pytest.mark.parametrize(
    ("content", "listed", "other"),
    [
        ("complete", True, False),
        ("fragment", True, None),
        ("example", True, None),
        ("not-present", True, None),
        ("supplement", None, None),
    ],
)
def test_only_a_complete_one_says_no(content: str, listed: bool | None, other: bool | None) -> None:
    system = read(content=content, concept=CONCEPTS, caseSensitive=True)
    assert system.contains("b") is listed
    assert system.contains("other") is other
    assert system.all_codes().contains("other") is other


@pytest.mark.parametrize(("is_sensitive", "expected"), [(True, False), (False, True), (None, True)])
def test_case_counts_only_where_the_system_says_so(is_sensitive: bool | None, expected: bool) -> None:
    said = {} if is_sensitive is None else {"caseSensitive": is_sensitive}
    system = read(content="complete", concept=CONCEPTS, **said)
    assert system.contains("aA") is expected
    assert system.all_codes().contains("aA") is expected
    assert system.exactly(frozenset({"Aa"})).contains("AA") is expected


def test_codes_that_differ_in_case_only_stay_apart() -> None:
    system = read(content="complete", concept=[{"code": "m"}, {"code": "M"}])
    assert system.exactly(frozenset({"M"})).contains("m") is False


@pytest.mark.parametrize(
    ("properties", "declared", "is_inactive"),
    [
        ([{"code": "status", "valueCode": "retired"}], [], True),
        ([{"code": "status", "valueCode": "deprecated"}], [], False),
        ([{"code": "inactive", "valueBoolean": True}], [], True),
        ([{"code": "inactive", "valueBoolean": False}], [], False),
        (
            [{"code": "gone", "valueBoolean": True}],
            [{"code": "gone", "uri": "http://hl7.org/fhir/concept-properties#inactive", "type": "boolean"}],
            True,
        ),
        ([], [], False),
    ],
)
def test_inactive_concepts(properties: list[Any], declared: list[Any], is_inactive: bool) -> None:
    system = read(content="complete", property=declared, concept=[{"code": "x", "property": properties}])
    assert system.is_inactive(system.concepts["x"]) is is_inactive


def test_abstract_concepts() -> None:
    grouping = [{"code": "notSelectable", "valueBoolean": True}]
    system = read(content="complete", concept=[{"code": "x", "property": grouping}, {"code": "y"}])
    assert [system.is_abstract(concept) for concept in system.concepts.values()] == [True, False]


@pytest.mark.parametrize(
    ("content", "general", "specific", "expected"),
    [
        ("complete", "Aa", "b", True),
        ("complete", "b", "Aa", False),
        ("complete", "b", "b", True),
        ("complete", "Aa", "nothing", False),
        ("fragment", "Aa", "nothing", None),
        ("fragment", "nothing", "nothing", True),
    ],
)
def test_subsumption(content: str, general: str, specific: str, expected: bool | None) -> None:
    assert read(content=content, concept=CONCEPTS, caseSensitive=True).subsumes(general, specific) is expected
