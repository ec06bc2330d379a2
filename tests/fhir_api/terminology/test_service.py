"""Questions about codes in value sets."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api import fhirpath
from fhir_api.packages.core import core_library
from fhir_api.packages.library import Definition, NotAtHandError
from fhir_api.terminology import Answer, Terminology, core_terminology
from tests.support.libraries import beside_core

R4 = Terminology(core_library())
V = "http://hl7.org/fhir/ValueSet/"
GENDER = "http://hl7.org/fhir/administrative-gender"
MARITAL = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CS = "http://example.org/cs"
LETTERS = {
    "resourceType": "CodeSystem", "url": CS, "version": "1", "content": "complete", "caseSensitive": True,
    "concept": [{"code": letter} for letter in "abc"],
}  # fmt: skip


def value_set(name: str = "vs", **parts: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": f"http://example.org/{name}", **parts}


def composed(*include: dict[str, Any], name: str = "vs", **compose: Any) -> dict[str, Any]:
    return value_set(name, compose={"include": list(include), **compose})


def found(code: str, *definitions: dict[str, Any], system: str | None = CS) -> bool | None:
    return Terminology(beside_core(*definitions)).contains("http://example.org/vs", system, code)


def each(codes: str, *definitions: dict[str, Any]) -> list[bool | None]:
    return [found(code, *definitions) for code in codes]


def test_a_code_with_its_system() -> None:
    assert R4.validate(f"{V}administrative-gender", GENDER, "male", display="Male") == Answer(
        result=True, is_system_known=True, display="Male", is_display_right=True
    )
    assert R4.validate(f"{V}administrative-gender|4.0.1", GENDER, "m").result is False
    assert R4.validate(f"{V}administrative-gender", "http://example.org/other", "male").result is False


def test_a_code_alone_is_looked_for_in_each_system_of_the_value_set() -> None:
    answer = R4.validate(f"{V}marital-status", None, "UNK")
    assert (answer.result, answer.display) == (True, "unknown")
    assert R4.validate(f"{V}marital-status", None, "XYZ").result is False


def test_a_refusal_names_the_value_set_and_not_the_code() -> None:
    answer = R4.validate(f"{V}marital-status", MARITAL, "Jane Doe")
    assert answer.message == f"The code is not in the value set {V}marital-status."


@pytest.mark.parametrize("display", ["married", " Married "])
def test_case_and_space_of_a_display_do_not_matter(display: str) -> None:
    assert R4.validate_in_system(MARITAL, "M", display).is_display_right is True


def test_the_whole_of_a_name_that_r4_cuts_is_right() -> None:
    tribe = "Paiute-Shoshone Tribe of the Fallon Reservation and Colony, Nevada"
    system = "http://terminology.hl7.org/CodeSystem/v3-TribalEntityUS"
    assert R4.validate_in_system(system, "187", tribe).is_display_right is True
    assert R4.validate_in_system(system, "187", tribe[:40]).is_display_right is False


def test_another_display_is_told_with_the_right_one() -> None:
    answer = R4.validate_in_system(MARITAL, "M", "Single")
    assert (answer.result, answer.is_display_right, answer.display) == (True, False, "Married")


def test_names_in_other_languages_are_right_displays() -> None:
    assert R4.validate_in_system("http://terminology.hl7.org/CodeSystem/v2-0001", "F", "Vrouw").is_display_right is True


def test_a_value_set_may_name_its_codes() -> None:
    definition = composed({"system": CS, "concept": [{"code": "a", "display": "Ay", "designation": [{"value": "Ah"}]}]})
    letters = LETTERS | {"concept": [{"code": "a", "display": "A"}]}
    terminology = Terminology(beside_core(letters, definition))
    rights = [
        terminology.validate("http://example.org/vs", CS, "a", display=display).is_display_right
        for display in ("A", "Ay", "Ah", "Bee")
    ]
    assert rights == [True, True, True, False]


def test_an_abstract_concept_is_told() -> None:
    answer = R4.validate_in_system(ACT, "_ActAccountCode")
    assert (answer.result, answer.is_abstract) == (True, True)


def test_nothing_is_known_of_a_value_set_that_is_not_there() -> None:
    answer = R4.validate("http://example.org/none", GENDER, "male")
    assert (answer.result, answer.message) == (None, "The value set http://example.org/none is not known.")
    assert R4.validate(f"{V}administrative-gender|3.0.0", GENDER, "male").result is None


def test_nothing_is_known_of_a_code_system_that_is_not_there() -> None:
    answer = R4.validate_in_system("http://example.org/none", "x")
    assert (answer.result, answer.is_system_known) == (None, False)


def test_another_version_of_a_code_system_is_not_known() -> None:
    definition = composed({"system": CS})
    terminology = Terminology(beside_core(LETTERS, definition))
    versions = [
        terminology.validate("http://example.org/vs", CS, code, version=version).result
        for code, version in (("a", "1"), ("z", "1"), ("z", "2"))
    ]
    assert versions == [True, False, None]


def test_lists_whole_systems_and_exclusions() -> None:
    assert each("abz", LETTERS, composed({"system": CS})) == [True, True, False]
    assert each("abz", LETTERS, composed({"system": CS, "concept": [{"code": "a"}, {"code": "z"}]})) == [
        True,
        False,
        False,
    ]
    excluding = composed({"system": CS}, exclude=[{"system": CS, "concept": [{"code": "b"}]}])
    assert each("abc", LETTERS, excluding) == [True, False, True]


def test_a_list_of_an_unknown_system_is_known() -> None:
    assert each("ab", composed({"system": CS, "concept": [{"code": "a"}]})) == [True, False]


def test_a_whole_unknown_system_is_not() -> None:
    assert each("ab", composed({"system": CS, "concept": [{"code": "a"}]}, {"system": CS})) == [True, None]


def test_filters_have_to_be_passed_all() -> None:
    both = [
        {"property": "code", "op": "regex", "value": "[ab]"},
        {"property": "code", "op": "in", "value": "b,c"},
    ]
    assert each("abc", LETTERS, composed({"system": CS, "filter": both})) == [False, True, False]


def test_imports_are_met_all_within_one_include() -> None:
    first = composed({"system": CS, "concept": [{"code": "a"}, {"code": "b"}]}, name="first")
    second = composed({"system": CS, "concept": [{"code": "b"}, {"code": "c"}]}, name="second")
    names = [first["url"], second["url"]]
    assert each("abc", LETTERS, first, second, composed({"valueSet": names})) == [False, True, False]
    either = composed(*({"valueSet": [name]} for name in names))
    assert each("abc", LETTERS, first, second, either) == [True, True, True]
    narrowed = composed({"valueSet": [names[0]], "system": CS, "concept": [{"code": "a"}, {"code": "c"}]})
    assert each("abc", LETTERS, first, second, narrowed) == [True, False, False]


def test_an_import_that_is_not_there_leaves_it_open() -> None:
    definition = composed({"valueSet": ["http://example.org/none"]}, {"system": CS, "concept": [{"code": "a"}]})
    terminology = Terminology(beside_core(LETTERS, definition))
    assert terminology.contains("http://example.org/vs", CS, "a") is True
    answer = terminology.validate("http://example.org/vs", CS, "b")
    assert (answer.result, answer.message) == (None, "The value set http://example.org/none is not known.")


def test_value_sets_made_of_each_other_end() -> None:
    one = composed({"valueSet": ["http://example.org/other"]}, {"system": CS, "concept": [{"code": "a"}]})
    other = composed({"valueSet": ["http://example.org/vs"]}, {"system": CS, "concept": [{"code": "b"}]}, name="other")
    assert each("abc", LETTERS, one, other) == [True, True, None]
    assert Terminology(beside_core(LETTERS, one, other)).expand("http://example.org/vs").is_whole is False


def test_a_long_row_of_imports_ends() -> None:
    row = [composed({"valueSet": [f"http://example.org/{i + 1}"]}, name=str(i)) for i in range(500)]
    assert found("a", composed({"valueSet": ["http://example.org/0"]}), *row) is None


def test_inactive_concepts_are_left_out_where_the_value_set_says_so() -> None:
    retired = {"code": "a", "property": [{"code": "status", "valueCode": "retired"}]}
    letters = LETTERS | {"concept": [retired, {"code": "b"}]}
    assert each("ab", letters, composed({"system": CS}, inactive=False)) == [False, True]
    assert each("ab", letters, composed({"system": CS})) == [True, True]


def test_an_expansion_counts_where_there_is_nothing_else() -> None:
    rows = [{"system": CS, "code": "a", "contains": [{"system": CS, "code": "b"}]}, {"abstract": True, "display": "x"}]
    assert each("abc", value_set(expansion={"contains": rows})) == [True, True, False]
    assert each("abc", value_set(expansion={"contains": rows, "total": 9})) == [True, True, None]
    opened = {"contains": rows} | {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/valueset-unclosed", "valueBoolean": True}]
    }
    assert each("abc", value_set(expansion=opened)) == [True, True, None]
    composition = {"include": [{"system": CS, "filter": [{"property": "x", "op": "=", "value": "y"}]}]}
    assert each("abc", value_set(compose=composition, expansion={"contains": rows})) == [True, True, False]


def test_contained_definitions_are_found() -> None:
    contained = {**LETTERS, "id": "cs"}, {**composed({"system": CS}), "id": "letters", "url": None}
    definition = {**composed({"valueSet": ["#letters"]}), "contained": list(contained)}
    assert each("az", definition) == [True, False]
    outside = Terminology(core_library())
    inside = outside.within({"contained": list(contained)})
    assert inside.contains("#letters", CS, "a") is True
    assert inside.contains(f"{V}administrative-gender", GENDER, "male") is True
    assert outside.contains("#letters", CS, "a") is None


@pytest.mark.parametrize(
    "compose",
    [
        {"include": [{"system": CS, "concept": [{}]}]},
        {"include": [{"system": CS, "concept": "a"}]},
        {"include": ["a"]},
        {"include": [{"valueSet": [7]}]},
        ["include"],
    ],
)
def test_a_malformed_value_set_fails_nobody(compose: Any) -> None:
    assert found("a", LETTERS, value_set(compose=compose)) in {None, False}


def test_a_malformed_code_system_is_not_known() -> None:
    assert found("a", {**LETTERS, "concept": [{"display": "no code"}]}, composed({"system": CS})) is None


def fragment(url: str, code: str) -> dict[str, Any]:
    return {
        "resourceType": "CodeSystem",
        "url": url,
        "content": "fragment",
        "concept": [{"code": code, "display": "D"}],
    }


def test_some_codes_do_not_replace_the_rule_for_all() -> None:
    snomed, ucum = "http://snomed.info/sct", "http://unitsofmeasure.org"
    terminology = Terminology(beside_core(fragment(snomed, "404684003"), fragment(ucum, "kg")))
    asked = [(snomed, "404684003"), (snomed, "404684004"), (snomed, "73211009"), (ucum, "kg"), (ucum, "g"), (ucum, "x")]
    answers = [terminology.validate_in_system(*each) for each in asked]
    assert [answer.result for answer in answers] == [True, False, None, True, True, False]
    assert answers[0].display == "D"


def test_an_empty_value_set_is_not_known() -> None:
    assert found("a", LETTERS, value_set()) is None


@pytest.mark.parametrize(
    ("coded", "expected"),
    [
        ("M", True),
        ("nothing", False),
        ({"system": MARITAL, "code": "M"}, True),
        ({"system": "http://example.org", "code": "M"}, False),
        ({"coding": [{"system": "http://example.org", "code": "M"}, {"system": MARITAL, "code": "M"}]}, True),
        ({"coding": [{"display": "no code"}], "text": "married"}, False),
        ({"text": "married"}, False),
        ({"system": MARITAL, "code": 7}, False),
        (7, None),
    ],
)
def test_members(coded: Any, expected: bool | None) -> None:
    assert R4.member_of(f"{V}marital-status", coded) is expected


def test_members_of_what_is_not_known() -> None:
    assert R4.member_of("http://example.org/none", {"system": MARITAL, "code": "M"}) is None


def coding(code: str, system: str = ACT) -> dict[str, str]:
    return {"system": system, "code": code}


@pytest.mark.parametrize(
    ("general", "specific", "expected"),
    [
        (coding("_ActAccountCode"), coding("ACCTRECEIVABLE"), True),
        (coding("ACCTRECEIVABLE"), coding("_ActAccountCode"), False),
        (coding("AMB"), coding("AMB"), True),
        (coding("AMB"), coding("AMB", GENDER), False),
        ({"coding": [coding("x", "y"), coding("_ActAccountCode")]}, {"coding": [coding("ACCTRECEIVABLE")]}, True),
        ("AMB", coding("AMB"), None),
        (coding("1", "http://example.org/none"), coding("2", "http://example.org/none"), None),
    ],
)
def test_subsumption(general: Any, specific: Any, expected: bool | None) -> None:
    assert R4.subsumes(general, specific) is expected


def test_fhirpath_asks() -> None:
    patient = {"resourceType": "Patient", "maritalStatus": {"coding": [{"system": MARITAL, "code": "M"}]}}
    environment = fhirpath.Environment(terminology=R4)
    compiled = fhirpath.compile(f"Patient.maritalStatus.memberOf('{V}marital-status')")
    assert compiled(patient, environment) == [True]


def test_what_has_to_be_fetched_first_is_told_each_time() -> None:
    class Fetching:
        def find(self, resource_type: str, canonical: str) -> Definition | None:
            raise NotAtHandError(resource_type, canonical)

    terminology = Terminology(Fetching())
    for _ in range(2):
        with pytest.raises(NotAtHandError, match=r"^ValueSet http://example\.org/vs$"):
            terminology.contains("http://example.org/vs", None, "a")


def test_what_is_r4s_own_is_shared() -> None:
    one, other = Terminology(beside_core()), Terminology(beside_core(LETTERS))
    assert one.value_set(f"{V}marital-status") is other.value_set(f"{V}marital-status")
    assert one.code_system(ACT) is other.code_system(ACT) is core_terminology().code_system(ACT)


def test_a_value_set_of_r4_over_a_code_system_that_is_brought_is_not_shared() -> None:
    loinc = {"resourceType": "CodeSystem", "url": "http://loinc.org", "content": "complete",
             "concept": [{"code": "8867-4"}]}  # fmt: skip
    terminology = Terminology(beside_core(loinc))
    assert terminology.contains(f"{V}observation-codes", "http://loinc.org", "8867-4") is True
    assert terminology.contains(f"{V}observation-codes", "http://loinc.org", "8480-6") is False
    assert R4.contains(f"{V}observation-codes", "http://loinc.org", "8867-4") is None


def test_a_code_system_that_replaces_one_of_r4_counts() -> None:
    gender = LETTERS | {"url": GENDER}
    assert Terminology(beside_core(gender)).validate_in_system(GENDER, "male").result is False


def test_a_value_set_is_compiled_once() -> None:
    assert R4.value_set(f"{V}marital-status") is R4.value_set(f"{V}marital-status")


def test_an_expansion_is_in_the_order_of_the_composition() -> None:
    definition = composed({"system": CS, "concept": [{"code": "c", "display": "Sea"}]}, {"system": CS})
    terminology = Terminology(beside_core(LETTERS, definition))
    whole = terminology.expand("http://example.org/vs")
    assert [(concept.code, concept.display) for concept in whole.concepts] == [("c", "Sea"), ("a", None), ("b", None)]
    assert whole.is_whole
    second = terminology.expand("http://example.org/vs", 1, 1)
    assert [concept.code for concept in second.concepts] == ["a"]
    assert not second.is_whole


def test_what_is_imported_is_listed() -> None:
    first = composed({"system": CS, "concept": [{"code": "c"}, {"code": "a"}]}, name="first")
    other = composed({"system": "http://example.org/none", "concept": [{"code": "z"}, {"code": "y"}]}, name="other")
    definition = composed({"valueSet": [first["url"]]}, {"valueSet": [other["url"]]})
    expansion = Terminology(beside_core(LETTERS, first, other, definition)).expand("http://example.org/vs")
    assert [concept.code for concept in expansion.concepts] == ["a", "c", "y", "z"]


def test_imports_that_meet_again_and_again_are_listed_once() -> None:
    rows = [
        composed(*({"valueSet": [f"http://example.org/{level + 1}-{side}"]} for side in "lr"), name=f"{level}-{side}")
        for level in range(25)
        for side in "lr"
    ]
    ends = [composed({"system": CS}, name=f"25-{side}") for side in "lr"]
    terminology = Terminology(beside_core(LETTERS, *rows, *ends))
    assert [concept.code for concept in terminology.expand("http://example.org/0-l").concepts] == ["a", "b", "c"]


def test_an_expansion_says_what_it_lacks() -> None:
    expansion = R4.expand(f"{V}ucum-units")
    assert (expansion.concepts, expansion.is_whole) == ((), False)
    assert expansion.obstacles == ("The codes of the code system http://unitsofmeasure.org cannot be listed.",)
    assert R4.expand("http://example.org/none").obstacles == ("The value set http://example.org/none is not known.",)
