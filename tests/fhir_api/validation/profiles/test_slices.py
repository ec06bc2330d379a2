"""Slicing: every discriminator, order, closed slicings, slices of slices."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.terminology import Terminology
from fhir_api.validation.profiles import Profiles
from tests.support.libraries import beside_core
from tests.support.profiles import PROFILE, by, extension, profile

OTHER = "http://example.org/other"
THIRD = "http://example.org/third"


def told(tree: dict[str, Any], *definitions: dict[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """Return details and place of each error that the first profile finds."""
    library = beside_core(*definitions)
    issues = Profiles(library, Terminology(library)).issues(tree, definitions[0]["url"])
    return [(issue.details, issue.expressions[0]) for issue in issues if issue.severity == "error"]


def patient(*systems: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": system, "value": "1"} for system in systems], **more}


def by_system(rules: str = "open", *, ordered: bool = False, **slices: dict[str, Any]) -> dict[str, Any]:
    """Return a profile that slices identifiers; each slice has the system of its name."""
    elements: dict[str, Any] = {"identifier": {"slicing": by("value", "system", rules, ordered=ordered)}}
    for name, cardinality in slices.items():
        elements[f"identifier:{name}"] = cardinality
        elements[f"identifier:{name}.system"] = {"fixedUri": name}
    return profile("Patient", elements)


@pytest.mark.parametrize(
    ("own", "systems", "expected"),
    [
        (by_system(a={"min": 1}), ["b"], [(("slice-min", "a"), "Patient.identifier")]),
        (by_system(a={"min": 1}), ["b", "a"], []),
        (by_system(a={"max": "1"}), ["a", "b", "a"], [(("slice-max", "a"), "Patient.identifier[2]")]),
        (by_system("closed", a={}), ["a", "b"], [(("slicing-closed",), "Patient.identifier[1]")]),
        (by_system("openAtEnd", a={}), ["b", "a"], [(("slicing-end",), "Patient.identifier[0]")]),
        (by_system("openAtEnd", a={}), ["a", "b"], []),
        (by_system(ordered=True, a={}, b={}), ["b", "a"], [(("slicing-order", "a"), "Patient.identifier[1]")]),
        (by_system(ordered=True, a={}, b={}), ["a", "c", "b"], []),
    ],
)
def test_slices_and_what_is_in_none(own: dict[str, Any], systems: list[str], expected: list[Any]) -> None:
    assert told(patient(*systems), own) == expected


def test_what_is_in_no_slice_keeps_the_default_slice() -> None:
    own = by_system("closed", a={})
    default = {"id": "Patient.identifier:@default.use", "path": "Patient.identifier.use", "min": 1}
    own["differential"]["element"].append(default)
    assert told(patient("a", "b"), own) == [(("min",), "Patient.identifier[1].use")]


def test_rules_of_a_slice_are_for_what_is_in_it() -> None:
    own = by_system(a={})
    own["differential"]["element"].append(
        {"id": "Patient.identifier:a.use", "path": "Patient.identifier.use", "min": 1}
    )
    assert told(patient("b", "a"), own) == [(("min",), "Patient.identifier[1].use")]


def test_slices_of_slices() -> None:
    elements = {
        "identifier": {"slicing": by("value", "system")},
        "identifier:a": {"slicing": by("value", "use", "closed")},
        "identifier:a.system": {"fixedUri": "a"},
        "identifier:a/old": {"min": 1},
        "identifier:a/old.use": {"fixedCode": "old"},
    }
    own = profile("Patient", elements)
    assert told(patient("b"), own) == [(("slice-min", "a/old"), "Patient.identifier")]
    tree = patient("a", "a", "b")
    tree["identifier"][1]["use"] = "old"
    assert told(tree, own) == [(("slicing-closed",), "Patient.identifier[0]")]


EXTENSION = extension("http://example.org/e", {})
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "A"}}
CONCEPT = {"coding": [{"system": "http://example.org/cs", "code": "a"}]}


def component(code: Any = None, **value: Any) -> dict[str, Any]:
    return {"code": code or {"text": "B"}, **value}


@pytest.mark.parametrize(
    ("slicing", "element", "rules", "inside", "outside"),
    [
        (by("pattern", "code"), "code", {"patternCodeableConcept": CONCEPT}, component(CONCEPT), component()),
        (by("value", "code"), "code", {"patternCodeableConcept": CONCEPT}, component(CONCEPT), component()),
        (by("value", "code.coding.code"), "code.coding.code", {"fixedCode": "a"}, component(CONCEPT), component()),
        (
            by("value", "code"),
            "code",
            {"binding": {"strength": "required", "valueSet": "http://example.org/vs"}},
            component(CONCEPT),
            component({"coding": [{"system": "http://example.org/cs", "code": "b"}]}),
        ),
        (by("value", "code"), "code.coding.code", {"fixedCode": "a"}, component(CONCEPT), component()),
        (by("exists", "value"), "value[x]", {"min": 1}, component(valueString="A"), component()),
        (by("exists", "value"), "value[x]", {"max": "0"}, component(), component(valueString="A")),
        (
            by("type", "value"),
            "value[x]",
            {"type": [{"code": "Quantity"}]},
            component(valueQuantity={"value": 1}),
            component(valueString="A"),
        ),
        (
            by("value", "value.ofType(CodeableConcept).coding.code"),
            "value[x]:valueCodeableConcept.coding.code",
            {"fixedCode": "a"},
            component(valueCodeableConcept=CONCEPT),
            component(valueString="A"),
        ),
        (
            by("value", "extension('http://example.org/e').value"),
            "extension:e.value[x]",
            {"fixedString": "a"},
            component(extension=[{"url": "http://example.org/e", "valueString": "a"}]),
            component(extension=[{"url": "http://example.org/e", "valueString": "b"}]),
        ),
    ],
)
def test_each_discriminator(
    slicing: dict[str, Any], element: str, rules: dict[str, Any], inside: dict[str, Any], outside: dict[str, Any]
) -> None:
    elements = {"component": {"slicing": slicing}, "component:s": {"max": "0"}}
    if element.startswith("extension:e"):
        elements["component:s.extension:e"] = {"type": [{"code": "Extension", "profile": ["http://example.org/e"]}]}
    elements[f"component:s.{element}"] = rules
    value_set = {
        "resourceType": "ValueSet",
        "url": "http://example.org/vs",
        "status": "active",
        "compose": {"include": [{"system": "http://example.org/cs", "concept": [{"code": "a"}]}]},
    }
    tree = {**OBSERVATION, "component": [outside, inside]}
    expected = [(("slice-max", "s"), "Observation.component[1]")]
    assert told(tree, profile("Observation", elements), value_set, EXTENSION) == expected


def test_the_element_itself_can_discriminate() -> None:
    elements = {"given": {"slicing": by("value", "$this")}, "given:a": {"fixedString": "A", "min": 1}}
    tree = {"resourceType": "Patient", "name": [{"given": ["A"]}, {"given": ["B"]}]}
    own = profile("Patient", {f"name.{at}": rules for at, rules in elements.items()})
    assert told(tree, own) == [(("slice-min", "a"), "Patient.name[1].given")]


@pytest.mark.parametrize("stem", ["fixed", "pattern"])
def test_a_value_of_the_slice_itself_tells_it(stem: str) -> None:
    elements = {
        "identifier": {"slicing": by("value", "type.coding.code")},
        "identifier:a": {f"{stem}Identifier": {"type": CONCEPT}, "max": "0"},
    }
    tree = {"resourceType": "Patient", "identifier": [{"value": "1"}, {"type": CONCEPT}]}
    assert told(tree, profile("Patient", elements)) == [(("slice-max", "a"), "Patient.identifier[1]")]


def test_choices_are_sliced_by_type() -> None:
    own = profile("Observation", {"value[x]:valueQuantity.code": {"min": 1}, "value[x]:valueString": {"max": "0"}})
    assert told({**OBSERVATION, "valueQuantity": {"value": 1}}, own) == [(("min",), "Observation.value.code")]
    assert told({**OBSERVATION, "valueString": "A"}, own) == [(("slice-max", "valueString"), "Observation.value")]
    assert told({**OBSERVATION, "valueBoolean": True}, own) == []


def test_extensions_are_sliced_by_url() -> None:
    typed = {"type": [{"code": "Extension", "profile": ["http://example.org/e"]}], "min": 1}
    own = profile("Patient", {"extension:e": typed})
    assert told(patient("a"), own, EXTENSION) == [(("slice-min", "e"), "Patient.extension")]
    tree = patient("a", extension=[{"url": "http://example.org/e", "valueString": "A"}])
    assert told(tree, own, EXTENSION) == []
    assert told(tree, own) == [(("profile-unknown",), "Patient.extension[0]")]


REFERRED = {
    "resourceType": "Patient",
    "contained": [
        {"resourceType": "Organization", "id": "o", "name": "A"},
        {"resourceType": "Practitioner", "id": "p", "active": True},
    ],
    "generalPractitioner": [{"reference": "#p"}, {"reference": "#o"}],
}


@pytest.mark.parametrize("kind", ["type", "profile"])
def test_what_a_reference_leads_to_can_discriminate(kind: str) -> None:
    target = {"type": [{"code": "Reference", "targetProfile": [OTHER]}], "max": "0"}
    elements = {"generalPractitioner": {"slicing": by(kind, "resolve()")}, "generalPractitioner:o": target}
    organization = profile("Organization", {"name": {"min": 1}}, url=OTHER)
    expected = [(("slice-max", "o"), "Patient.generalPractitioner[1]")]
    assert told(REFERRED, profile("Patient", elements), organization) == expected


def test_the_type_in_a_reference_is_enough_where_its_target_is_not_here() -> None:
    target = {"type": [{"code": "Reference", "targetProfile": [f"{TYPES}Organization"]}], "max": "0"}
    elements = {"generalPractitioner": {"slicing": by("type", "resolve()")}, "generalPractitioner:o": target}
    tree = {"resourceType": "Patient", "generalPractitioner": [{"reference": f"{name}/1"} for name in ENDS]}
    expected = [(("slice-max", "o"), "Patient.generalPractitioner[1]")]
    assert told(tree, profile("Patient", elements)) == expected


TYPES = "http://hl7.org/fhir/StructureDefinition/"
ENDS = ("Practitioner", "Organization")


def test_entries_of_a_bundle_are_told_by_type_or_profile_of_their_resource() -> None:
    elements = {
        "entry": {"slicing": by("profile", "resource")},
        "entry:a": {"min": 1},
        "entry:a.resource": {"type": [{"code": "Patient", "profile": [OTHER]}]},
    }
    tree = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient"}}]}
    own = profile("Bundle", elements)
    assert told(tree, own, profile("Patient", {"name": {"min": 1}}, url=OTHER)) == [
        (("slice-min", "a"), "Bundle.entry")
    ]
    assert told(tree, own, profile("Patient", {"name": {"min": 0}}, url=OTHER)) == []


@pytest.mark.parametrize("path", ["period", "use", "nowhere", "value.trace('a')"])
def test_slices_that_cannot_be_told_apart_are_a_fault_of_the_profile(path: str) -> None:
    own = profile("Patient", {"identifier": {"slicing": by("value", path)}, "identifier:a": {"min": 1}})
    (issue,) = Profiles(beside_core(own)).issues(patient("a"), PROFILE)
    assert (issue.severity, issue.details) == ("warning", ("profile-faulty",))
    assert "identifier:a" in issue.diagnostics
