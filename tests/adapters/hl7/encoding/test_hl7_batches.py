"""Files and batches give their messages, each for itself."""

from __future__ import annotations

import pytest

from adapters.hl7.encoding.batch import is_batch, parse_file
from adapters.hl7.errors import Hl7Error
from tests.support.hl7 import ADT, ORU

FILE = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + ADT + ORU + b"BTS|2|done\rBHS|^~\\&|B\r" + ADT + b"BTS|1\rFTS|2\r"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_file_gives_its_messages(end, bom):
    raw = bom + FILE.replace(b"\r", end)
    file = parse_file(raw)
    assert [message["MSH-9"] for message in file.messages] == ["ADT", "ORU", "ADT"]
    assert [segment.id for segment in (*file.headers, *file.trailers)] == ["FHS", "BHS", "BHS", "BTS", "BTS", "FTS"]
    assert file.encode() == raw
    assert is_batch(raw)


def test_messages_without_headers_are_a_file_too():
    assert len(parse_file(ADT + ORU).messages) == 2
    assert not is_batch(ADT)


def test_each_message_has_its_own_delimiters_and_fails_alone():
    file = parse_file(b"BHS|^~\\&|A\r" + ADT.replace(b"|", b"!") + b"MSH|||\r" + ORU + b"BTS|3\r")
    assert [entry.error is None for entry in file.entries] == [True, False, True]
    assert file.messages[0]["PID-3"] == "4711"


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"", "FHS"),
        (b"PID|1\r" + ADT, "FHS"),
        (b"BHS|^~\\&|A\r" + ADT + b"BTS|2\r", "BTS-1"),
        (b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + ADT + b"BTS|1\rFTS|7\r", "FTS-1"),
    ],
)
def test_a_broken_file_says_where(raw, place):
    with pytest.raises(Hl7Error, match=rf"^{place}: "):
        parse_file(raw)
