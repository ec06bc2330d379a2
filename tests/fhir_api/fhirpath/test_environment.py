"""External constants and services: https://hl7.org/fhir/R4/fhirpath.html#variables."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fhir_api import fhirpath
from fhir_api.fhirpath import Environment, FhirPathEvaluationError, Item, typed_only
from tests.support.fhirpath import evaluated

PRACTITIONER: dict[str, Any] = {"resourceType": "Practitioner", "id": "7", "gender": "female"}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1-8"}]},
    "performer": [{"reference": "Practitioner/7"}, {"reference": "urn:uuid:1"}, {"display": "nobody"}],
}


def test_constants() -> None:
    assert evaluated("%ucum | %sct | %loinc") == [
        "http://unitsofmeasure.org",
        "http://snomed.info/sct",
        "http://loinc.org",
    ]
    assert evaluated("%'vs-a' | %`ext-b`") == [
        "http://hl7.org/fhir/ValueSet/a",
        "http://hl7.org/fhir/StructureDefinition/b",
    ]


def test_resource_and_root_resource() -> None:
    contained = {"resourceType": "Organization", "id": "in"}
    outer = {"resourceType": "Patient", "id": "out", "contained": [contained]}
    environment = Environment(resource=contained, root_resource=outer)
    found = evaluated("%resource.id | %rootResource.id", {"value": "x"}, environment, type_name="Identifier")
    assert found == ["in", "out"]


def test_variables() -> None:
    environment = Environment(
        variables={"a": 1.5, "b": ["x", "y"], "p": PRACTITIONER, "i": Item("m", "code"), "n": None}
    )
    assert evaluated("%a + 1", environment=environment) == [Decimal("2.5")]
    assert evaluated("%b.join('-') & %p.gender", environment=environment) == ["x-yfemale"]
    assert evaluated("%i is code", environment=environment) == [True]
    assert evaluated("%n", environment=environment) == []


def test_one_moment_for_a_whole_evaluation() -> None:
    environment = Environment(now=datetime(2026, 11, 23, 8, 30, 5, 250_000, tzinfo=UTC))
    found = evaluated("now() | today() | timeOfDay()", environment=environment)
    assert [str(value) for value in found] == ["2026-11-23T08:30:05.250Z", "2026-11-23", "08:30:05.250"]
    assert evaluated("(1 | 2 | 3).select(iif($index < 5, now(), {})).distinct().count()") == [1]


def test_references_are_resolved_by_the_resolver() -> None:
    environment = Environment(resolver={"Practitioner/7": PRACTITIONER}.get)
    assert evaluated("performer.resolve().gender", OBSERVATION, environment) == ["female"]
    assert evaluated("performer.resolve()", OBSERVATION) == []


def test_a_type_is_known_without_a_store() -> None:
    environment = Environment(resolver=typed_only)
    found = evaluated("performer.where(resolve() is Practitioner).reference", OBSERVATION, environment)
    assert found == ["Practitioner/7"]


@pytest.mark.parametrize(
    ("reference", "type_and_id"),
    [
        ("Patient/1", ("Patient", "1")),
        ("https://example.org/fhir/Patient/1/_history/2", ("Patient", "1")),
        ("Nonsense/1", None),
        ("urn:uuid:5", None),
        ("#local", None),
    ],
)
def test_typed_only(reference: str, type_and_id: tuple[str, str] | None) -> None:
    found = typed_only(reference)
    assert (None if found is None else (found["resourceType"], found["id"])) == type_and_id


@pytest.mark.parametrize("reference", ["http://x/Practitioner/7", "Practitioner/7"])
def test_references_inside_a_bundle(reference: str) -> None:
    task = {"resourceType": "Task", "owner": {"reference": reference}}
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"fullUrl": "http://x/Practitioner/7", "resource": PRACTITIONER}, {"resource": task}],
    }
    assert evaluated("owner.resolve().gender", task, Environment(root_resource=bundle)) == ["female"]
    assert evaluated("entry.resource.ofType(Task).owner.resolve().id", bundle) == ["7"]


class Codes:
    """A terminology that knows one code and one hierarchy."""

    def member_of(self, value_set: str, coded: Any) -> bool | None:
        return "1-8" in str(coded) if value_set == "http://known" else None

    def subsumes(self, general: Any, specific: Any) -> bool | None:
        return bool(general["code"] == "A" and specific["code"] == "AB")


def test_terminology() -> None:
    environment = Environment(terminology=Codes())
    assert evaluated("code.memberOf('http://known')", OBSERVATION, environment) == [True]
    assert evaluated("code.coding.memberOf('http://unknown')", OBSERVATION, environment) == []
    codings = {"a": Item({"code": "A"}, "Coding"), "ab": Item({"code": "AB"}, "Coding")}
    environment = Environment(terminology=Codes(), variables=codings)
    assert evaluated("%a.subsumes(%ab)", environment=environment) == [True]
    assert evaluated("%ab.subsumedBy(%a)", environment=environment) == [True]
    assert evaluated("%a.subsumedBy(%ab)", environment=environment) == [False]
    with pytest.raises(FhirPathEvaluationError, match="needs a terminology service"):
        evaluated("code.memberOf('http://known')", OBSERVATION)


def test_conforms_to() -> None:
    environment = Environment(conforms_to=lambda _element, profile: True if profile == "http://p" else None)
    assert evaluated("conformsTo('http://p')", OBSERVATION, environment) == [True]
    assert evaluated("conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource')", OBSERVATION) == [True]
    with pytest.raises(FhirPathEvaluationError, match="expected a known profile"):
        evaluated("conformsTo('http://q')", OBSERVATION, environment)


def test_trace_tells_the_listener() -> None:
    told: list[tuple[str, int]] = []
    environment = Environment(trace=lambda name, items: told.append((name, len(items))))
    compiled = fhirpath.compile("performer.trace('all').trace('known', reference).count()")
    assert compiled(OBSERVATION, environment) == [3]
    assert told == [("all", 3), ("known", 2)]
    assert compiled(OBSERVATION) == [3]


def test_what_is_asked_of_the_resource_again_is_evaluated_anew() -> None:
    compiled = fhirpath.compile("performer.where(reference in %resource.descendants().reference).count()")
    assert compiled(OBSERVATION) == [2]
    assert compiled({**OBSERVATION, "performer": []}) == [0]
