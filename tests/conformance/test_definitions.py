"""Search parameters, value sets, compartments and operations say what https://hl7.org/fhir/R4 says."""

from __future__ import annotations

import pytest

from conformance.compartments import compartments
from conformance.library import DEFINITIONS, versions
from conformance.library import resource_types as library_types
from conformance.manifest import manifest
from conformance.operations import OperationDefinition, operation_definitions
from conformance.search_parameters import SearchParameterDefinition, search_parameters
from conformance.types import nodes, resource_types
from conformance.value_sets import bound_value_sets, required_codes

VALUE_SET = "http://hl7.org/fhir/ValueSet/"
SEARCH_PARAMETER = "http://hl7.org/fhir/SearchParameter/"


def search_parameter(name: str) -> SearchParameterDefinition:
    return next(each for each in search_parameters() if each.url == SEARCH_PARAMETER + name)


def operation(name: str) -> OperationDefinition:
    return next(each for each in operation_definitions() if each.url.endswith(f"/{name}"))


def test_every_search_parameter_of_the_base_specification_is_there_once() -> None:
    urls = [each.url for each in search_parameters()]
    assert len(urls) == 1375
    assert urls == sorted(set(urls))
    by_type: dict[str, int] = {}
    for each in search_parameters():
        by_type[each.type] = by_type.get(each.type, 0) + 1
    assert set(by_type) == {
        "composite", "date", "number", "quantity", "reference", "special", "string", "token", "uri",
    }  # fmt: skip


def test_no_type_has_two_search_parameters_of_one_code() -> None:
    seen = [(base, each.code) for each in search_parameters() for base in each.base]
    assert len(seen) == len(set(seen))


def test_examples_and_extension_packs_are_skipped_by_name() -> None:
    skipped = manifest().skipped["SearchParameter"]
    assert len(skipped) == 25
    assert {"example", "example-extension", "patient-extensions-Patient-age", "filter"} <= set(skipped)


def test_a_search_parameter_of_several_types() -> None:
    birthdate = search_parameter("individual-birthdate")
    assert (birthdate.code, birthdate.type) == ("birthdate", "date")
    assert birthdate.base == ("Patient", "Person", "RelatedPerson")
    assert birthdate.expression == "Patient.birthDate | Person.birthDate | RelatedPerson.birthDate"
    assert birthdate.components == ()


def test_a_reference_parameter_names_its_targets() -> None:
    subject = search_parameter("Observation-subject")
    assert set(subject.target) == {"Patient", "Group", "Device", "Location"}


def test_a_composite_names_its_parts() -> None:
    pair = search_parameter("Observation-code-value-quantity")
    assert pair.type == "composite"
    assert pair.components == (
        (SEARCH_PARAMETER + "clinical-code", "code"),
        (SEARCH_PARAMETER + "Observation-value-quantity", "value.as(Quantity)"),
    )


def test_every_part_of_a_composite_is_a_search_parameter() -> None:
    known = {each.url for each in search_parameters()}
    parts = {part.url for each in search_parameters() for part in each.components}
    assert parts - known == set()


def test_only_parameters_over_no_element_have_no_expression() -> None:
    assert {each.code for each in search_parameters() if each.expression is None} == {"_text", "_content", "_query"}


def test_bases_and_targets_are_types() -> None:
    named = {name for each in search_parameters() for name in (*each.base, *each.target)}
    assert named - set(nodes()) == set()


