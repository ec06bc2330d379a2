"""Extensions in any resource: known, at their place, with the content their definition states."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.validation.profiles import Profiles
from tests.support.libraries import beside_core
from tests.support.profiles import extension

URL = "http://ehealth.test/StructureDefinition/e"
SIMPLE: dict[str, Any] = {"value[x]": {"type": [{"code": "string"}]}, "extension": {"max": "0"}}


def told(tree: dict[str, Any], *definitions: dict[str, Any], is_strict: bool = False) -> list[tuple[str, str, str]]:
    """Return severity, kind and place of each issue."""
    issues = Profiles(beside_core(*definitions)).extension_issues(tree, is_strict=is_strict)
    return [(issue.severity, issue.details[0], issue.expressions[0]) for issue in issues]


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


def simple(value: Any = "A", kind: str = "String") -> dict[str, Any]:
    return {"url": URL, f"value{kind}": value}


PLACES: dict[str, tuple[dict[str, Any], str]] = {
    "Patient": (patient(extension=[simple()]), "Patient.extension[0]"),
    "Patient.birthDate": (
        patient(birthDate="1990", _birthDate={"extension": [simple()]}),
        "Patient.birthDate.extension[0]",
    ),
    "Patient.contact.name": (
        patient(contact=[{"name": {"extension": [simple()]}}]),
        "Patient.contact[0].name.extension[0]",
    ),
    "Patient.name.given": (
        patient(name=[{"given": ["A", "B"], "_given": [None, {"extension": [simple()]}]}]),
        "Patient.name[0].given[1].extension[0]",
    ),
    "Patient.deceased[x]": (
        patient(deceasedBoolean=True, _deceasedBoolean={"extension": [simple()]}),
        "Patient.deceased.extension[0]",
    ),
    "Patient.contained": (
        patient(contained=[{"resourceType": "Group", "extension": [simple()]}]),
        "Patient.contained[0].extension[0]",
    ),
}


@pytest.mark.parametrize(
    ("held_by", "context", "is_allowed"),
    [
        ("Patient", "Patient", True),
        ("Patient", "DomainResource", True),
        ("Patient", "Resource", True),
        ("Patient", "Element", True),
        ("Patient", "Person", False),
        ("Patient.birthDate", "Patient.birthDate", True),
        ("Patient.birthDate", "date", True),
        ("Patient.birthDate", "Patient", False),
        ("Patient.contact.name", "HumanName", True),
        ("Patient.contact.name", "Patient.contact.name", True),
        ("Patient.contact.name", "Patient.name", False),
        ("Patient.name.given", "HumanName.given", True),
        ("Patient.deceased[x]", "Patient.deceased[x]", True),
        ("Patient", "http://hl7.org/fhir/StructureDefinition/Patient", True),
        ("Patient.contact.name", "http://ehealth.test/profile#Patient.contact:next.name", True),
        ("Patient.contained", "Group", True),
        ("Patient.contained", "Patient", False),
    ],
)
def test_element_contexts(held_by: str, context: str, is_allowed: bool) -> None:
    tree, place = PLACES[held_by]
    expected = [] if is_allowed else [("error", "extension-context", place)]
    assert told(tree, extension(URL, SIMPLE, context)) == expected


def test_extension_and_fhirpath_contexts() -> None:
    outer = extension("http://ehealth.test/outer", {})
    inner = {**extension(URL, SIMPLE), "context": [{"type": "extension", "expression": "http://ehealth.test/outer"}]}
    nested = patient(extension=[{"url": "http://ehealth.test/outer", "extension": [simple()]}])
    assert told(nested, outer, inner) == []
    assert told(patient(extension=[simple()]), inner) == [("error", "extension-context", "Patient.extension[0]")]
    home = {
        **extension(URL, SIMPLE),
        "context": [{"type": "fhirpath", "expression": "Patient.address.where(use='home')"}],
    }
    addresses = [{"use": use, "extension": [simple()]} for use in ("home", "work")]
    assert told(patient(address=addresses), home) == [("error", "extension-context", "Patient.address[1].extension[0]")]


def test_context_invariants() -> None:
    own = extension(URL, SIMPLE, "Patient", contextInvariant=["gender = 'female' and %extension.value = 'A'"])
    assert told(patient(gender="female", extension=[simple()]), own) == []
    wrong = [("error", "extension-context", "Patient.extension[0]")]
    assert told(patient(gender="male", extension=[simple()]), own) == wrong
    assert told(patient(gender="female", extension=[simple("B")]), own) == wrong


def test_content_follows_the_definition() -> None:
    own = extension(URL, SIMPLE)
    assert told(patient(extension=[simple(True, "Boolean")]), own) == [("error", "type", "Patient.extension[0].value")]


def test_parts_of_complex_extensions() -> None:
    own = extension(
        URL,
        {
            "extension:a": {"min": 1, "max": "1"},
            "extension:a.url": {"fixedUri": "a"},
            "extension:a.value[x]": {"min": 1, "type": [{"code": "code"}]},
            "value[x]": {"max": "0"},
        },
    )
    parts = [{"url": "a", "valueCode": "x"}]
    assert told(patient(extension=[{"url": URL, "extension": parts}]), own) == []
    unknown = [*parts, {"url": "b", "valueCode": "x"}]
    place = "Patient.extension[0].extension"
    assert told(patient(extension=[{"url": URL, "extension": unknown}]), own) == [
        ("error", "extension-part", f"{place}[1]")
    ]
    assert told(patient(extension=[{"url": URL, "extension": [{"url": "a", "valueString": "x"}]}]), own) == [
        ("error", "type", f"{place}[0].value")
    ]
    assert ("error", "slice-min", place) in told(patient(extension=[{"url": URL, "valueString": "x"}]), own)


@pytest.mark.parametrize(
    ("name", "is_strict", "severity"),
    [("extension", False, "warning"), ("extension", True, "error"), ("modifierExtension", False, "error")],
)
def test_extensions_that_are_not_known(name: str, is_strict: bool, severity: str) -> None:
    expected = [(severity, "extension-unknown", f"Patient.{name}[0]")]
    assert told(patient(**{name: [simple()]}), is_strict=is_strict) == expected


def test_extensions_of_later_packs_and_of_examples_are_no_errors() -> None:
    urls = ("http://hl7.org/fhir/StructureDefinition/later", "http://example.org/e")
    tree = patient(extension=[{"url": url, "valueString": "A"} for url in urls])
    assert [severity for severity, _, _ in told(tree, is_strict=True)] == ["warning", "warning"]


def test_a_url_that_names_no_definition_is_no_error() -> None:
    tree = patient(extension=[{"url": "http://ehealth.test/e", "valueString": "A"}])
    assert [severity for severity, _, _ in told(tree, is_strict=True)] == ["warning"]


def test_extensions_that_modify_stand_apart() -> None:
    modifying = extension(URL, {"": {"isModifier": True}, **SIMPLE})
    assert told(patient(modifierExtension=[simple()]), modifying) == []
    assert told(patient(extension=[simple()]), modifying) == [("error", "extension-modifier", "Patient.extension[0]")]
    plain = extension(URL, SIMPLE)
    wrong = [("error", "extension-modifier", "Patient.modifierExtension[0]")]
    assert told(patient(modifierExtension=[simple()]), plain) == wrong


def test_extensions_of_r4_are_known() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
    timed = {"extension": [{"url": url, "valueDateTime": "1990-01-01T10:00:00Z"}]}
    assert told(patient(birthDate="1990-01-01", _birthDate=timed)) == []
    assert told(patient(**timed)) == [("error", "extension-context", "Patient.extension[0]")]


@pytest.mark.parametrize(
    "broken", [{"baseDefinition": "http://ehealth.test/nowhere"}, {"context": [{}]}, {"differential": {"element": [1]}}]
)
def test_definitions_that_cannot_be_read_break_nothing(broken: dict[str, Any]) -> None:
    issues = told(patient(extension=[simple()]), {**extension(URL, SIMPLE), **broken})
    assert {kind for _, kind, _ in issues} <= {"profile-unknown", "profile-faulty", "extension-context"}
    assert issues
