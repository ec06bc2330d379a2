"""Messages are read without loss, and their places found."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.hl7.encoding import Location, Message
from adapters.hl7.encoding.charsets import split_bom
from adapters.hl7.encoding.location import location
from adapters.hl7.errors import Condition, Hl7Error
from tests.support.hl7 import ADT, ORU, OWN, mutated, put_together, samples


def assert_lossless(raw: bytes) -> None:
    message = Message.parse(raw)
    bom, _ = split_bom(raw)
    assert message.encode() == raw
    assert put_together(message) == message.text
    assert bom + message.charset.encode(message.text) == raw


def test_every_sample_is_read_and_written_byte_for_byte():
    assert len(samples()) == 139
    for raw in samples().values():
        assert_lossless(raw)


@pytest.mark.parametrize("raw", OWN)
def test_own_messages_are_written_byte_for_byte(raw):
    assert_lossless(raw)


@given(st.binary(max_size=200), st.sampled_from([b"", b"MSH", b"MSH|^~\\&|", ADT[:80]]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_message_or_an_error(tail, head):
    read_or_refused(head + tail)


def read_or_refused(raw: bytes) -> bool:
    try:
        message = Message.parse(raw)
    except Hl7Error:
        return False
    bom, _ = split_bom(raw)
    assert bom + message.charset.encode(message.text) == raw
    assert put_together(message) == message.text
    return True


def mutate(rounds: int, seed: int) -> int:
    chance = Random(seed)  # noqa: S311 - a repeatable course
    read = 0
    for number in range(rounds):
        raw = mutated(OWN[number % len(OWN)], chance)
        try:
            message = Message.parse(raw)
        except Hl7Error:
            continue
        bom, _ = split_bom(raw)
        assert bom + message.charset.encode(message.text) == raw
        if number % 10 == 0:
            assert put_together(message) == message.text
            assert all(text for _, text in message.leaves())
            assert [message[at] for at, _ in message.leaves()]
        read += 1
    return read


def test_mutated_messages_are_read_or_refused():
    assert 10_000 < mutate(50_000, 1) < 50_000


@pytest.mark.nightly
def test_a_million_mutated_messages_are_read_or_refused():
    assert mutate(1_000_000, 2) > 200_000


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("MSH-1", "|"),
        ("MSH-2", "^~\\&"),
        ("MSH-9", "ADT"),
        ("MSH-9.2", "A01"),
        ("MSH-12", "2.5.1"),
        ("PID-3", "4711"),
        ("PID-3.4", "CLINIC"),
        ("PID-3.4.2", "1.2.3"),
        ("PID-3[2].4", "NIDA"),
        ("PID-3[3]", ""),
        ("PID[1]-5.2", "Diane"),
        ("PID[2]-5", ""),
        ("PID-99", ""),
        ("ZZZ-1", ""),
    ],
)
def test_a_place_gives_its_value(place, value):
    assert Message.parse(ADT)[place] == value


def test_an_open_place_gives_all_values():
    assert Message.parse(ADT).values("PID-3.1") == ["4711", "815"]
    assert Message.parse(ORU).values("OBX-3") == ["GLU", "COM", "HB"]
    assert Message.parse(ORU).values("OBX[2]-5") == ["first\na & b"]


def test_text_is_as_it_stands():
    assert Message.parse(ADT).text_at("PID-3") == "4711^^^CLINIC&1.2.3&ISO^MR~815^^^NIDA^NI"
    assert Message.parse(ADT).text_at("PV1") == "PV1|1|I|WARD^2^1"


def test_leaves_come_in_order_with_their_places():
    leaves = dict(Message.parse(ORU).leaves())
    assert leaves[Location("MSH", 1, 2, 1, 1, 1)] == "^~\\&"
    assert leaves[Location("OBX", 3, 5, 1, 1, 1)] == "12.1"
    assert leaves[Location("ZLB", 1, 1, 1, 2, 1)] == "part"
    assert len(leaves) == len(list(Message.parse(ORU).leaves()))


@pytest.mark.parametrize("text", ["PID-3.1", "OBX[2]-5", "PID-3[2].4.2", "ZZ1", "MSH"])
def test_a_place_is_written_as_it_is_read(text):
    assert str(location(text)) == text


@pytest.mark.parametrize("text", ["", "pid-3", "PID-0", "PID-3.", "PID-3.1.1.1", "PID[0]-3", "PID 3"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(ValueError, match="not a place"):
        location(text)


@pytest.mark.parametrize(
    ("raw", "place", "condition"),
    [
        (b"", "MSH", Condition.SEGMENT_SEQUENCE),
        (b"PID|1\r", "MSH", Condition.SEGMENT_SEQUENCE),
        (b"MSH", "MSH-2", Condition.DATA_TYPE),
        (b"MSH|\r", "MSH-2", Condition.DATA_TYPE),
        (b"MSH|^^\\&|A\r", "MSH-2", Condition.DATA_TYPE),
        (b"MSH|^~\\&#@!|A\r", "MSH-2", Condition.DATA_TYPE),
        (b"MSH|^\\\\~&|A\r", "MSH-2", Condition.DATA_TYPE),
        (b"MSH|^~\\\\\\\\&|A\r", "MSH-2", Condition.DATA_TYPE),
        (b"MSHa^~\\&|A\r", "MSH-2", Condition.DATA_TYPE),
        (ADT + b"PID|1\rnot a segment\r", "PID[2]", Condition.SEGMENT_SEQUENCE),
    ],
)
def test_errors_name_the_place(raw, place, condition):
    with pytest.raises(Hl7Error) as caught:
        Message.parse(raw)
    assert str(caught.value.fault.place) == place
    assert caught.value.fault.condition is condition
    assert "not a segment" not in str(caught.value)


def test_a_layer_below_the_sender_may_have_doubled_backslashes():
    raw = ADT.replace(b"Uwase", rb"Uwase \T\ Sons").replace(b"\\", b"\\\\")
    assert_lossless(raw)
    message = Message.parse(raw)
    assert message["MSH-2"] == r"^~\\&"
    assert message["PID-5.1"] == "Uwase & Sons"
    assert message["PID-3.4.2"] == "1.2.3"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\r\n", b"\n\n", b"\r\r"])
def test_segments_end_at_any_end_of_line(end):
    raw = ADT.replace(b"\r", end)
    assert [segment.id for segment in Message.parse(raw)] == ["MSH", "EVN", "PID", "PV1"]
    assert_lossless(raw)


def test_a_line_feed_inside_a_value_stays_there():
    raw = ADT + b"NTE|1||first line\nsecond line|x\rOBX|1\n"
    message = Message.parse(raw)
    assert message["NTE-3"] == "first line\nsecond line"
    assert [segment.id for segment in message][-2:] == ["NTE", "OBX"]
    assert_lossless(raw)


def test_other_delimiters_are_taken_from_the_header():
    message = Message.parse(b"MSH*:;?%*A*B\rPID*1**7:::X%Y\rNTE***a?F?b?S?c\r")
    assert (message["PID-3.4.2"], message["NTE-3"]) == ("Y", "a*b:c")


def test_a_header_may_declare_fewer_delimiters():
    message = Message.parse(b"MSH|^~|A\rPID|1||7^8&9~\\F\\\r")
    assert (message["PID-3.2"], message["PID-3[2]"]) == ("8&9", "\\F\\")


def test_null_is_not_nothing():
    field = Message.parse(b'MSH|^~\\&|A\rPID|1||""||\r').all("PID")[0]
    assert (field.field(3).is_null, field.field(3).is_valued, field.field(4).is_null) == (True, False, False)


def test_nothing_shows_what_a_patient_is_called():
    message = Message.parse(ADT)
    assert "Uwase" not in repr(message) + repr(message.segments) + repr(message.all("PID")[0].field(5))
