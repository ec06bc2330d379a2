"""The compiled types say what https://hl7.org/fhir/R4 says."""

from __future__ import annotations

import pytest

from conformance.types import Constraint, Element, ElementType, is_subtype, node, nodes, resource_types


def element(path: str) -> Element:
    """Return the element of a path such as ``Patient.contact.gender``."""
    parent, name = path.rsplit(".", 1)
    return next(each for each in node(parent).elements if each.name == name)


def codes(of: Element) -> list[str]:
    return [kind.code for kind in of.types]


def test_every_concrete_resource_type_is_there_and_no_abstract_one() -> None:
    types = resource_types()
    assert len(types) == 146
    assert list(types) == sorted(types)
    assert {"Patient", "Observation", "Bundle", "Parameters", "Binary"} <= set(types)
    assert not {"Resource", "DomainResource", "MetadataResource"} & set(types)


def test_every_primitive_and_data_type_is_there() -> None:
    by_kind: dict[str, set[str]] = {}
    for each in nodes().values():
        by_kind.setdefault(each.kind, set()).add(each.name)
    assert by_kind["primitive-type"] == {
        "base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
        "markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid", "xhtml",
    }  # fmt: skip
    assert {"Element", "BackboneElement", "Quantity", "Age", "HumanName", "Timing", "Dosage"} <= by_kind["complex-type"]
    assert len(by_kind["complex-type"]) == 41
    assert len(by_kind["resource"]) == 148
    assert {"Patient.contact", "Timing.repeat", "Questionnaire.item"} <= by_kind["backbone"]


def test_profiles_of_a_type_are_no_types() -> None:
    assert not {"SimpleQuantity", "MoneyQuantity", "bp", "vitalsigns"} & set(nodes())


def test_elements_stand_in_the_order_of_the_specification_inherited_first() -> None:
    assert [each.name for each in node("Patient").elements] == [
        "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension", "identifier",
        "active", "name", "telecom", "gender", "birthDate", "deceased", "address", "maritalStatus", "multipleBirth",
        "photo", "contact", "communication", "generalPractitioner", "managingOrganization", "link",
    ]  # fmt: skip
    assert [each.name for each in node("Patient.contact").elements] == [
        "id", "extension", "modifierExtension", "relationship", "name", "telecom", "address", "gender", "organization",
        "period",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "minimum", "maximum"),
    [
        ("Patient.name", 0, None),
        ("Patient.gender", 0, 1),
        ("Observation.status", 1, 1),
        ("Observation.code", 1, 1),
        ("Bundle.type", 1, 1),
        ("Extension.url", 1, 1),
        ("Contract.term", 0, None),
        ("Subscription.channel", 1, 1),
        ("DocumentReference.content", 1, None),
        ("Resource.id", 0, 1),
    ],
)
def test_cardinality(path: str, minimum: int, maximum: int | None) -> None:
    assert (element(path).min, element(path).max) == (minimum, maximum)


def test_a_choice_has_a_json_name_for_each_type() -> None:
    value = element("Observation.value")
    assert value.is_choice
    assert value.path == "Observation.value[x]"
    assert list(value.json_names()) == [
        "valueQuantity", "valueCodeableConcept", "valueString", "valueBoolean", "valueInteger", "valueRange",
        "valueRatio", "valueSampledData", "valueTime", "valueDateTime", "valuePeriod",
    ]  # fmt: skip
    assert value.json_names()["valueDateTime"].code == "dateTime"
    assert len(element("Extension.value").types) == 50
    assert codes(element("Patient.deceased")) == ["boolean", "dateTime"]


def test_what_is_no_choice_has_one_json_name() -> None:
    status = element("Observation.status")
    assert status.json_names() == {"status": ElementType("code")}
    assert not status.is_choice


def test_shared_content_is_found_through_the_content_reference() -> None:
    item = element("Questionnaire.item.item")
    assert item.content_reference == "Questionnaire.item"
    assert codes(item) == ["Questionnaire.item"]
    shared = element("Observation.component.referenceRange")
    assert codes(shared) == ["Observation.referenceRange"]
    assert codes(element("Bundle.entry.link")) == ["Bundle.link"]


def test_every_type_of_every_element_is_a_node() -> None:
    named = {kind.code for row in nodes().values() for each in row.elements for kind in each.types}
    assert named - set(nodes()) == set()


def test_only_a_choice_has_several_types() -> None:
    several = {each.path for row in nodes().values() for each in row.elements if len(each.types) > 1}
    assert several
    assert all(path.endswith("[x]") for path in several)


def test_system_types_are_given_as_the_primitives_of_fhir() -> None:
    assert codes(element("Patient.id")) == ["string"]
    assert codes(element("HumanName.id")) == ["string"]
    assert codes(element("Extension.url")) == ["uri"]


def test_references_name_the_types_they_may_point_at() -> None:
    (subject,) = element("Observation.subject").types
    assert subject == ElementType("Reference", (), ("Patient", "Group", "Device", "Location"))
    (focus,) = element("Observation.focus").types
    assert focus.target_profiles == ("Resource",)
    (derived,) = element("Questionnaire.derivedFrom").types
    assert derived == ElementType("canonical", (), ("Questionnaire",))
    (profile,) = element("Meta.profile").types
    assert profile.target_profiles == ("StructureDefinition",)


