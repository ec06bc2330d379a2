"""Which answer a message gets, and what it looks like."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.hl7.acknowledgement import Outcome, accept_code, acknowledge, application_code, salvage
from adapters.hl7.encoding import Message
from adapters.hl7.errors import Condition, Fault, Place, Severity
from tests.support.hl7 import ADT, samples

NOW = datetime(2026, 11, 23, 10, 15, 1, tzinfo=UTC)
FAULT = Fault(Condition.REQUIRED_FIELD_MISSING, "a value is needed & missing", Place("PID", 1, 3))
DECISIONS = list(csv.DictReader(Path(__file__).with_name("decisions.csv").read_text().splitlines()))


def test_the_table_is_complete():
    rows = {(row["msh_15"], row["msh_16"], row["outcome"]) for row in DECISIONS}
    assert len(rows) == len(DECISIONS) == 5 * 5 * 3


@pytest.mark.parametrize("row", DECISIONS, ids=lambda row: "-".join(row.values()))
def test_the_decision_table(row):
    arguments = (row["msh_15"], row["msh_16"], Outcome(row["outcome"]))
    assert (accept_code(*arguments) or "-", application_code(*arguments) or "-") == (
        row["when_stored"],
        row["when_applied"],
    )


def test_a_condition_that_is_not_in_the_table_is_answered():
    assert accept_code("XX", "", Outcome.STORED) == "CA"


def with_version(version: str) -> Message:
    return Message.parse(ADT.replace(b"|2.5.1", f"|{version}".encode()))


def lines(raw: bytes) -> list[str]:
    return raw.decode().split("\r")


def test_the_header_is_turned_round():
    answer = Message.parse(acknowledge(with_version("2.5.1"), "AA", now=NOW).raw)
    assert [answer[f"MSH-{n}"] for n in (3, 4, 5, 6, 7, 11, 12)] == [
        "EHR",
        "HOSPITAL",
        "REG",
        "CLINIC",
        "20261123101501+0000",
        "P",
        "2.5.1",
    ]
    assert (answer.text_at("MSH-9"), answer["MSA-1"], answer["MSA-2"], len(answer)) == ("ACK^A01^ACK", "AA", "M1", 2)
    assert len(answer["MSH-10"]) == 20


@pytest.mark.parametrize(
    ("version", "message_type"),
    [("2.1", "ACK^A01"), ("2.3", "ACK^A01"), ("2.3.1", "ACK^A01^ACK"), ("2.8.2", "ACK^A01^ACK")],
)
def test_the_message_type_is_that_of_the_version(version, message_type):
    assert Message.parse(acknowledge(with_version(version), "AA").raw).text_at("MSH-9") == message_type


def test_an_err_of_2_5_and_later_has_its_own_fields():
    raw = acknowledge(with_version("2.5.1"), "AE", [FAULT, FAULT], NOW).raw
    assert lines(raw)[1:] == [
        "MSA|AE|M1",
        "ERR||PID^1^3|101^Required field missing^HL70357|E||||a value is needed \\T\\ missing",
        "ERR||PID^1^3|101^Required field missing^HL70357|E||||a value is needed \\T\\ missing",
        "",
    ]


def test_an_err_of_before_2_5_has_one_field():
    raw = acknowledge(with_version("2.3"), "AE", [FAULT, Fault(Condition.OTHER, "x")], NOW).raw
    assert lines(raw)[1:] == [
        "MSA|AE|M1|a value is needed \\T\\ missing",
        "ERR|PID^1^3^101&Required field missing&HL70357~^^^199&Other HL7 error&HL70357",
        "",
    ]


def test_a_place_reaches_down_to_the_subcomponent():
    fault = Fault(Condition.DATA_TYPE, "x", Place("OBX", 2, 5, 1, 3, 2), Severity.WARNING)
    assert lines(acknowledge(with_version("2.6"), "AA", [fault]).raw)[2].startswith("ERR||OBX^2^5^1^3^2|102^")


def test_the_answer_speaks_the_senders_delimiters_and_characters():
    raw = "MSH*:~\\&*Č*F***20261123**ADT:A01*7*P*2.5.1******8859/2\r".encode("iso8859-2")
    answer = acknowledge(Message.parse(raw), "AR", [FAULT]).raw
    assert answer.startswith(b"MSH*:~\\&***\xc8*F*")
    assert b"\rMSA*AR*7\rERR**PID:1:3*101:" in answer
    assert Message.parse(answer).charset.codec == "iso8859-2"


def test_an_answer_in_enhanced_mode_wants_none_itself():
    raw = ADT.replace(b"|2.5.1\r", b"|2.5.1|||AL|NE\r")
    answer = Message.parse(acknowledge(Message.parse(raw), "CA").raw)
    assert (answer["MSH-15"], answer["MSH-16"]) == ("NE", "NE")


@pytest.mark.parametrize(
    ("raw", "control_id"),
    [(ADT + b"no segment\r", "M1"), (b"\n" + ADT.replace(b"\r", b"\n") + b"no\n", "M1"), (b"garbage", ""), (b"", "")],
)
def test_what_cannot_be_read_is_answered_all_the_same(raw, control_id):
    answer = Message.parse(acknowledge(salvage(raw), "AR", [FAULT]).raw)
    assert (answer["MSA-1"], answer["MSA-2"], answer["ERR-3"]) == ("AR", control_id, "101")


def test_every_sample_can_be_answered():
    for raw in samples().values():
        message = Message.parse(raw)
        answer = Message.parse(acknowledge(message, "AA", [FAULT]).raw)
        assert answer.text_at("MSA-2") == message.text_at("MSH-10")
