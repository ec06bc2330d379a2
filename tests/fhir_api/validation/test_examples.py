"""Resources of others are sound: the official examples, and synthetic records."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from fhir_api.model.resource import Resource, parse
from fhir_api.validation.validator import Validator

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


def test_the_official_examples_are_sound() -> None:
    if not EXAMPLES.exists():
        pytest.skip("the official R4 examples are not here")
    validator = Validator()
    with gzip.open(EXAMPLES) as lines:
        resources = [parse(line) for line in lines]
    refused = {f"{each.resource_type}/{each.logical_id}" for each in resources if validator.check(each)}
    assert refused == set(BREAK_THE_DEFINITIONS)


def test_synthetic_records_are_sound() -> None:
    files = sorted(SYNTHEA.glob("*"))[:3]
    if not files:
        pytest.skip("the synthetic records are not here")
    validator = Validator()
    for file in files:
        bundle = parse(gzip.decompress(file.read_bytes()))
        assert validator.check(bundle) == ()
        for resource in entries(bundle):
            assert validator.check(resource) == ()


def entries(bundle: Resource) -> Iterator[Resource]:
    for entry in bundle.tree["entry"]:
        yield parse(orjson.dumps(entry["resource"]))
