"""The registry of search parameters."""

from __future__ import annotations

import pytest

from conformance.types import resource_types
from fhir_api.search.definitions import base_definitions, is_single
from fhir_api.search.query import Parameter

DEFINITIONS = base_definitions()
ALL = [parameter for name in resource_types() for parameter in DEFINITIONS.parameters(name).values()]


def parameter(resource_type: str, code: str) -> Parameter:
    found = DEFINITIONS.parameter(resource_type, code)
    assert found is not None
    return found


def test_no_two_parameters_share_a_key() -> None:
    assert len({each.key for each in ALL}) == len(ALL) > 2000


def test_every_parameter_finds_elements_it_can_index() -> None:
    assert [each for each in ALL if each.type != "composite" and not each.element_types] == []


def test_parameters_of_all_resources_belong_to_each_type() -> None:
    for resource_type in ("Patient", "Bundle", "Binary"):
        assert {"_tag", "_profile", "_security", "_source"} <= DEFINITIONS.parameters(resource_type).keys()


@pytest.mark.parametrize("code", ["_id", "_lastUpdated", "_text", "_content"])
def test_what_is_answered_without_index_is_no_indexed_parameter(code: str) -> None:
    assert DEFINITIONS.parameter("Patient", code) is None


def test_an_unknown_type_has_no_parameters() -> None:
    with pytest.raises(KeyError):
        DEFINITIONS.parameters("Nonsense")


@pytest.mark.parametrize(
    ("resource_type", "code", "types"),
    [
        ("Patient", "gender", ("code",)),
        ("Patient", "deceased", ("boolean",)),
        ("Patient", "email", ("ContactPoint",)),
        ("Observation", "value-quantity", ("Quantity", "SampledData")),
        ("Observation", "value-string", ("string",)),
        ("Observation", "date", ("Period", "Timing", "dateTime", "instant")),
        ("MedicationRequest", "code", ("CodeableConcept",)),
        ("Condition", "onset-age", ("Age", "Range")),
        ("InsurancePlan", "name", ("string",)),
        ("Bundle", "composition", ("Resource",)),
    ],
)
def test_element_types(resource_type: str, code: str, types: tuple[str, ...]) -> None:
    assert set(parameter(resource_type, code).element_types) == set(types)


def test_what_identifies_is_told_from_what_classifies() -> None:
    identifying = [("Patient", "identifier"), ("Patient", "phone"), ("ValueSet", "version"), ("ImagingStudy", "series")]
    classifying = [("Patient", "gender"), ("Observation", "code"), ("Patient", "active"), ("Patient", "_tag")]
    assert all(parameter(*name).is_identifier for name in identifying)
    assert not any(parameter(*name).is_identifier for name in classifying)


def test_codes_that_are_texts_are_compared_without_case() -> None:
    assert parameter("ValueSet", "version").ignores_case
    assert parameter("Patient", "email").ignores_case
    assert not parameter("Patient", "identifier").ignores_case


def test_components_of_a_composite_are_parameters_of_its_type() -> None:
    composite = parameter("Observation", "combo-code-value-quantity")
    assert [each.code for each in composite.components] == ["combo-code", "combo-value-quantity"]
    assert composite.components[0] == parameter("Observation", "combo-code")


@pytest.mark.parametrize(
    ("resource_type", "code"),
    [
        ("Observation", "date"),
        ("Condition", "onset-date"),
        ("Procedure", "date"),
        ("Encounter", "date"),
        ("MedicationRequest", "authoredon"),
        ("DiagnosticReport", "date"),
        ("Claim", "created"),
        ("Communication", "sent"),
        ("ImagingStudy", "started"),
        ("Patient", None),
        ("Organization", None),
    ],
)
def test_the_primary_date(resource_type: str, code: str | None) -> None:
    found = DEFINITIONS.primary_date(resource_type)
    assert (found.code if found else None) == code


def test_a_primary_date_has_one_value() -> None:
    for resource_type in resource_types():
        found = DEFINITIONS.primary_date(resource_type)
        assert found is None or is_single(found)
