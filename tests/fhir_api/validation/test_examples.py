"""Resources of others are sound: the official examples, and synthetic records."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from fhir_api.model.resource import Resource, parse
from fhir_api.validation.validator import base_validator

DATA = Path(__file__).parents[3] / "../shared/data"
EXAMPLES = DATA / "r4-examples/examples.ndjson.gz"
SYNTHEA = DATA / "synthea-r4"
EMPTY_NARRATIVE = "its narrative is an empty div, which txt-2 forbids"
TARGET = "it refers to a type that the element's definition does not allow: "

BREAK_THE_DEFINITIONS = {
    "ActivityDefinition/blood-tubes-supply": EMPTY_NARRATIVE,
    "ActivityDefinition/heart-valve-replacement": EMPTY_NARRATIVE,
    "EventDefinition/example": EMPTY_NARRATIVE,
    "Questionnaire/zika-virus-exposure-assessment": EMPTY_NARRATIVE,
    "DeviceMetric/example": TARGET + "parent is a DeviceDefinition",
    "DeviceUseStatement/example": TARGET + "reasonReference is a Procedure",
    "MedicationRequest/medrx0301": TARGET + "dispenseRequest.performer is a Practitioner",
    "Observation/clinical-gender": TARGET + "performer is an Encounter",
    "Questionnaire/qs1": "items have no linkId, which is required",
}


FAULTS_THAT_ARE_TOLD = {
    "bundle-full-url": ("fullUrl ends with another type or id than its resource", 3),
    "canonical": ("a canonical is relative, which references.html#canonical forbids", 55),
    "cardinality-min": ("items have no linkId, which is required", 1),
    "code-unknown": ("SNOMED CT codes whose check digit is wrong", 2),
    "extension-part": ("an extension has a part that its definition does not have", 1),
    "format": (EMPTY_NARRATIVE, 4),
    "identifier": ("an OID of the system urn:ietf:rfc:3986 is no URI", 1),
    "min": ("a vital sign has no time, which its profile requires", 1),
    "narrative": ("a link of the narrative leads nowhere", 1),
    "quantity-unit": ("words such as TAB are said to be codes of UCUM", 21),
    "reference-target": ("it refers to a type that the element does not allow", 4),
    "uri": ("urn:oid:X.Y.Z stands for an OID", 1),
    "value-set": ("a code that its code system does not have", 1),
}
"""What ``$validate`` finds besides, each a fault of the example: the reason, and how many examples have it."""


@pytest.fixture(scope="module")
def examples() -> list[Resource]:
    if not EXAMPLES.exists():
        pytest.skip("the official R4 examples are not here")
    with gzip.open(EXAMPLES) as lines:
        return [parse(line) for line in lines]


def name(resource: Resource) -> str:
    return f"{resource.resource_type}/{resource.logical_id}"


def test_the_official_examples_are_sound(examples: list[Resource]) -> None:
    validator = base_validator()
    assert {name(each) for each in examples if validator.check(each)} == set(BREAK_THE_DEFINITIONS)


def test_validate_finds_only_faults_of_the_examples(examples: list[Resource]) -> None:
    validator = base_validator()
    found: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        for issue in validator.validate(example.tree):
            if issue.severity == "error":
                found[issue.details[0]].add(name(example))
    assert {kind: len(those) for kind, those in found.items()} == {
        kind: count for kind, (_, count) in FAULTS_THAT_ARE_TOLD.items()
    }


def test_synthetic_records_are_sound() -> None:
    files = sorted(SYNTHEA.glob("*"))[:3]
    if not files:
        pytest.skip("the synthetic records are not here")
    validator = base_validator()
    for file in files:
        bundle = parse(gzip.decompress(file.read_bytes()))
        assert validator.check(bundle) == ()
        for resource in entries(bundle):
            assert validator.check(resource) == ()


def entries(bundle: Resource) -> Iterator[Resource]:
    for entry in bundle.tree["entry"]:
        yield parse(orjson.dumps(entry["resource"]))
