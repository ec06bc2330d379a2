"""Messages about the same patient share a lane."""

from __future__ import annotations

from adapters.hl7.encoding import Message
from adapters.hl7.encoding.location import location
from adapters.hl7.store.lanes import lanes_of
from tests.support.hl7 import ADT, ORU

PLACES = (location("PID-3.1"), location("PID-3.4"))


def lanes(raw: bytes, sender: str = "REG") -> tuple[int, ...]:
    return lanes_of(Message.parse(raw), PLACES, sender)


def test_the_same_patient_has_the_same_lane_whatever_the_message_and_sender():
    assert lanes(ADT) == lanes(ORU, "LAB1")
    assert len(lanes(ADT)) == 1


def test_another_number_or_authority_is_another_lane():
    assert len({lanes(ADT), lanes(ADT.replace(b"4711", b"4712")), lanes(ADT.replace(b"CLINIC&1", b"OTHER&1"))}) == 3


def test_a_merge_stands_in_both_lanes():
    merge = ADT + b"MRG|4712^^^CLINIC\r"
    assert set(lanes(merge)) == {*lanes(ADT), *lanes(ADT.replace(b"4711", b"4712"))}


def test_several_merges_stand_in_all_lanes():
    assert len(lanes(ADT + b"MRG|2^^^CLINIC\rPID|2||3^^^CLINIC\rMRG|4^^^CLINIC\r")) == 4


def test_who_names_nobody_has_the_senders_lane():
    raw = ADT.partition(b"PID")[0]
    assert lanes(raw, "A") == lanes(raw, "A") != lanes(raw, "B")