def test_the_parameters_of_every_resource_are_there() -> None:
    assert {each.code for each in search_parameters() if each.base == ("Resource",)} == {
        "_content", "_id", "_lastUpdated", "_profile", "_query", "_security", "_source", "_tag",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value_set", "expected"),
    [
        ("administrative-gender", {"male", "female", "other", "unknown"}),
        ("observation-status",
         {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}),
        ("link-type", {"replaced-by", "replaces", "refer", "seealso"}),
        ("name-use", {"usual", "official", "temp", "nickname", "anonymous", "old", "maiden"}),
        ("http-verb", {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"}),
        ("quantity-comparator", {"<", "<=", ">=", ">"}),
        ("units-of-time", {"s", "min", "h", "d", "wk", "mo", "a"}),
    ],
)  # fmt: skip
def test_codes_of_a_required_binding(value_set: str, expected: set[str]) -> None:
    codes = required_codes(VALUE_SET + value_set)
    assert codes is not None
    assert set(codes) == expected


def test_a_code_comes_with_its_system() -> None:
    gender = required_codes(VALUE_SET + "administrative-gender")
    assert gender is not None
    assert gender["female"] == "http://hl7.org/fhir/administrative-gender"
    units = required_codes(VALUE_SET + "units-of-time")
    assert units is not None
    assert units["wk"] == "http://unitsofmeasure.org"


def test_nested_codes_and_several_systems_are_included() -> None:
    items = required_codes(VALUE_SET + "item-type")
    assert items is not None
    assert {"group", "question", "open-choice"} <= set(items)
    every_type = required_codes(VALUE_SET + "all-types")
    assert every_type is not None
    assert {"Patient", "HumanName", "Any"} <= set(every_type)


def test_resource_types_are_the_codes_of_their_value_set() -> None:
    codes = required_codes(VALUE_SET + "resource-types")
    assert codes is not None
    assert set(resource_types()) == set(codes) - {"Resource", "DomainResource"}


@pytest.mark.parametrize("value_set", ["mimetypes", "currencies", "ucum-units", "marital-status", "no-such-value-set"])
def test_what_cannot_be_listed_or_is_not_required_has_no_codes(value_set: str) -> None:
    assert required_codes(VALUE_SET + value_set) is None


def test_open_value_sets_are_these_and_give_their_reason() -> None:
    open_ones = {url: row.open_because for url, row in bound_value_sets().items() if row.open_because}
    assert set(open_ones) == {
        VALUE_SET + "mimetypes", VALUE_SET + "currencies", VALUE_SET + "ucum-units", "http://loinc.org/vs/LL379-9",
    }  # fmt: skip
    assert open_ones[VALUE_SET + "mimetypes"] == "The package does not list the codes of urn:ietf:bcp:13."


def test_every_required_binding_has_its_value_set() -> None:
    bound = {
        each.binding.value_set
        for row in nodes().values()
        for each in row.elements
        if each.binding and each.binding.strength == "required"
    }
    assert bound == set(bound_value_sets())


def test_no_listed_value_set_is_empty() -> None:
    assert [url for url, row in bound_value_sets().items() if not row.open_because and not required_codes(url)] == []


def test_the_five_compartments() -> None:
    assert set(compartments()) == {"Patient", "Practitioner", "Encounter", "RelatedPerson", "Device"}


@pytest.mark.parametrize(
    ("compartment", "resource_type", "parameters"),
    [
        ("Patient", "Observation", ("subject", "performer")),
        ("Patient", "Patient", ("link",)),
        ("Patient", "Condition", ("patient", "asserter")),
        ("Encounter", "Encounter", ("{def}",)),
        ("Encounter", "Observation", ("encounter",)),
        ("Practitioner", "Observation", ("performer",)),
        ("Device", "Observation", ("subject", "device")),
    ],
)
def test_a_compartment_names_the_parameters_that_lead_into_it(
    compartment: str, resource_type: str, parameters: tuple[str, ...]
) -> None:
    assert compartments()[compartment][resource_type] == parameters


def test_types_outside_a_compartment_are_left_out() -> None:
    assert "Organization" not in compartments()["Patient"]


def test_every_parameter_of_a_compartment_exists() -> None:
    known = {(base, each.code) for each in search_parameters() for base in each.base}
    missing = {
        (resource_type, code)
        for members in compartments().values()
        for resource_type, codes in members.items()
        for code in codes
        if code != "{def}" and (resource_type, code) not in known
    }
    assert missing == set()


def test_every_operation_is_there() -> None:
    assert len(operation_definitions()) == 46
    assert {"everything", "validate", "expand", "lookup", "translate", "meta-add", "match", "lastn", "document"} <= {
        each.code for each in operation_definitions()
    }


def test_patient_everything() -> None:
    everything = operation("Patient-everything")
    assert everything.code == "everything"
    assert (everything.system, everything.type, everything.instance) == (False, True, True)
    assert everything.resource == ("Patient",)
    assert not everything.affects_state
    assert [each.name for each in everything.parameters] == ["start", "end", "_since", "_type", "_count", "return"]
    kinds = {each.name: (each.use, each.min, each.max, each.type) for each in everything.parameters}
    assert kinds["_type"] == ("in", 0, None, "code")
    assert kinds["return"] == ("out", 1, 1, "Bundle")


def test_the_package_states_for_no_operation_that_it_changes_content() -> None:
    assert [each.code for each in operation_definitions() if each.affects_state] == []


def test_parts_of_a_parameter() -> None:
    (property_,) = [each for each in operation("CodeSystem-lookup").parameters if each.name == "designation"]
    assert property_.use == "out"
    assert [part.name for part in property_.parts] == ["language", "use", "value"]
    assert {part.use for part in property_.parts} == {"out"}


def test_the_manifest_counts_what_is_there() -> None:
    origin = manifest()
    assert (origin.package, origin.version) == ("hl7.fhir.r4.core", "4.0.1")
    assert origin.rows == {
        "nodes.jsonl": len(nodes()),
        "search_parameters.jsonl": len(search_parameters()),
        "value_sets.jsonl": len(bound_value_sets()),
        "compartments.jsonl": len(compartments()),
        "operations.jsonl": len(operation_definitions()),
        DEFINITIONS: sum(len(versions(resource_type)) for resource_type in library_types()),
    }
