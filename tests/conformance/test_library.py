"""Every definition of R4 can be read from the compressed file."""

from __future__ import annotations

import orjson
import pytest

from conformance import library


@pytest.mark.parametrize(
    ("resource_type", "count"),
    [("StructureDefinition", 655), ("ValueSet", 1316), ("CodeSystem", 1062), ("SearchParameter", 1400)],
)
def test_every_definition_is_there_by_its_canonical(resource_type: str, count: int) -> None:
    read = [orjson.loads(raw) for raw in library.read_all(resource_type)]
    assert len(read) == count
    assert [(each["url"], each.get("version")) for each in read] == list(library.versions(resource_type).items())
    assert {each["resourceType"] for each in read} == {resource_type}


def test_one_definition_is_the_same_as_among_all() -> None:
    url, _ = list(library.versions("ValueSet").items())[700]
    assert library.read("ValueSet", url) == list(library.read_all("ValueSet"))[700]


def test_what_is_not_there_is_none() -> None:
    assert library.read("ValueSet", "http://example.org/none") is None
    assert library.read("Nothing", "http://hl7.org/fhir/ValueSet/languages") is None


def test_concepts_keep_definitions_children_and_names_in_other_languages() -> None:
    raw = library.read("CodeSystem", "http://terminology.hl7.org/CodeSystem/v3-ActCode")
    assert raw is not None
    parents = [concept for concept in orjson.loads(raw)["concept"] if "concept" in concept]
    assert parents[0]["concept"][0]["definition"]
    sexes = library.read("CodeSystem", "http://terminology.hl7.org/CodeSystem/v2-0001")
    assert sexes is not None
    assert {name["language"] for concept in orjson.loads(sexes)["concept"] for name in concept["designation"]} >= {"nl"}


def test_narrative_and_mappings_are_left_out() -> None:
    raw = library.read("StructureDefinition", "http://hl7.org/fhir/StructureDefinition/Patient")
    assert raw is not None
    patient = orjson.loads(raw)
    assert not {"text", "mapping", "contact"} & set(patient)
    assert not any("mapping" in element for element in patient["snapshot"]["element"])
