"""What a profile says about single elements: cardinality, types, values, constraints, references."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.packages.library import NotAtHandError
from fhir_api.terminology import Terminology
from fhir_api.validation.profiles import Profiles
from tests.support.libraries import beside_core
from tests.support.profiles import PROFILE, profile

OTHER = "http://example.org/other"
BP = "http://hl7.org/fhir/StructureDefinition/bp"


def found(tree: dict[str, Any], *definitions: dict[str, Any]) -> list[tuple[str, str]]:
    """Return kind and place of each error that the first profile finds."""
    library = beside_core(*definitions)
    issues = Profiles(library, Terminology(library)).issues(tree, definitions[0]["url"])
    return [(issue.details[0], issue.expressions[0]) for issue in issues if issue.severity == "error"]


PATIENT = {"resourceType": "Patient", "gender": "male", "birthDate": "1990-01-01"}


@pytest.mark.parametrize(
    ("elements", "more", "expected"),
    [
        ({"name": {"min": 1}}, {}, [("min", "Patient.name")]),
        ({"name": {"min": 1}}, {"name": [{"text": "A"}]}, []),
        ({"gender": {"max": "0"}}, {}, [("max", "Patient.gender")]),
        ({"name": {"max": "1"}}, {"name": [{"text": "A"}, {"text": "B"}]}, [("max", "Patient.name[1]")]),
        ({"name.family": {"min": 1}}, {"name": [{"family": "A"}, {"text": "B"}]}, [("min", "Patient.name[1].family")]),
        ({"name.family": {"min": 1}}, {}, []),
        ({"contact.name": {"min": 1}}, {"contact": [{"gender": "male"}]}, [("min", "Patient.contact[0].name")]),
        ({"deceased[x]": {"type": [{"code": "dateTime"}]}}, {"deceasedBoolean": True}, [("type", "Patient.deceased")]),
        ({"deceased[x]": {"type": [{"code": "dateTime"}]}}, {"deceasedDateTime": "2020"}, []),
        ({"deceasedDateTime": {"min": 1}}, {}, [("slice-min", "Patient.deceased")]),
        ({"birthDate.extension": {"min": 1}}, {}, [("min", "Patient.birthDate.extension")]),
        ({"birthDate.extension": {"min": 1}}, {"_birthDate": {"extension": [{"url": OTHER}]}}, []),
    ],
)
def test_cardinality_and_types(elements: dict[str, Any], more: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert found({**PATIENT, **more}, profile("Patient", elements)) == expected


CODING = {"system": "http://example.org/cs", "code": "a"}


@pytest.mark.parametrize(
    ("rules", "value", "is_kept"),
    [
        ({"fixedCodeableConcept": {"coding": [CODING]}}, {"coding": [CODING]}, True),
        ({"fixedCodeableConcept": {"coding": [CODING]}}, {"coding": [CODING], "text": "A"}, False),
        ({"patternCodeableConcept": {"coding": [CODING]}}, {"coding": [CODING], "text": "A"}, True),
        (
            {"patternCodeableConcept": {"coding": [CODING]}},
            {"coding": [{"code": "b"}, {**CODING, "display": "A"}]},
            True,
        ),
        ({"patternCodeableConcept": {"coding": [CODING]}}, {"coding": [{"code": "a"}]}, False),
        ({"patternCodeableConcept": {"coding": [CODING]}}, {"text": "A"}, False),
        ({"patternCodeableConcept": {"coding": [CODING, {"code": "b"}]}}, {"coding": [CODING]}, False),
    ],
)
def test_fixed_and_pattern_of_complex_types(rules: dict[str, Any], value: Any, is_kept: bool) -> None:
    tree = {**PATIENT, "maritalStatus": value}
    expected = [] if is_kept else [(next(iter(rules)).removesuffix("CodeableConcept"), "Patient.maritalStatus")]
    assert found(tree, profile("Patient", {"maritalStatus": rules})) == expected


@pytest.mark.parametrize(
    ("element", "rules", "value", "kind"),
    [
        ("valueString", {"fixedString": "a"}, "b", "fixed"),
        ("valueString", {"patternString": "a"}, "b", "pattern"),
        ("valueString", {"maxLength": 3}, "four", "length"),
        ("valueBoolean", {"fixedBoolean": True}, False, "fixed"),
        ("valueInteger", {"fixedInteger": 1}, 2, "fixed"),
        ("valueInteger", {"minValueInteger": 3}, 2, "range"),
        ("valueInteger", {"maxValueInteger": 1}, 2, "range"),
        ("valueDateTime", {"maxValueDateTime": "2020-01-01"}, "2021-05-05", "range"),
        ("valueQuantity", {"minValueQuantity": {"value": 1, "code": "kg"}}, {"value": 2, "code": "kg"}, None),
        (
            "valueQuantity",
            {"maxValueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg"}},
            {"value": 2000, "system": "http://unitsofmeasure.org", "code": "g"},
            "range",
        ),
    ],
)
def test_values_of_each_kind(element: str, rules: dict[str, Any], value: Any, kind: str | None) -> None:
    tree = {"resourceType": "Observation", "status": "final", "code": {"text": "A"}, element: value}
    code = element.removeprefix("value")
    code = code if code == "Quantity" else code[0].lower() + code[1:]
    wrong = found(tree, profile("Observation", {"value[x]": {"type": [{"code": code}], **rules}}))
    assert wrong == ([] if kind is None else [(kind, "Observation.value")])


def rule(key: str, expression: str, severity: str = "error") -> dict[str, Any]:
    return {"constraint": [{"key": key, "severity": severity, "human": "A rule.", "expression": expression}]}


def test_constraints_of_profiles_are_asked_and_those_of_r4_are_not() -> None:
    own = profile("Patient", {"": rule("own-1", "name.exists()"), "gender": rule("own-2", "$this = 'female'")})
    assert found(PATIENT, own) == [("invariant", "Patient"), ("invariant", "Patient.gender")]


def test_a_broken_expression_is_an_issue_that_names_the_rule() -> None:
    library = beside_core(profile("Patient", {"": rule("own-1", "name.exists(")}))
    (issue,) = Profiles(library).issues(PATIENT, PROFILE)
    assert (issue.severity, issue.code, issue.details) == ("error", "processing", ("invariant", "own-1"))


def test_a_rule_that_takes_too_much_work_is_told_and_the_others_are_asked() -> None:
    numbers = "|".join(map(str, range(40)))
    endless = f"({numbers}).aggregate($total.combine($total), 1).exists()"
    own = profile("Patient", {"": {"constraint": [*rule("own-1", endless)["constraint"]]}, "name": {"min": 1}})
    issues = Profiles(beside_core(own)).issues(PATIENT, PROFILE)
    assert [(issue.severity, issue.code) for issue in issues] == [("warning", "too-costly"), ("error", "required")]


def test_a_faulty_profile_warns_and_the_rest_of_it_is_checked() -> None:
    library = beside_core(profile("Patient", {"gender": {"max": "2"}, "name": {"min": 1}}))
    issues = Profiles(library).issues(PATIENT, PROFILE)
    assert [(issue.severity, issue.details) for issue in issues] == [
        ("warning", ("profile-faulty",)),
        ("error", ("min",)),
    ]
    assert "Patient.gender" in issues[0].diagnostics


def test_a_binding_that_a_profile_states_is_checked() -> None:
    value_set = {
        "resourceType": "ValueSet",
        "url": "http://example.org/vs",
        "status": "active",
        "compose": {
            "include": [{"system": "http://hl7.org/fhir/administrative-gender", "concept": [{"code": "female"}]}]
        },
    }
    binding = {"strength": "required", "valueSet": "http://example.org/vs"}
    own = profile("Patient", {"gender": {"binding": binding}})
    assert found(PATIENT, own, value_set) == [("binding-required", "Patient.gender")]


def test_the_profile_of_a_type_is_followed() -> None:
    typed = {"type": [{"code": "HumanName", "profile": [OTHER]}]}
    tree = {**PATIENT, "name": [{"text": "A"}]}
    name = profile("HumanName", {"family": {"min": 1}}, url=OTHER)
    assert found(tree, profile("Patient", {"name": typed}), name) == [("min", "Patient.name[0].family")]


def test_one_of_several_profiles_of_a_type_is_enough() -> None:
    third = "http://example.org/third"
    typed = {"type": [{"code": "HumanName", "profile": [OTHER, third]}]}
    names = (
        profile("HumanName", {"family": {"min": 1}}, url=OTHER),
        profile("HumanName", {"text": {"min": 1}}, url=third),
    )
    own = profile("Patient", {"name": typed})
    assert found({**PATIENT, "name": [{"text": "A"}, {"family": "B"}]}, own, *names) == []
    assert found({**PATIENT, "name": [{"use": "usual"}]}, own, *names) == [("profile", "Patient.name[0]")]


TYPES = "http://hl7.org/fhir/StructureDefinition/"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"reference": "Organization/1"}, []),
        ({"reference": "Practitioner/1"}, [("target", "Patient.generalPractitioner[0]")]),
        ({"type": "Practitioner"}, [("target", "Patient.generalPractitioner[0]")]),
        ({"display": "Anybody"}, []),
        ({"reference": "#active"}, []),
        ({"reference": "#idle"}, [("target", "Patient.generalPractitioner[0]")]),
    ],
)
def test_targets_of_references(reference: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    typed = {"type": [{"code": "Reference", "targetProfile": [OTHER]}]}
    organization = profile("Organization", {"active": {"fixedBoolean": True}}, url=OTHER)
    contained = [
        {"resourceType": "Organization", "id": name, "active": name == "active"} for name in ("active", "idle")
    ]
    tree = {**PATIENT, "contained": contained, "generalPractitioner": [reference]}
    assert found(tree, profile("Patient", {"generalPractitioner": typed}), organization) == expected


def test_resources_that_refer_to_each_other_end() -> None:
    typed = {"type": [{"code": "Reference", "targetProfile": [PROFILE]}]}
    tree = {"resourceType": "Patient", "link": [{"other": {"reference": "#"}, "type": "seealso"}]}
    assert found(tree, profile("Patient", {"link.other": typed})) == []


def test_resources_in_a_resource_have_their_own_rules() -> None:
    elements = {"entry.resource": {"type": [{"code": "Patient", "profile": [OTHER]}]}}
    patient = profile("Patient", {"": rule("own-1", "%resource.gender = 'female'")}, url=OTHER)
    tree = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}
    assert found(tree, profile("Bundle", elements), patient) == [("invariant", "Bundle.entry[0].resource")]


def test_profiles_that_resources_declare_are_followed_wherever_they_stand() -> None:
    claiming = {**PATIENT, "meta": {"profile": [PROFILE]}}
    library = beside_core(profile("Patient", {"name": {"min": 1}}))
    issues = Profiles(library).declared_issues(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": claiming}, {"resource": {"resourceType": "Group", "contained": [claiming]}}],
        }
    )
    places = ["Bundle.entry[0].resource.name", "Bundle.entry[1].resource.contained[0].name"]
    assert [issue.expressions[0] for issue in issues] == places


def test_vital_signs_follow_their_profile_although_they_do_not_claim_it() -> None:
    codings = [{"system": "http://loinc.org", "code": "85354-9"}]
    tree = {"resourceType": "Observation", "status": "final", "code": {"coding": codings}}
    profiles = Profiles(beside_core())
    assert profiles.declared_issues(tree) == []
    assert profiles.declared_issues(tree, with_implied=True) == profiles.issues(tree, BP) != []


def test_a_profile_that_is_not_there_is_named() -> None:
    (issue,) = Profiles(beside_core()).issues(PATIENT, OTHER)
    assert (issue.severity, issue.details) == ("warning", ("profile-unknown",))
    assert OTHER in issue.diagnostics


def test_a_profile_of_another_type_is_refused() -> None:
    (issue,) = Profiles(beside_core()).issues(PATIENT, BP)
    assert (issue.severity, issue.details) == ("error", ("type",))


class Afar:
    """A library whose definitions have to be fetched."""

    def find(self, resource_type: str, canonical: str) -> None:
        raise NotAtHandError(resource_type, canonical)


def test_what_has_to_be_fetched_first_is_told_to_the_caller() -> None:
    with pytest.raises(NotAtHandError):
        Profiles(Afar()).issues(PATIENT, PROFILE)


def test_conforms_to_in_rules_asks_the_profiles() -> None:
    own = profile("Patient", {"": rule("own-1", f"contained.all(conformsTo('{OTHER}'))")})
    organization = profile("Organization", {"name": {"min": 1}}, url=OTHER)
    tree = {**PATIENT, "contained": [{"resourceType": "Organization", "id": "a", "active": True}]}
    assert found(tree, own, organization) == [("invariant", "Patient")]


def test_durations_limit_dates_relative_to_now() -> None:
    years = {"value": 100, "system": "http://unitsofmeasure.org", "code": "a"}
    least = profile("Patient", {"birthDate": {"minValueDuration": years}})
    most = profile("Patient", {"birthDate": {"maxValueQuantity": years}})
    for born, kept in (("1500-01-01", [True, False]), ("2000-01-01", [False, False]), ("9000-01-01", [False, True])):
        wrong = [found({**PATIENT, "birthDate": born}, own) != [] for own in (least, most)]
        assert wrong == kept


TYPES_OF_R4 = "http://hl7.org/fhir/StructureDefinition/"


@pytest.mark.parametrize(
    ("url", "value", "wrong"),
    [
        ("minLength", {"valueInteger": 7}, [("length", "Patient.language")]),
        ("minLength", {"valueInteger": 2}, []),
        ("regex", {"valueString": "[a-z]{3}"}, [("regex", "Patient.language")]),
        ("regex", {"valueString": "[a-z]{2}"}, []),
    ],
)
def test_rules_that_extensions_of_a_profile_state(url: str, value: dict[str, Any], wrong: list[Any]) -> None:
    own = profile("Patient", {"language": {"extension": [{"url": TYPES_OF_R4 + url, **value}]}})
    assert found({**PATIENT, "language": "rw"}, own) == wrong


@pytest.mark.parametrize(("alternative", "wrong"), [("mustHaveValue", ["value"]), ("valueAlternatives", [])])
def test_a_primitive_without_a_value(alternative: str, wrong: list[str]) -> None:
    url = f"http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.{alternative}"
    stated = {"url": url, **({"valueBoolean": True} if wrong else {"valueCanonical": OTHER})}
    own = profile("Patient", {"active": {"min": 1, "extension": [stated]}})
    tree = {**PATIENT, "_active": {"extension": [{"url": OTHER, "valueCode": "unknown"}]}}
    assert [kind for kind, _ in found(tree, own)] == wrong
    assert found({**tree, "active": True}, own) == []


def test_value_sets_that_extensions_of_a_binding_state() -> None:
    value_set = {
        "resourceType": "ValueSet",
        "url": "http://example.org/vs",
        "status": "active",
        "compose": {"include": [{"system": "http://example.org/cs", "concept": [{"code": "a"}]}]},
    }
    greatest = {"url": f"{TYPES_OF_R4}elementdefinition-maxValueSet", "valueCanonical": "http://example.org/vs"}
    binding = {"strength": "preferred", "valueSet": OTHER, "extension": [greatest]}
    own = profile("Patient", {"maritalStatus": {"binding": binding}})
    assert found({**PATIENT, "maritalStatus": {"coding": [CODING]}}, own, value_set) == []
    other = {"coding": [{**CODING, "code": "b"}]}
    assert found({**PATIENT, "maritalStatus": other}, own, value_set) == [("binding-required", "Patient.maritalStatus")]


def test_a_type_can_be_an_element_of_a_profile() -> None:
    elements = {
        "contact": {"slicing": {"discriminator": [{"type": "value", "path": "gender"}], "rules": "open"}},
        "contact:hers.name": {"min": 1},
    }
    named = {"url": f"{TYPES_OF_R4}elementdefinition-profile-element", "valueString": "Patient.contact:hers"}
    kind = {"code": "BackboneElement", "profile": [OTHER], "_profile": [{"extension": [named]}]}
    tree = {**PATIENT, "contact": [{"gender": "female"}]}
    assert found(tree, profile("Patient", {"contact": {"type": [kind]}}), profile("Patient", elements, url=OTHER)) == [
        ("min", "Patient.contact[0].name")
    ]


def test_a_rule_over_what_several_types_have_is_asked_of_each() -> None:
    own = profile("Observation", {"value[x].value": {"maxValueDecimal": 100}})
    tree = {"resourceType": "Observation", "status": "final", "code": {"text": "A"}}
    assert found({**tree, "valueQuantity": {"value": 101}}, own) == [("range", "Observation.value.value")]
    assert found({**tree, "valueString": "A"}, own) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"type": None},
        {"differential": {"element": [{"min": 1}]}},
        {"differential": {"element": [{"path": "Patient.name", "max": "many"}]}},
        {"differential": {"element": [{"path": "Patient.name", "constraint": [{"expression": "true"}]}]}},
        {"differential": {"element": "Patient.name"}},
        {"differential": {"element": [{"path": "Patient.gender", "maxLength": "long"}]}},
        {"differential": {"element": [{"path": "Patient", "constraint": [{"key": "a", "expression": ["true"]}]}]}},
        {"snapshot": {"element": [{"path": "Patient"}, {"path": "Patient.name", "type": [{}]}]}},
    ],
)
def test_what_is_no_structure_definition_gives_an_issue(broken: dict[str, Any]) -> None:
    library = beside_core({**profile("Patient", {}), **broken})
    issues = Profiles(library).issues(PATIENT, PROFILE)
    assert [issue.details[0] for issue in issues if issue.severity == "warning"] == ["profile-faulty"]
