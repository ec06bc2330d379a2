"""What parts of v2 data types become, type by type."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.hl7.mapping.ranges import Ends, ends
from tests.support.mapping import mapped, observation, only

IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
UCUM = "http://unitsofmeasure.org"
UUID = "0B7D2F6E-1111-4222-8333-944444444444"


def quantity(value: str, **more: str) -> dict[str, object]:
    return {"value": Decimal(value), **more}


@pytest.mark.parametrize(
    ("authority", "system"),
    [
        ("CLINIC&1.2.3&ISO", "urn:oid:1.2.3"),
        ("&1.2.3&ISO", "urn:oid:1.2.3"),
        ("CLINIC&1.2.3", "urn:oid:1.2.3"),
        (f"CLINIC&{UUID}&UUID", f"urn:uuid:{UUID.lower()}"),
        ("CLINIC&http://x.example/ids&URI", "http://x.example/ids"),
        ("CLINIC&Lab.Example.org&DNS", "urn:dns:lab.example.org"),
        ("USSSA", "http://hl7.org/fhir/sid/us-ssn"),
        ("CLINIC", None),
        ("CLINIC&17&L", None),
    ],
)
def test_a_universal_id_is_the_system_and_a_namespace_none(authority: str, system: str | None) -> None:
    (identifier, *_) = only(mapped("ADT^A08", f"PID|1||7^^^{authority}^MR"), "Patient")["identifier"]
    assert identifier.get("system") == system
    assert identifier["type"]["coding"][0]["system"] == IDENTIFIER_TYPES
    namespace = authority.partition("&")[0]
    assert identifier.get("assigner", {}).get("display") == (namespace or None)


def test_an_entity_identifier_has_the_system_of_its_universal_id() -> None:
    request = only(
        mapped("ORU^R01", "PID|1||7", "OBR|1|P1^PL^1.2.9^ISO|F1^FL^http://x.example/f^URI|X^X^LN"), "ServiceRequest"
    )
    assert [each["system"] for each in request["identifier"]] == ["urn:oid:1.2.9", "http://x.example/f"]


def test_a_code_that_a_table_translates_keeps_what_was_sent_with_the_table_as_its_system() -> None:
    person = only(mapped("ADT^A08", "PID|1||7", "NK1|1|A^B|SPO"), "RelatedPerson")
    assert [(each["system"].rpartition("/")[2], each["code"]) for each in person["relationship"][0]["coding"]] == [
        ("v3-RoleCode", "SPS"),
        ("v2-0063", "SPO"),
    ]


def test_a_code_whose_row_has_no_counterpart_is_no_question() -> None:
    found = mapped("ORU^R01", "PID|1||7", "ORC|RE|P|F", "OBR|1|P|F|X^X^LN")
    assert dict(found.unmapped_codes) == {}
    assert only(found, "ServiceRequest")["status"] == "unknown"


@pytest.mark.parametrize(
    ("obx", "element", "expected"),
    [
        ("NM|X^X^LN||1.50|mg/dL", "valueQuantity", quantity("1.50", unit="mg/dL", code="mg/dL", system=UCUM)),
        ("NM|X^X^LN||1|K/uL", "valueQuantity", quantity("1", unit="K/uL")),
        ("NM|X^X^LN||<5|mg/dL", "valueString", "<5"),
        ("SN|X^X^LN||=^5", "valueQuantity", quantity("5")),
        ("SN|X^X^LN||>^5", "valueQuantity", quantity("5", comparator=">")),
        ("TS|X^X^LN||202601011015+0200", "valueDateTime", "2026-01-01T10:15:00+02:00"),
        ("CX|X^X^LN||1^2^M", "valueString", "1^2^M"),
        ("NM|X^X^LN||1||3-5", "referenceRange", [{"text": "3-5", "low": quantity("3"), "high": quantity("5")}]),
    ],
)
def test_a_result_keeps_what_was_sent(obx: str, element: str, expected: object) -> None:
    assert observation(obx)[element] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-1-1", Ends(Decimal(-1), Decimal(1))),
        ("< 200", Ends(None, Decimal(200))),
        (">=60", Ends(Decimal(60), None)),
        ("5-3", None),
        ("negative", None),
    ],
)
def test_a_reference_range_has_the_ends_that_its_text_says(text: str, expected: Ends | None) -> None:
    assert ends(text) == expected


def test_each_repetition_of_a_result_is_a_component_with_the_code() -> None:
    found = observation("TX|X^X^LN||one~two~three|||||F")
    assert [each["valueString"] for each in found["component"]] == ["one", "two", "three"]
    assert [each["code"]["coding"][0]["code"] for each in found["component"]] == ["X"] * 3


@pytest.mark.parametrize(("encoding", "data"), [("Base64", "QUJD"), ("BASE64", "QUJD"), ("A", "UVVKRA==")])
def test_encapsulated_data_are_base64_whatever_they_came_as(encoding: str, data: str) -> None:
    (extension,) = observation(f"ED|X^X^L||^application^pdf^{encoding}^QUJD")["extension"]
    assert extension["valueAttachment"] == {"contentType": "application/pdf", "data": data}


def test_a_diagnosis_has_its_use_beside_its_condition() -> None:
    (diagnosis,) = only(mapped("ADT^A01", "PID|1||7", "PV1|1|I", "DG1|1||I10^H^I10C|||A"), "Encounter")["diagnosis"]
    assert diagnosis["use"]["coding"][0]["code"] == "AD"
    assert diagnosis["condition"]["reference"].startswith("urn:uuid:")


def test_an_insured_who_is_not_the_patient_is_the_subscriber() -> None:
    found = mapped("ADT^A01", "PID|1||7", "IN1|1|PL|C1|Payor||||G1|Group|||||||Roe^Ann|SPO|19700101|" + "|" * 17 + "P9")
    coverage, person = only(found, "Coverage"), only(found, "RelatedPerson")
    assert coverage["class"][0]["value"] == "G1"
    assert coverage["subscriberId"] == "P9"
    assert (person["name"][0]["family"], person["birthDate"]) == ("Roe", "1970-01-01")


def test_an_observation_of_an_immunization_is_part_of_it() -> None:
    found = mapped(
        "VXU^V04", "PID|1||7", "ORC|RE||F", "RXA|0|1|20260101||08^HepB^CVX|1", "OBX|1|CE|30956-7^Type^LN||08^HepB^CVX"
    )
    assert only(found, "Observation")["partOf"][0]["reference"].startswith("urn:uuid:")


def test_dose_and_route_of_an_order_are_of_one_instruction() -> None:
    found = mapped("RDE^O11", "PID|1||7", "ORC|NW|P1", "RXE||X^Y^RXN|25||mg", "RXR|PO^Oral^HL70162")
    (instruction,) = only(found, "MedicationRequest")["dosageInstruction"]
    assert {"doseAndRate", "route"} <= instruction.keys()


def test_a_patient_whose_account_number_changed_stays_active_and_is_not_linked_to_itself() -> None:
    patient = only(mapped("ADT^A49", "PID|1||7^^^C&1.2.3&ISO^MR", "MRG|7^^^C&1.2.3&ISO^MR||A1"), "Patient")
    assert "link" not in patient
    assert "active" not in patient
