"""Differentials laid over their bases: sparse ones, choices, slices, and those that contradict."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.validation.profiles.snapshots import Snapshot, Snapshots, UnknownProfileError
from tests.support.libraries import beside_core
from tests.support.profiles import extension, profile

BASE = "http://example.org/base"
DERIVED = "http://example.org/derived"


def snapshot(*definitions: dict[str, Any]) -> Snapshot:
    return Snapshots(beside_core(*definitions)).snapshot(definitions[-1]["url"])


def test_a_sparse_differential_unfolds_what_it_walks_through() -> None:
    root = snapshot(profile("Patient", {"contact.name.family": {"min": 1}})).root
    family = root.children["contact"].children["name"].children["family"]
    assert (family.rules["min"], family.rules["max"], family.types) == (1, "1", [{"code": "string"}])
    assert "given" in root.children["contact"].children["name"].children


def test_rules_accumulate_over_bases() -> None:
    rule = {"key": "own-1", "severity": "error", "human": "has a value", "expression": "value.exists()"}
    base = profile("Patient", {"identifier": {"min": 1, "constraint": [rule]}}, url=BASE)
    derived = profile("Patient", {"identifier": {"max": "2"}}, url=DERIVED, base=BASE)
    rules = snapshot(base, derived).root.children["identifier"].rules
    assert (rules["min"], rules["max"]) == (1, "2")
    assert [one["key"] for one in rules["constraint"]] == ["ele-1", "own-1"]


def test_a_short_form_leaves_one_type_of_a_choice() -> None:
    value = snapshot(profile("Observation", {"valueQuantity.code": {"min": 1}})).root.children["value[x]"]
    assert [kind["code"] for kind in value.types] == ["Quantity"]
    assert value.slices["valueQuantity"].children["code"].rules["min"] == 1


def test_a_slice_of_a_choice_leaves_the_other_types() -> None:
    value = snapshot(profile("Observation", {"value[x]:valueQuantity.code": {"min": 1}})).root.children["value[x]"]
    assert len(value.types) > 1
    assert [kind["code"] for kind in value.slices["valueQuantity"].types] == ["Quantity"]


def test_slices_keep_their_order_and_start_without_an_obligation() -> None:
    slicing = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    elements = {"identifier": {"slicing": slicing, "min": 1}, "identifier:b": {}, "identifier:a": {"min": 1}}
    slices = snapshot(profile("Patient", elements)).root.children["identifier"].slices
    assert [(name, each.rules["min"]) for name, each in slices.items()] == [("b", 0), ("a", 1)]


def test_a_derived_profile_slices_a_slice() -> None:
    slicing = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    base = profile("Patient", {"identifier": {"slicing": slicing}, "identifier:a": {"max": "4"}}, url=BASE)
    derived = profile("Patient", {"identifier:a": {"slicing": slicing}, "identifier:a/b": {"max": "1"}}, base=BASE)
    outer = snapshot(base, derived).root.children["identifier"].slices["a"]
    assert (outer.rules["max"], outer.slices["a/b"].rules["max"]) == ("4", "1")


def test_ids_that_name_no_slice_are_read_by_the_order_of_elements() -> None:
    definition = profile("Patient", {"identifier:a": {"min": 1}, "identifier:a.system": {"min": 1}})
    for element in definition["differential"]["element"]:
        del element["id"]
    each = snapshot(definition).root.children["identifier"].slices["a"]
    assert (each.rules["min"], each.children["system"].rules["min"]) == (1, 1)


def test_content_comes_from_the_profile_of_a_type() -> None:
    name = profile("HumanName", {"family": {"min": 1}}, url=BASE)
    typed = {"code": "HumanName", "profile": [BASE]}
    root = snapshot(name, profile("Patient", {"name": {"type": [typed]}, "name.given": {"min": 1}}, url=DERIVED)).root
    assert root.children["name"].children["family"].rules["min"] == 1


@pytest.mark.parametrize(
    ("elements", "element", "text"),
    [
        ({"gender": {"max": "2"}}, "Patient.gender", "max is 2, but its base allows 1"),
        ({"link.other": {"min": 0}}, "Patient.link.other", "min is 0, but its base demands 1"),
        ({"gender": {"min": 2}}, "Patient.gender", "min is 2 and max is 1"),
        (
            {"birthDate": {"type": [{"code": "string"}]}},
            "Patient.birthDate",
            "type string is none that its base allows",
        ),
        ({"colour": {"min": 1}}, "Patient.colour", "its base has no such element"),
        (
            {"gender": {"binding": {"strength": "example", "valueSet": "http://example.org/vs"}}},
            "Patient.gender",
            "binding is example, but its base demands a required one",
        ),
    ],
)
def test_contradictions_name_the_element(elements: dict[str, Any], element: str, text: str) -> None:
    assert snapshot(profile("Patient", elements)).problems == ((element, text),)


def test_an_extension_derived_from_another_has_a_url_of_its_own_in_vain() -> None:
    base = extension(BASE, {"value[x]": {"type": [{"code": "string"}]}})
    derived = {**extension(DERIVED, {}), "baseDefinition": BASE}
    problem = ("Extension.url", "fixedUri is another value than the one that its base fixes")
    assert snapshot(base, derived).problems == (problem,)
    same = {**extension(DERIVED, {"url": {"fixedUri": BASE}}), "baseDefinition": BASE}
    assert snapshot(base, same).problems == ()


def test_a_profile_that_is_its_own_base_is_told() -> None:
    assert "its own base" in snapshot(profile("Patient", {}, url=BASE, base=BASE)).problems[0].text


def test_a_base_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownProfileError, match=r"example\.org/nowhere"):
        snapshot(profile("Patient", {}, base="http://example.org/nowhere"))
