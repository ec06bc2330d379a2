"""The filters of value sets: what passes, and what cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.terminology.code_system import CodeSystem, read_code_system
from fhir_api.terminology.filters import Patience, passing

ANIMALS: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/animals",
    "content": "complete",
    "caseSensitive": True,
    "property": [{"code": "legs", "type": "integer"}, {"code": "tame", "type": "boolean"}],
    "concept": [
        {
            "code": "animal",
            "concept": [
                {"code": "dog", "display": "Dog", "property": [
                    {"code": "legs", "valueInteger": 4}, {"code": "tame", "valueBoolean": True}]},
                {"code": "bird", "property": [{"code": "legs", "valueInteger": 2}], "concept": [
                    {"code": "hen", "property": [{"code": "tame", "valueBoolean": True}]}]},
            ],
        },
        {"code": "bat", "property": [
            {"code": "parent", "valueCode": "animal"}, {"code": "parent", "valueCode": "bird"}]},
        {"code": "stone"},
    ],
}  # fmt: skip


def system(**changes: Any) -> CodeSystem:
    return read_code_system(ANIMALS | changes)


def filtered(name: str, operator: str, value: str) -> set[str] | None:
    codes = passing(system(), {"property": name, "op": operator, "value": value}, Patience())
    return None if codes is None or codes.listed is None else set(codes.listed)


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("concept", "is-a", "bird", {"bird", "hen", "bat"}),
        ("code", "is-a", "bird", {"bird", "hen", "bat"}),
        ("concept", "is-a", "nothing", set()),
        ("concept", "descendent-of", "animal", {"dog", "bird", "hen", "bat"}),
        ("concept", "is-not-a", "animal", {"stone"}),
        ("concept", "is-not-a", "nothing", {"animal", "dog", "bird", "hen", "bat", "stone"}),
        ("concept", "generalizes", "bat", {"bat", "bird", "animal"}),
        ("concept", "child-of", "animal", {"dog", "bird", "bat"}),
        ("concept", "descendent-leaf", "animal", {"dog", "hen", "bat"}),
        ("concept", "=", "dog", {"dog"}),
        ("concept", "in", "dog, hen,cat", {"dog", "hen"}),
        ("concept", "not-in", "animal,dog,bird,hen", {"bat", "stone"}),
        ("code", "regex", "b.*", {"bird", "bat"}),
        ("code", "regex", "b", set()),
        ("display", "=", "Dog", {"dog"}),
        ("legs", "=", "4", {"dog"}),
        ("legs", "in", "2,4", {"dog", "bird"}),
        ("legs", "exists", "true", {"dog", "bird"}),
        ("legs", "exists", "false", {"animal", "hen", "bat", "stone"}),
        ("tame", "=", "true", {"dog", "hen"}),
        ("parent", "=", "bird", {"hen", "bat"}),
        ("child", "=", "bat", {"animal", "bird"}),
        ("parent", "exists", "false", {"animal", "stone"}),
    ],
)
def test_what_passes(name: str, operator: str, value: str, expected: set[str]) -> None:
    assert filtered(name, operator, value) == expected


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [
        ("wings", "=", "2"),  # a property the code system does not have
        ("legs", "is-a", "4"),  # a hierarchy of values
        ("concept", "near", "dog"),  # no operator
        ("legs", "exists", "perhaps"),
        ("code", "regex", "("),
    ],
)
def test_it_cannot_be_told_what_passes(name: str, operator: str, value: str) -> None:
    assert filtered(name, operator, value) is None


def test_a_filter_without_value_cannot_be_told() -> None:
    assert passing(system(), {"property": "legs", "op": "="}, Patience()) is None


def test_a_pattern_that_takes_too_long_cannot_be_told() -> None:
    assert passing(system(), {"property": "code", "op": "regex", "value": "b.*"}, Patience(0)) is None


def test_patterns_that_never_end_take_the_time_there_is_once() -> None:
    patience = Patience(0.01)
    endless = {"property": "legs", "op": "regex", "value": "(?:x|xx)+(?:y|z)"}
    many = system(concept=[{"code": "x", "property": [{"code": "legs", "valueString": "x" * 60}]}])
    assert [passing(many, endless, patience) for _ in range(3)] == [None, None, None]
    assert patience.left <= 0


def test_in_a_fragment_what_is_not_listed_cannot_be_told() -> None:
    codes = passing(system(content="fragment"), {"property": "concept", "op": "is-a", "value": "bird"}, Patience())
    assert codes is not None
    assert [codes.contains(code) for code in ("hen", "dog", "ostrich")] == [True, False, None]
    assert (
        passing(system(content="fragment"), {"property": "concept", "op": "is-a", "value": "fish"}, Patience()) is None
    )


def test_a_hierarchy_that_goes_round_ends() -> None:
    round_ = system(
        concept=[
            {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]},
            {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
        ]
    )
    assert round_.descendants("a") == {"a", "b"}
    assert round_.subsumes("a", "b") is True
