"""What messages leave open that FHIR does not: each becomes a resource that the validator accepts."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.model import exact_json
from fhir_api.model.resource import parse
from fhir_api.validation.validator import Validator
from tests.support.mapping import listed, mapped, observation, only

PATIENT = "PID|1||7^^^CLINIC^MR"


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator()


@pytest.mark.parametrize(
    ("event", "segments"),
    [
        ("ORU^R01", (PATIENT, "OBR|1|P|F|X^X^LN", "OBX|1|ST|X^X^LN||positive||||||N")),
        ("ORU^R01", (PATIENT, "OBR|1|P|F|X^X^LN", "OBX|1|ED|X^X^LN||^^^Base64^QUJD||||||F")),
        (
            "ORU^R01",
            (PATIENT, "ORC|RE|P|F||||||||||||||||||Clinic|1 Road^^Kigali^^^^H|^PRN^PH^^250^78^1", "OBR|1|P|F|X^X^LN"),
        ),
        ("ADT^A08", (PATIENT, "NK1|1||MTH^Mother^HL70063")),
        ("ADT^A01", (PATIENT, "PV1|1|I|W^1^2|||||||||||||||||||||||||||||||||||||||||202601021200|202601011200")),
        ("SIU^S12", ("SCH|1|||||||||||20260101120000", PATIENT, "AIS|1||X^X^LN|20260101120000")),
        ("ADT^A01", (PATIENT, "PV1|1|I", "PV2|||||||||||3|Observed \\T\\ fed")),
    ],
    ids=["obs-6", "att-1", "org-2", "pat-1", "per-1", "app-2", "narrative"],
)
def test_the_validator_accepts_what_a_message_leaves_open(
    validator: Validator, event: str, segments: tuple[str, ...]
) -> None:
    found = mapped(event, *segments)
    assert found.structure
    assert validator.check(parse(exact_json.written(found.bundle)), in_bundle=False) == ()


def test_a_value_is_not_absent() -> None:
    result = observation("ST|X^X^LN||positive||||||N")
    assert result["valueString"] == "positive"
    assert "dataAbsentReason" not in result


def test_an_end_before_the_start_is_left_out_and_told() -> None:
    found = mapped("ADT^A01", PATIENT, f"PV1|1|I{'|' * 42}202601021200|202601011200")
    assert only(found, "Encounter")["period"] == {"start": "2026-01-02T12:00:00Z"}
    assert [(each.severity, each.place) for each in found.issues] == [("warning", "PV1-45.1")]
    assert "PV1[1]-45[1].1.1" in {str(each) for each in found.ledger.unmapped}


def test_nobody_lives_in_an_organization_and_its_address_stays() -> None:
    found = mapped("ORU^R01", PATIENT, f"ORC|RE|P|F{'|' * 18}Clinic|1 Road^^Kigali^^^^H", "OBR|1|P|F|X^X^LN")
    (clinic,) = [each for each in listed(found, "Organization") if each.get("name") == "Clinic"]
    assert clinic["address"] == [{"line": ["1 Road"], "city": "Kigali"}]


def test_an_appointment_ends_when_its_minutes_are_over() -> None:
    found = mapped("SIU^S12", "SCH|1||||||||30|min^^UCUM", PATIENT, "AIS|1||X^X^LN|20260101120000")
    appointment = only(found, "Appointment")
    assert (appointment["start"], appointment["end"]) == ("2026-01-01T12:00:00Z", "2026-01-01T12:30:00+00:00")


def test_a_stay_has_its_length_and_its_words() -> None:
    encounter = only(mapped("ADT^A01", PATIENT, "PV1|1|I", "PV2|||||||||||3|Observed \\T\\ fed"), "Encounter")
    length: dict[str, Any] = encounter["length"]
    assert (length["unit"], length["code"], length["system"]) == ("days", "d", "http://unitsofmeasure.org")
    assert encounter["text"] == {
        "div": '<div xmlns="http://www.w3.org/1999/xhtml">Observed &amp; fed</div>',
        "status": "additional",
    }