def test_a_profile_of_a_type_is_kept() -> None:
    (low,) = element("Observation.referenceRange.low").types
    assert low == ElementType("Quantity", ("http://hl7.org/fhir/StructureDefinition/SimpleQuantity",))


def test_bindings_have_strength_and_value_set_without_version() -> None:
    assert element("Patient.gender").binding == ("required", "http://hl7.org/fhir/ValueSet/administrative-gender")
    assert element("Patient.maritalStatus").binding == ("extensible", "http://hl7.org/fhir/ValueSet/marital-status")
    assert element("Patient.birthDate").binding is None


@pytest.mark.parametrize(
    ("path", "is_summary", "is_modifier"),
    [
        ("Patient.active", True, True),
        ("Patient.name", True, False),
        ("Patient.contact", False, False),
        ("Patient.deceased", True, True),
        ("Patient.implicitRules", True, True),
        ("Observation.modifierExtension", False, True),
    ],
)
def test_flags(path: str, is_summary: bool, is_modifier: bool) -> None:
    assert (element(path).is_summary, element(path).is_modifier) == (is_summary, is_modifier)


def test_xml_attributes_are_the_ids_of_elements_and_the_url_of_an_extension() -> None:
    attributes = {each.path for row in nodes().values() for each in row.elements if each.is_attribute}
    assert {path for path in attributes if not path.endswith(".id")} == {"Extension.url"}
    assert "HumanName.id" in attributes
    assert "Patient.contact.id" in attributes
    assert "Patient.id" not in attributes


def test_constraints_stand_once_at_the_node_that_carries_them() -> None:
    assert [each.key for each in node("Observation").constraints] == [
        "dom-2", "dom-3", "dom-4", "dom-5", "dom-6", "obs-6", "obs-7",
    ]  # fmt: skip
    assert [each.key for each in node("Patient.contact").constraints] == ["ele-1", "pat-1"]
    assert [each.key for each in node("Age").constraints] == ["age-1", "ele-1", "qty-3"]
    assert element("Patient.contact").constraints == ()
    assert element("Patient.name").constraints == ()


def test_a_constraint_of_an_element_alone_stays_with_it() -> None:
    alone = {
        each.path: [constraint.key for constraint in each.constraints]
        for row in nodes().values()
        for each in row.elements
        if each.constraints
    }
    assert alone == {
        "ElementDefinition.max": ["eld-3"],
        "Narrative.div": ["txt-1", "txt-2"],
        "Organization.address": ["org-2"],
        "Organization.telecom": ["org-3"],
        "RiskAssessment.prediction.probability[x]": ["ras-1"],
        "StructureDefinition.snapshot.element": ["sdf-10"],
        "TestScript.teardown.action.operation": ["tst-9"],
        "TestScript.test.action.assert": ["tst-6", "tst-11", "tst-13"],
        "TestScript.test.action.operation": ["tst-8"],
    }


def test_a_constraint_says_rule_severity_and_expression() -> None:
    (rule,) = [each for each in node("Patient.contact").constraints if each.key == "pat-1"]
    assert rule == Constraint(
        "pat-1",
        "error",
        "SHALL at least contain a contact's details or a reference to an organization",
        "name.exists() or telecom.exists() or address.exists() or organization.exists()",
    )
    assert next(each for each in node("Patient").constraints if each.key == "dom-6").severity == "warning"


def test_a_primitive_has_its_regex_and_the_elements_of_its_companion_property() -> None:
    decimal = node("decimal")
    assert decimal.regex == r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
    assert [each.name for each in decimal.elements] == ["id", "extension"]
    assert node("id").regex == r"[A-Za-z0-9\-\.]{1,64}"
    assert node("string").max_length == 1024 * 1024
    without = {each.name for each in nodes().values() if each.kind == "primitive-type" and each.regex is None}
    assert without == {"xhtml"}


@pytest.mark.parametrize(
    ("name", "ancestor", "answer"),
    [
        ("Patient", "Patient", True),
        ("Patient", "DomainResource", True),
        ("Patient", "Resource", True),
        ("Bundle", "DomainResource", False),
        ("Age", "Quantity", True),
        ("code", "string", True),
        ("string", "code", False),
        ("Patient.contact", "BackboneElement", True),
        ("Timing.repeat", "Element", True),
        ("NoSuchType", "NoSuchType", False),
        ("Patient", "NoSuchType", False),
    ],
)
def test_is_subtype(name: str, ancestor: str, answer: bool) -> None:
    assert is_subtype(name, ancestor) is answer


def test_only_the_two_roots_have_no_base() -> None:
    assert {each.name for each in nodes().values() if each.base is None} == {"Element", "Resource"}


def test_an_unknown_node_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        node("NoSuchType")


def test_results_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        nodes()["Patient"] = node("Observation")  # type: ignore[index]  # the refusal is the point
    with pytest.raises(AttributeError):
        node("Patient").name = "Other"  # type: ignore[misc]  # the refusal is the point
