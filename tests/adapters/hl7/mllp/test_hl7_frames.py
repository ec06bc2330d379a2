"""Frames are found wherever the stream is cut."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hl7.mllp import FrameReader, Oversized, framed
from tests.support.hl7 import ADT, ORU


def read(stream: bytes, *cuts: int, most: int = 1 << 20) -> list[bytes | Oversized]:
    reader = FrameReader(most)
    places = [0, *sorted(cuts), len(stream)]
    return [frame for start, end in pairwise(places) for frame in reader.feed(stream[start:end])]


def test_a_frame_is_found_wherever_it_is_cut():
    stream = framed(ADT) + framed(ORU)
    for cut in range(len(stream) + 1):
        assert read(stream, cut) == [ADT, ORU]
    assert read(stream, *range(len(stream))) == [ADT, ORU]


@given(st.lists(st.binary(max_size=60).filter(lambda each: not set(each) & {0x0B, 0x1C}), max_size=6), st.data())
def test_any_contents_come_out_as_they_went_in(contents, data):
    stream = b"".join(map(framed, contents))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    assert read(stream, *cuts) == contents


@pytest.mark.parametrize(
    ("stream", "frames"),
    [
        (b"\r\n  junk" + framed(ADT) + b"\n" + framed(ORU), [ADT, ORU]),
        (b"\x0b" + ADT + b"\x1c" + framed(ORU), [ADT, ORU]),
        (b"\x0b" + ADT[:100] + framed(ORU), [ORU]),
        (framed(b"a\x1cb"), [b"a\x1cb"]),
        (b"\x0b" + ADT, []),
        (framed(b""), [b""]),
        (b"\x1c\r", []),
    ],
)
def test_what_senders_get_wrong(stream, frames):
    for cut in range(len(stream) + 1):
        assert read(stream, cut) == frames


def test_a_frame_that_is_too_long_is_told_and_skipped():
    long = b"MSH|" + b"x" * 5000
    stream = framed(long) + framed(ADT)
    chance = Random(3)  # noqa: S311 - a repeatable course
    for _ in range(200):
        cuts = [chance.randrange(len(stream)) for _ in range(chance.randint(0, 20))]
        oversized, following = read(stream, *cuts, most=1000)
        assert isinstance(oversized, Oversized)
        assert len(oversized.head) >= 1000
        assert long.startswith(oversized.head)
        assert following == ADT


def test_a_frame_may_be_just_as_long_as_allowed():
    assert read(framed(ADT), most=len(ADT)) == [ADT]
    assert read(framed(ADT), most=len(ADT) - 1) == [Oversized(ADT)]


def test_a_reader_knows_whether_it_is_inside_a_frame():
    reader = FrameReader(100)
    inside = []
    for data in (b"junk", b"\x0bMSH", b"\x1c\r"):
        reader.feed(data)
        inside.append(reader.is_inside)
    assert inside == [False, True, False]
