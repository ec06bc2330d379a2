"""What each version defines, and segments in their groups."""

from __future__ import annotations

import json
import sys

import pytest
import zstandard

from adapters.hl7.encoding import Message
from adapters.hl7.structures import VERSIONS, Group, group, structure_of, structures, version_of
from adapters.hl7.structures.build.__main__ import main
from adapters.hl7.structures.library import DATA, MANIFEST, manifest
from tests.support.hl7 import ADT, ORU, samples


def outline(found: Group) -> list[object]:
    return [
        outline(each) if isinstance(each, Group) else each.id + ("?" if each in found.unplaced else "")
        for each in found.children
    ]


def test_every_version_is_there_with_what_the_manifest_counts():
    for version in VERSIONS:
        found = structures(version)
        counts = (len(found.messages), len(found.segments), len(found.data_types), len(found.tables))
        assert counts == manifest().rows[version]


def test_a_rebuild_changes_nothing(tmp_path, monkeypatch, capsys):
    pytest.importorskip("hl7apy")
    monkeypatch.setattr(sys, "argv", ["build", "--to", str(tmp_path)])
    main()
    assert f"{MANIFEST}: " in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in DATA.iterdir()}
    for path in DATA.glob("*.zst"):
        assert unpacked(tmp_path / path.name) == unpacked(path)
    assert json.loads((tmp_path / MANIFEST).read_bytes())["rows"] == json.loads((DATA / MANIFEST).read_bytes())["rows"]


def unpacked(path):
    return zstandard.ZstdDecompressor().decompress(path.read_bytes())


@pytest.mark.parametrize(
    ("version", "segment", "position", "name", "data_type", "table"),
    [
        ("2.5.1", "PID", 3, "Patient identifier list", "CX", ""),
        ("2.5.1", "PID", 8, "Administrative sex", "IS", "0001"),
        ("2.8.2", "PID", 30, "Patient death indicator", "ID", "0136"),
        ("2.8.2", "ERR", 4, "Severity", "ID", "0516"),
        ("2.1", "PID", 3, "Patient id internal id", "CK", ""),
    ],
)
def test_fields_stand_at_their_positions(version, segment, position, name, data_type, table):
    field = structures(version).field(segment, position)
    assert field is not None
    assert (field.name, field.data_type, field.table) == (name, data_type, table)


def test_withdrawn_and_missing_fields():
    withdrawn = structures("2.8.2").field("EVN", 1)
    assert withdrawn is not None
    assert (withdrawn.name, withdrawn.max) == ("", 0)
    assert structures("2.5.1").field("PID", 99) is None
    assert structures("2.5.1").field("ZZZ", 1) is None


@pytest.mark.parametrize(
    ("said", "served"),
    [("2.5.1", "2.5.1"), ("2.5.2", "2.5.1"), ("2.9", "2.8.2"), ("2.0", "2.1"), ("", "2.5.1"), ("two", "2.5.1")],
)
def test_every_version_is_served_by_one(said, served):
    assert version_of(said) == served


@pytest.mark.parametrize(
    ("version", "code", "event", "structure", "name"),
    [
        ("2.5.1", "ADT", "A04", "", "ADT_A01"),
        ("2.5.1", "ADT", "A04", "ADT_A01", "ADT_A01"),
        ("2.5.1", "ADT", "A40", "nonsense", "ADT_A39"),
        ("2.3", "ORU", "R01", "", "ORU_R01"),
        ("2.8", "ADT", "A47", "ADT_A47", "ADT_A30"),
        ("2.5.1", "ACK", "", "", "ACK"),
        ("2.1", "OML", "O21", "", "OML_O21"),
        ("2.5.1", "XYZ", "Z99", "", None),
    ],
)
def test_a_structure_is_found_by_what_senders_say(version, code, event, structure, name):
    found = structure_of(version, code, event, structure)
    assert (found.name if found else None) == name


def test_an_unknown_version_is_refused():
    with pytest.raises(KeyError):
        structures("2.5.2")


def test_observations_are_under_their_orders():
    assert outline(group(Message.parse(ORU))) == [
        "MSH",
        [["PID"], ["ORC", "OBR", ["OBX"], ["OBX", "NTE"]], ["ORC", "OBR", ["OBX", "ZLB"]]],
    ]
    orders = group(Message.parse(ORU)).groups("ORDER_OBSERVATION")
    assert [[each.segments("OBX")[0].field(1).value for each in one.groups("OBSERVATION")] for one in orders] == [
        ["1", "2"],
        ["1"],
    ]
    assert [each.field(2).value for each in orders[1].segments("OBR")] == ["O2"]
    assert orders[1].segment("NTE") is None


def test_insurances_and_procedures_repeat():
    raw = ADT + b"PR1|1\rPR1|2\rIN1|1\rIN2|1\rIN1|2\rZIN|own\r"
    assert outline(group(Message.parse(raw)))[4:] == [["PR1"], ["PR1"], ["IN1", "IN2"], ["IN1", "ZIN"]]


def test_merges_keep_each_pair_together():
    raw = ADT.replace(b"A01^ADT_A01", b"A40^ADT_A39").replace(b"PV1|1|I|WARD^2^1", b"MRG|1\rPID|2\rMRG|2")
    assert outline(group(Message.parse(raw))) == ["MSH", "EVN", ["PID", "MRG"], ["PID", "MRG"]]


def test_what_has_no_place_stays_where_it_stands():
    found = group(Message.parse(ADT.replace(b"PV1|", b"SPM|1\rPV1|")))
    assert outline(found) == ["MSH", "EVN", "PID", "SPM?", "PV1"]


def test_an_unknown_structure_is_one_group():
    found = group(Message.parse(ADT.replace(b"ADT^A01^ADT_A01", b"XYZ^Z99")))
    assert (found.name, outline(found)) == ("XYZ_Z99", ["MSH", "EVN", "PID", "PV1"])
    assert found.unplaced == []


def test_every_sample_keeps_all_segments_in_order():
    for raw in samples().values():
        message = Message.parse(raw)
        found = group(message)
        assert list(found.all_segments()) == list(message.segments)
        assert found.children
