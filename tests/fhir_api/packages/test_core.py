"""The definitions of R4 are found by canonical, with and without version."""

from __future__ import annotations

import pytest

from fhir_api.packages.core import CoreLibrary, core_library
from fhir_api.packages.library import Library

PATIENT = "http://hl7.org/fhir/StructureDefinition/Patient"


@pytest.mark.parametrize(
    ("resource_type", "canonical", "id_"),
    [
        ("StructureDefinition", PATIENT, "Patient"),
        ("StructureDefinition", f"{PATIENT}|4.0.1", "Patient"),
        ("StructureDefinition", "http://hl7.org/fhir/StructureDefinition/bodyweight", "bodyweight"),
        ("StructureDefinition", "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "patient-birthPlace"),
        ("ValueSet", "http://hl7.org/fhir/ValueSet/administrative-gender", "administrative-gender"),
        ("CodeSystem", "http://terminology.hl7.org/CodeSystem/v3-ActCode|2018-08-12", "v3-ActCode"),
        ("SearchParameter", "http://hl7.org/fhir/SearchParameter/Patient-active", "Patient-active"),
        ("OperationDefinition", "http://hl7.org/fhir/OperationDefinition/Patient-everything", "Patient-everything"),
    ],
)
def test_a_definition_is_found(resource_type: str, canonical: str, id_: str) -> None:
    definition = core_library().find(resource_type, canonical)
    assert definition is not None
    assert (definition["resourceType"], definition["id"]) == (resource_type, id_)


@pytest.mark.parametrize(
    ("resource_type", "canonical"),
    [
        ("StructureDefinition", f"{PATIENT}|4.0.0"),
        ("StructureDefinition", "http://hl7.org/fhir/StructureDefinition/Nothing"),
        ("ValueSet", PATIENT),
        ("Patient", PATIENT),
        ("", ""),
    ],
)
def test_what_r4_does_not_have_is_not_found(resource_type: str, canonical: str) -> None:
    assert core_library().find(resource_type, canonical) is None


def test_structures_have_both_views_without_mappings_and_narrative() -> None:
    patient = core_library().find("StructureDefinition", PATIENT)
    assert patient is not None
    assert patient["snapshot"]["element"][0]["path"] == "Patient"
    assert patient["differential"]["element"][0]["path"] == "Patient"
    assert "mapping" not in patient["snapshot"]["element"][1]
    assert "text" not in patient


def test_there_is_one_library_for_the_process() -> None:
    library: Library = core_library()
    assert library is core_library()


def test_a_definition_is_parsed_once_while_it_is_kept() -> None:
    library = CoreLibrary()
    assert library.find("StructureDefinition", PATIENT) is library.find("StructureDefinition", PATIENT)


def test_what_was_not_used_for_long_is_forgotten() -> None:
    library = CoreLibrary(limit=1000)
    first = library.find("StructureDefinition", PATIENT)
    assert library.memory.size <= 1000
    assert library.find("StructureDefinition", PATIENT) == first
    assert library.find("StructureDefinition", PATIENT) is not first
