"""What messages of our own become: groups, references, values by their type, merges."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.mapping import Mapped, Plan
from fhir_api.model import exact_json
from mappings.merging import common
from tests.support.hl7 import ORU

HEADER = "MSH|^~\\&|LAB|H|EHR|H|20240501101112||{event}|1|P|2.5.1\r"
ORDER = "PID|1||1^^^H^MR\rOBR|1|O1|F1|A^A^LN\r"


@cache
def plan() -> Plan:
    return Plan(common(), "lab")


def mapped(event: str, body: str) -> Mapped:
    return plan().apply(Message.parse((HEADER.format(event=event) + body).encode()), now="2024-05-01T00:00:00Z")


def resources(found: Mapped, resource_type: str) -> list[dict[str, Any]]:
    entries = json.loads(exact_json.written(found.bundle))["entry"]
    return [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == resource_type]


def full_urls(found: Mapped, resource_type: str) -> list[str]:
    return [entry["fullUrl"] for entry in found.bundle["entry"] if entry["resource"]["resourceType"] == resource_type]


def test_results_stand_under_their_own_order() -> None:
    found = plan().apply(Message.parse(ORU))
    reports = resources(found, "DiagnosticReport")
    assert [len(report["result"]) for report in reports] == [2, 1]
    observations = dict(zip(full_urls(found, "Observation"), resources(found, "Observation"), strict=True))
    codes = [[observations[each["reference"]]["code"]["coding"][0]["code"] for each in r["result"]] for r in reports]
    assert codes == [["GLU", "COM"], ["HB"]]


def test_a_note_belongs_to_the_segment_before_it() -> None:
    found = mapped("ORU^R01", ORDER + "NTE|1||of the order\rOBX|1|ST|X^X^LN||a||||||F\rNTE|1||of the result\r")
    assert [each["note"] for each in resources(found, "ServiceRequest")] == [[{"text": "of the order"}]]
    assert [each["note"] for each in resources(found, "Observation")] == [[{"text": "of the result"}]]


def test_results_belong_to_the_patient_of_their_group() -> None:
    found = mapped("ORU^R01", ORDER + "OBX|1|ST|X^X^LN||a||||||F\rPID|1||2^^^H^MR\rOBR|1|O2|F2|B^B^LN\r")
    first, second = full_urls(found, "Patient")
    assert [each["subject"]["reference"] for each in resources(found, "DiagnosticReport")] == [first, second]
    assert [each["subject"]["reference"] for each in resources(found, "Observation")] == [first]


@pytest.mark.parametrize(
    ("value_type", "value", "element", "expected"),
    [
        ("NM", "7.10", "valueQuantity", '{"value":7.10}'),
        ("ST", "a \\T\\ b", "valueString", '"a & b"'),
        ("FT", "one\\.br\\two", "valueString", '"one\\ntwo"'),
        ("SN", ">^100", "valueQuantity", '{"comparator":">","value":100}'),
        ("SN", "^1^:^128", "valueRatio", None),
        ("SN", "^10^-^20", "valueRange", None),
        ("DT", "20240501", "valueDateTime", '"2024-05-01"'),
        ("TM", "1011", "valueTime", '"10:11:00"'),
        ("CE", "260385009^Negative^SCT", "valueCodeableConcept", None),
        ("CWE", "260385009^Negative^SCT", "valueCodeableConcept", None),
    ],
)
def test_a_value_is_of_the_type_that_obx_2_says(
    value_type: str, value: str, element: str, expected: str | None
) -> None:
    found = mapped("ORU^R01", ORDER + f"OBX|1|{value_type}|X^X^LN||{value}||||||F\r")
    (entry,) = [each for each in found.bundle["entry"] if each["resource"]["resourceType"] == "Observation"]
    assert [name for name in entry["resource"] if name.startswith("value")] == [element]
    if expected is not None:
        assert exact_json.written(entry["resource"][element]).decode() == expected


def test_a_value_that_is_none_is_told_without_being_shown() -> None:
    found = mapped("ORU^R01", ORDER + "OBX|1|NM|X^X^LN||secret||||||F\r")
    assert [(issue.place, issue.severity) for issue in found.issues] == [("OBX-5.1", "warning")]
    assert "secret" not in found.issues[0].text
    assert [each["valueString"] for each in resources(found, "Observation")] == ["secret"]


@pytest.mark.parametrize(("code", "status"), [("F", "final"), ("C", "corrected"), ("D", "entered-in-error")])
def test_the_status_of_a_result_follows_obx_11(code: str, status: str) -> None:
    found = mapped("ORU^R01", ORDER + f"OBX|1|ST|X^X^LN||a||||||{code}\r")
    assert [each["status"] for each in resources(found, "Observation")] == [status]


def test_a_correction_is_the_same_resource_as_what_it_corrects() -> None:
    first = mapped("ORU^R01", ORDER + "OBX|1|NM|X^X^LN||1||||||P\r")
    second = mapped("ORU^R01", ORDER + "OBX|1|NM|X^X^LN||2||||||C\r")
    assert full_urls(first, "Observation") == full_urls(second, "Observation")


def test_results_of_one_code_in_one_order_stay_apart() -> None:
    found = mapped("ORU^R01", ORDER + "OBX|1|NM|X^X^LN||1||||||F\rOBX|2|NM|X^X^LN||2||||||F\r")
    assert [each["valueQuantity"]["value"] for each in resources(found, "Observation")] == [1, 2]


def test_an_unmapped_code_is_told_and_never_guessed() -> None:
    found = mapped("ADT^A08", "PID|1||1^^^H^MR|||||X9\r")
    assert ("lab", "AdministrativeSex", "X9") in found.unmapped_codes
    assert "gender" not in resources(found, "Patient")[0]


@pytest.mark.parametrize(("event", "body"), [("ADT^A40^ADT_A39", ""), ("ADT^A34^ADT_A30", "")])
def test_a_merge_links_both_patients(event: str, body: str) -> None:
    found = mapped(event, f"EVN||20240501\rPID|1||1^^^H^MR||NEW^N\rMRG|2^^^H^MR||||||OLD^O\r{body}")
    kept, merged = resources(found, "Patient")
    kept_url, merged_url = full_urls(found, "Patient")
    assert kept["link"] == [{"other": {"reference": merged_url}, "type": "replaces"}]
    assert merged["link"] == [{"other": {"reference": kept_url}, "type": "replaced-by"}]
    assert merged["active"] is False


@pytest.mark.parametrize(
    ("event", "body", "resource_type"),
    [
        ("ADT^A03", "PID|1||1^^^H^MR\rPV1|1|I|||||||||||||||||V1^^^H^VN\r", "Encounter"),
        ("RDE^O11", "PID|1||1^^^H^MR\rORC|NW|O1\rRXE||1^A^LN|2||mg\r", "MedicationRequest"),
        ("RAS^O17", "PID|1||1^^^H^MR\rORC|NW|O1\rRXA|0|1|20240501||1^A^LN|2|mg\r", "MedicationAdministration"),
        ("DFT^P03", "PID|1||1^^^H^MR\rFT1|1|T1||20240501||CG|1^A^LN\r", "ChargeItem"),
        ("BAR^P01", "PID|1||1^^^H^MR|||||||||||||||A1^^^H^AN\r", "Account"),
        ("ACK", "MSA|AA|1\r", "MessageHeader"),
        ("ACK^A01", "MSA|AA|1\r", "MessageHeader"),
    ],
)
def test_our_own_rows_map_what_the_guide_leaves_out(event: str, body: str, resource_type: str) -> None:
    found = mapped(event, body)
    assert len(resources(found, resource_type)) == 1


def test_identifiers_without_a_system_are_the_senders_own() -> None:
    here = mapped("ADT^A08", "PID|1||1^^^H^MR\r")
    there = Plan(common(), "other").apply(
        Message.parse((HEADER.format(event="ADT^A08") + "PID|1||1^^^H^MR\r").encode())
    )
    assert full_urls(here, "Patient") != full_urls(there, "Patient")


def test_identifiers_with_a_system_are_everyones() -> None:
    body = "PID|1||1^^^H&1.2.3&ISO^MR\r"
    here = mapped("ADT^A08", body.replace("H&", "&"))
    entry = next(each for each in here.bundle["entry"] if each["resource"]["resourceType"] == "Patient")
    assert entry["request"] == {"method": "PUT", "url": "Patient?identifier=urn%3Aoid%3A1.2.3%7C1"}


def test_a_message_of_a_kind_without_rows_is_told() -> None:
    found = mapped("QBP^Q11", "QPD|1\r")
    assert found.structure == ""
    assert [issue.place for issue in found.issues] == ["MSH-9"]
    assert found.ledger.total > 0
