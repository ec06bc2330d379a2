"""Fields that rows of one another could hide: each says its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.mapping import listed, mapped, mapped_with, observation, only

PATIENT = "PID|1||7^^^CLINIC^MR"
ORDER = "OBR|1|P|F|X^X^LN"
DOCTOR = "17^Mukamana^Alice"


def test_an_order_asks_its_own_orc_which_stands_in_a_group_of_it() -> None:
    found = mapped("ORU^R01", PATIENT, "ORC|RE|P1|F1", "OBR|1|P2|F2|X^X^LN", "ORC|RE", "OBR|2|P3|F3|Y^Y^LN")
    values = [[each["value"] for each in order["identifier"]][:2] for order in listed(found, "ServiceRequest")]
    assert values == [["P1", "F1"], ["P3", "F3"]]


def test_each_order_of_a_message_is_one_with_its_own_details() -> None:
    first = ("ORC|NW|P1||G1", "OBR|1|P1||X^X^LN", "DG1|1||D1^D1^I10", "FT1|1|||20260101||CG|C1")
    found = mapped("ORM^O01", PATIENT, *first, "ORC|NW|P2||G1", "OBR|2|P2||Y^Y^LN")
    codes = [each["code"]["coding"][0]["code"] for each in listed(found, "ServiceRequest")]
    assert codes == ["X", "Y"]


@pytest.mark.parametrize(("orc", "requester"), [("", "Practitioner"), (f"{'|' * 18}Clinic", "PractitionerRole")])
def test_who_ordered_is_kept_beside_the_organization(orc: str, requester: str) -> None:
    found = mapped("ORU^R01", PATIENT, f"ORC|RE|P|F{orc}", f"{ORDER}{'|' * 12}{DOCTOR}")
    urls = {each["fullUrl"]: each["resource"]["resourceType"] for each in found.bundle["entry"]}
    assert urls[only(found, "ServiceRequest")["requester"]["reference"]] == requester
    assert only(found, "Practitioner")["name"][0]["family"] == "Mukamana"


def test_both_addresses_of_the_receiver_are_destinations() -> None:
    header = "MSH|^~\\&|A|B|EHR^1.2.3^ISO|D|20260101||ADT^A08|1|P|2.5.1|||||||en||||||GATE^1.2.4^ISO"
    destinations = only(mapped_with(header, PATIENT), "MessageHeader")["destination"]
    assert [(each["name"], each["endpoint"]) for each in destinations] == [
        ("EHR", "urn:oid:1.2.3"),
        ("GATE", "urn:oid:1.2.4"),
    ]


def test_the_header_says_what_software_sent_the_message() -> None:
    source = only(mapped("ADT^A08", "SFT|Maker|4.2|Lab Manager|B1", PATIENT), "MessageHeader")["source"]
    assert (source["software"], source["version"]) == ("Lab Manager", "4.2")


def test_an_acknowledgement_has_the_codes_of_fhir() -> None:
    codes = [only(mapped("ACK", f"MSA|{code}|17"), "MessageHeader")["response"] for code in ("AA", "AE", "CR")]
    assert [each["code"] for each in codes] == ["ok", "fatal-error", "transient-error"]


def test_a_document_tells_how_far_it_is() -> None:
    found = mapped("MDM^T02", PATIENT, f"TXA|1|DS|TX{'|' * 14}LA||AV", "OBX|1|TX|X^X^LN||text||||||F")
    assert only(found, "DocumentReference")["docStatus"] == "final"


def test_where_a_patient_was_before_is_a_place_of_the_visit() -> None:
    encounter = only(mapped("ADT^A02", PATIENT, f"PV1|1|I|W2{'|' * 40}W1"), "Encounter")
    assert [each.get("status") for each in encounter["location"]] == ["active", "completed"]


@pytest.mark.parametrize(("said", "status"), [("Active", "active"), ("U", None)])
def test_the_status_of_a_place_is_taken_where_it_is_one_of_fhir(said: str, status: str | None) -> None:
    (place,) = listed(mapped("ADT^A01", PATIENT, f"PV1|1|I|W2^^^^{said}"), "Location")
    assert place.get("status") == status


def test_the_number_of_a_visit_is_one_whatever_type_it_came_with() -> None:
    encounter = only(mapped("ADT^A01", PATIENT, f"PV1|1|I{'|' * 17}V7^^^CLINIC^XX"), "Encounter")
    assert {each["code"] for each in encounter["identifier"][0]["type"]["coding"]} == {"XX", "VN"}


@pytest.mark.parametrize(
    ("code", "system"),
    [
        ("X^X^LOC^^^^^^^^^^^2.16.840.1.113883.6.1", "http://loinc.org"),
        ("X^X^2.16.840.1.113883.12.136", "http://terminology.hl7.org/CodeSystem/v2-0136"),
        ("X^X^^^^^^^^^^^^1.2.3", "urn:oid:1.2.3"),
        ("X^X^LN^^^^^^^^^^^1.2.3", "http://loinc.org"),
    ],
)
def test_the_oid_of_a_code_system_counts_where_its_name_says_nothing(code: str, system: str) -> None:
    assert observation(f"ST|{code}||positive||||||F")["code"]["coding"][0]["system"] == system


@pytest.mark.parametrize(
    ("kind", "media"),
    [
        ("IM^JPEG", "image/jpeg"),
        ("BINARY^JPEG", "image/jpeg"),
        ("TEXT^XML", "application/xml"),
        ("AP^DICOM", "application/dicom"),
    ],
)
def test_data_has_the_media_type_that_its_subtype_means(kind: str, media: str) -> None:
    result = observation(f"ED|X^X^LN||^{kind}^Base64^QUJD||||||F")
    (attachment,) = [each["valueAttachment"] for each in result["extension"]]
    assert attachment["contentType"] == media


def test_the_organization_that_made_a_result_is_not_the_one_that_performed_it() -> None:
    found = mapped(
        "ORU^R01", PATIENT, ORDER, f"OBX|1|ST|X^X^LN||a||||||F||||MAKER^Maker{'|' * 8}Lab^^^^^CLIA&1.2.3&CLIA^XX^^^L7"
    )
    names = {each["name"]: each["identifier"][0] for each in listed(found, "Organization") if "name" in each}
    assert (names["Maker"]["value"], names["Lab"]["value"]) == ("MAKER", "L7")
    assert names["Lab"]["system"] == "urn:oid:1.2.3"


def test_a_result_tells_when_it_was_analysed_and_of_what_kind_its_note_is() -> None:
    found = mapped("ORU^R01", PATIENT, ORDER, f"OBX|1|ST|X^X^LN||a||||||F{'|' * 8}20260102", "NTE|1||seen|RE")
    result = only(found, "Observation")
    assert [each["valueDateTime"] for each in result["extension"]] == ["2026-01-02"]
    (kind,) = result["note"][0]["extension"]
    assert (result["note"][0]["text"], kind["valueCodeableConcept"]["coding"][0]["code"]) == ("seen", "RE")


def test_the_whole_name_of_a_mother_is_told() -> None:
    patient = only(mapped("ADT^A08", f"{PATIENT}|||Uwase^Diane^M"), "Patient")
    (maiden,) = [each for each in patient["extension"] if "mothersMaidenName" in each["url"]]
    assert maiden["valueString"] == "Diane M Uwase"


def test_a_number_as_it_is_dialled_goes_before_its_parts() -> None:
    patient = only(mapped("ADT^A08", f"{PATIENT}{'|' * 10}^PRN^PH^^250^78^1234567^^^^^+250 78 123 45 67"), "Patient")
    telecom: dict[str, Any] = patient["telecom"][0]
    assert telecom["value"] == "+250 78 123 45 67"
    assert {each["valueString"] for each in telecom["extension"]} == {"250", "78", "1234567"}


def test_collectors_comments_stand_beside_the_method() -> None:
    found = mapped("OML^O21", PATIENT, "ORC|NW|P", f"OBR|1|P||X^X^LN{'|' * 11}BLD&&L^^swab{'|' * 24}C1^first~C2^second")
    assert {each["text"] for each in only(found, "Specimen")["note"]} == {"swab", "first", "second"}


@pytest.mark.parametrize(("ordering", "reason"), [(DOCTOR, "said by ORC-12"), ("18^Habimana", None)])
def test_a_field_is_left_out_only_where_it_says_what_the_orc_said(ordering: str, reason: str | None) -> None:
    found = mapped("ORU^R01", PATIENT, f"ORC|RE|P|F{'|' * 9}{DOCTOR}", f"{ORDER}{'|' * 12}{ordering}")
    ignored = {str(place): why for place, why in found.ledger.ignored}
    assert ignored.get("OBR[1]-16[1].1.1") == reason


@pytest.mark.parametrize(
    ("field", "telecom"),
    [
        ("^NET^^diane@north.example", {"system": "email", "value": "diane@north.example"}),
        ("^^^diane@north.example", {"system": "email", "value": "diane@north.example", "use": "home"}),
        ("(407)939-1289^PRN^^diane@north.example", {"system": "phone", "value": "(407)939-1289", "use": "home"}),
    ],
)
def test_an_address_without_a_kind_of_equipment_is_one_and_a_number_beside_it_stays_one(
    field: str, telecom: dict[str, str]
) -> None:
    patient = only(mapped("ADT^A08", f"{PATIENT}{'|' * 10}{field}"), "Patient")
    assert patient["telecom"] == [telecom]


def test_a_dose_of_999_is_not_known_and_the_place_of_a_vaccination_is_kept() -> None:
    rxa = "RXA|0|1|20121101|20121101|140^Influenza^CVX|{}|||01^^NIP001||^^^North Clinic"
    unknown, known = (mapped("VXU^V04", PATIENT, "ORC|RE||9", rxa.format(amount)) for amount in ("999", "0.5"))
    assert "doseQuantity" not in only(unknown, "Immunization")
    assert only(known, "Immunization")["doseQuantity"] == {"value": Decimal("0.5")}
    identifier = only(known, "Location")["identifier"]
    assert "North Clinic" in {each.get("value") for each in identifier}


@pytest.mark.parametrize("event", ["ADT^A01", "ADT^A03", "ADT^A28", "ADT^A06"])
def test_a_guarantor_is_a_related_person(event: str) -> None:
    found = mapped(event, PATIENT, "PV1|1|O", "GT1|1||Doe^John||1 Street^^Kigali")
    assert only(found, "RelatedPerson")["name"][0]["family"] == "Doe"


def test_characters_of_two_bytes_are_read_without_the_nul() -> None:
    header = "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|1|P|2.5.1||||||8859/1"
    found = mapped_with(header, PATIENT, ORDER, r"OBX|1|ST|X^X^LN||Diab\X00E9\tico||||||F")
    assert only(found, "Observation")["valueString"] == "Diab\u00e9tico"


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("SNM", "http://terminology.hl7.org/CodeSystem/snm"),
        ("CAS", "http://terminology.hl7.org/CodeSystem/CAS"),
        ("ICF", "http://hl7.org/fhir/sid/icf"),
        ("loinc", "http://loinc.org"),
    ],
)
def test_code_systems_have_the_uri_that_hl7_terminology_says(name: str, uri: str) -> None:
    found = mapped("ORU^R01", PATIENT, ORDER, f"OBX|1|ST|X^X^{name}||1||||||F")
    assert only(found, "Observation")["code"]["coding"][0]["system"] == uri


def test_a_local_code_keeps_code_and_text() -> None:
    found = mapped("ORU^R01", PATIENT, ORDER, "OBX|1|ST|NA^SODIUM^L^2951-2^Sodium^LN||1||||||F")
    assert only(found, "Observation")["code"]["coding"] == [
        {"code": "NA", "display": "SODIUM"},
        {"code": "2951-2", "display": "Sodium", "system": "http://loinc.org"},
    ]
    assert found.unmapped_codes == {("sender", "CodingSystem", "L"): 1}
