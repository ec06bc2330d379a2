"""Outbound rows: what is wrong in them is said with its file and place, and what they write."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.outbound.building import BuildError, Built, Envelope, Subject, build, control_id
from adapters.hl7.outbound.checking import check
from adapters.hl7.outbound.compiling import compiled
from adapters.hl7.outbound.destinations import destinations
from adapters.hl7.outbound.tables import Backward
from adapters.hl7.outbound.writing import primitive, segment_text, timestamp
from mappings.errors import MappingError
from mappings.outbound import OUTBOUND
from mappings.rows import CodeRow

Json = dict[str, Any]
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
PATIENT: Json = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "urn:oid:1.2.3", "value": "4711", "type": {"coding": [{"code": "MR"}]}}],
    "name": [{"family": "Uwase", "given": ["Diane"], "use": "official"}],
    "gender": "female",
    "birthDate": "1990-01",
}


def built(resource: Json, envelope: Envelope | None = None, **subject: Any) -> Built:
    plan = compiled("2.5.1")["ADT_A05"]
    made = Subject(resource, "A31", 1_800_000_000_000, related={"organizations": [], "relatives": []}, **subject)
    return build(plan, made, envelope or Envelope(("A", "B"), ("C", "D")), "ID1", NOW)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("ADT_A05.yaml", "structure: ADT_A05", "structure: ADT_X05", "ADT_A05.yaml: structure: no version of HL7 v2"),
        ("ADT_A05.yaml", "interactions: [create]", "interactions: [made]", "triggers[0].interactions: expected some"),
        ("ADT_A05.yaml", "active.empty()", "actve.empty()", "trigger A28: Expected an element of Patient"),
        ("ADT_A05.yaml", "PID[Patient]", "PID[Person]", "segments[1]: segments.yaml has no 'PID[Person]'"),
        ("ADT_A05.yaml", "PID[Patient]", "RXA[Immunization]", "the structure has no segment RXA"),
        ("ADT_A05.yaml", "keeps: [", "keeps: [PID3, ", "keeps: expected a place, found 'PID3'"),
        ("ADT_A05.yaml", "message: ADT", "mesage: ADT", "ADT_A05.yaml: Object"),
        ("segments.yaml", "PID-8: {path: gender", "PID-8: {path: sex", "PID[Patient] PID-8: Expected an element"),
        ("segments.yaml", "AdministrativeSex}", "Sex}", "PID-8: there is no table 'Sex'"),
        ("segments.yaml", "  PID-5: name", "  PV1-5: name", "PID[Patient]: expected a place of PID, found 'PV1-5'"),
        ("datatypes.yaml", "CX.1: value", "CX.1: valu", "CX[Identifier] CX.1: Expected an element of Identifier"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, file: str, old: str, new: str, said: str):
    folder = tmp_path / "outbound"
    shutil.copytree(OUTBOUND, folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(MappingError) as raised:
        compiled("2.5.1", folder)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("messages: [ADT_A99]", "messages: expected some of"),
        ("messages: []", "messages: expected some of"),
        ("messages: [ADT_A01], version: '2.9'", "version: expected one of"),
        ("messages: [ADT_A01], charset: KLINGON", "charset: 'KLINGON' is no label of table 0211"),
        ("messages: [ADT_A01], filter: 'a b'", "filter: "),
        ("messages: [ADT_A01], start: later", "expected start to be now or beginning"),
        ("messages: [ADT_A01], tls: true, authorities: nowhere.pem", "tls: FileNotFoundError"),
        ("messages: [ADT_A01], colour: red", "colour"),
        ("messages: [ADT_A01], scope: system/Patent.rs", "scope: "),
        ("messages: [ADT_A01], purpose: to treat", "purpose: expected a code such as TREAT"),
    ],
)
def test_what_is_wrong_with_a_destination_is_said(tmp_path: Path, line: str, said: str):
    (tmp_path / "north").mkdir()
    (tmp_path / "north/site.yaml").write_text(
        f"name: north\ndestinations: [{{name: RIS, host: ris.example, port: 2575, {line}}}]\n"
    )
    with pytest.raises(MappingError) as raised:
        destinations(tmp_path)
    assert said in str(raised.value)


def test_tables_of_a_destination_go_before_those_of_every_destination(tmp_path: Path):
    (tmp_path / "north/RIS/tables").mkdir(parents=True)
    (tmp_path / "north/site.yaml").write_text(
        "name: north\ndestinations: [{name: RIS, host: ris.example, port: 2575, messages: [ADT_A05]}]\n"
    )
    (tmp_path / "north/RIS/tables/AdministrativeSex.csv").write_text("code,target\n1,male\n2,female\n")
    (plan,) = destinations(tmp_path)[0].plans
    subject = Subject(PATIENT, "A31", 0, related={"organizations": [], "relatives": []})
    assert Message.parse(build(plan, subject, Envelope(("", ""), ("", "")), "1", NOW).raw)["PID-8"] == "2"


def test_a_message_is_written_by_its_rows():
    message = Message.parse(built(PATIENT).raw)
    assert message.text_at("MSH-9") == "ADT^A31^ADT_A05"
    assert [message[f"MSH-{number}"] for number in (3, 4, 5, 6, 10, 12)] == ["A", "B", "C", "D", "ID1", "2.5.1"]
    assert message.text_at("PID-3") == "4711^^^&1.2.3&ISO^MR"
    assert message.text_at("PID-5") == "Uwase^Diane^^^^^L"
    assert (message["PID-7"], message["PID-8"], message["PV1-2"]) == ("199001", "F", "N")
    check(built(PATIENT).raw, "2.5.1")


def test_delimiters_and_other_letters_are_carried():
    name = "O|Neil^~\\& Müller 山"
    raw = built({**PATIENT, "name": [{"family": name}]}).raw
    assert Message.parse(raw)["PID-5.1"] == name


def test_a_character_that_the_charset_lacks_is_said_by_its_segment():
    envelope = Envelope(("A", "B"), ("C", "D"), charset="8859/1")
    with pytest.raises(BuildError, match="PID: a character that 8859/1 does not have"):
        built({**PATIENT, "name": [{"family": "山"}]}, envelope)


def test_a_code_without_a_row_is_left_out_and_told():
    made = built({**PATIENT, "address": [{"city": "Kigali", "use": "nowhere"}]})
    assert made.remarks == ("XAD.7: a code without a row was left out",)
    assert Message.parse(made.raw)["PID-11.3"] == "Kigali"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": []}, "PID-5: patient name is required, and nothing gives it"),
        ({"birthDate": "unknown"}, "PID[1]-7[1].1.1: expected a time stamp (DTM)"),
        ({"telecom": [{"system": "phone", "value": "1" * 200}]}, "found 200"),
    ],
)
def test_a_message_that_is_not_valid_says_where_and_shows_no_value(change: Json, said: str):
    with pytest.raises(BuildError) as raised:
        check(built({**PATIENT, **change}).raw, "2.5.1")
    assert said in str(raised.value)
    assert "unknown" not in str(raised.value)
    assert "111" not in str(raised.value)


def test_a_control_id_is_the_same_for_the_same_version_and_no_other():
    known = control_id("north/RIS", "ADT_A05", "A31", "Patient/1", 2)
    assert known == control_id("north/RIS", "ADT_A05", "A31", "Patient/1", 2)
    assert len(known) == 20
    others = {
        control_id("north/PACS", "ADT_A05", "A31", "Patient/1", 2),
        control_id("north/RIS", "ADT_A05", "A28", "Patient/1", 2),
        control_id("north/RIS", "ADT_A05", "A31", "Patient/12", 2),
        control_id("north/RIS", "ADT_A05", "A31", "Patient/1", 22),
    }
    assert known not in others
    assert len(others) == 4


@pytest.mark.parametrize(
    ("text", "data_type", "written"),
    [
        ("2026", "DTM", "2026"),
        ("2026-11-23", "TS", "20261123"),
        ("2026-11-23T10:15:00.123456+02:00", "DTM", "20261123101500.1234+0200"),
        ("2026-11-23T10:15:00Z", "DTM", "20261123101500+0000"),
        ("2026-11-23T10:15:00Z", "DT", "20261123"),
        ("10:15:00", "TM", "101500"),
        ("gibberish", "DTM", "gibberish"),
    ],
)
def test_times_keep_their_precision(text: str, data_type: str, written: str):
    assert timestamp(text, data_type) == written


def test_primitives_are_written_as_they_are():
    assert [primitive(value, "ST") for value in (True, False, Decimal("1.50"), 7)] == ["Y", "N", "1.50", "7"]


def test_lines_of_formatted_text_stay_lines():
    fields = {3: [{(1, 1): "first\nsecond & third"}]}
    assert segment_text("NTE", fields, {3: "FT"}) == "NTE|||first\\.br\\second \\T\\ third"
    assert segment_text("NTE", fields, {3: "ST"}) == "NTE|||first\\X0A\\second \\T\\ third"


def test_tables_are_read_backwards():
    rows = [
        CodeRow(1, "F", "HL70001", "", "female", "urn:g", ""),
        CodeRow(2, "W", "HL70001", "", "female", "urn:g", ""),
        CodeRow(3, "B", "HL70001", "", "", "", ""),
    ]
    table = Backward(rows)
    assert table.code("female", "urn:g") == ("F", "HL70001")
    assert table.code("female") == ("F", "HL70001")
    assert table.code("B") == ("B", "HL70001"), "one of HL7 v2's own"
    assert table.code("X", "http://terminology.hl7.org/CodeSystem/v2-0001") == ("X", "HL70001")
    assert table.code("female", "urn:other") is None
