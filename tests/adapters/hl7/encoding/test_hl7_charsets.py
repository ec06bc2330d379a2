"""Bytes of any character set are read, and said how."""

from __future__ import annotations

import codecs

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.encoding.charsets import Origin, codec_of
from tests.support.hl7 import put_together


def message(label: str, name: bytes) -> bytes:
    return b"MSH|^~\\&|A" + b"|" * 15 + label.encode() + b"\rPID|1||7||" + name + b"\r"


@pytest.mark.parametrize(
    ("label", "codec", "name"),
    [
        ("UNICODE UTF-8", "utf-8", "Čapek"),
        ("utf8", "utf-8", "Čapek"),
        ("8859/1", "iso8859-1", "Müller"),
        ("ISO-8859-2", "iso8859-2", "Čapek"),
        ("8859/5", "iso8859-5", "Иванов"),
        ("8859/15", "iso8859-15", "€uro"),
        ("WINDOWS-1251", "cp1251", "Иванов"),
        ("GB 18030-2000", "gb18030", "王小明"),
        ("BIG-5", "big5", "王小明"),
        ("KS X 1001", "euc_kr", "김철수"),
        ("ISO IR13", "shift_jis", "ﾔﾏﾀﾞ"),
        ("~ISO IR87", "iso2022_jp_2", "山田"),
        ("ISO IR6~ISO IR87", "iso2022_jp_2", "山田"),
        ("UNICODE UTF-8~8859/1", "utf-8", "Čapek"),
    ],
)
def test_the_label_of_msh_18_is_followed(label, codec, name):
    raw = message(label, name.encode(codec))
    read = Message.parse(raw)
    assert (read["PID-5"], read.charset.codec, read.charset.origin) == (name, codec, Origin.MSH_18)
    assert read.encode() == raw
    assert put_together(read) == read.text


def test_delimiters_inside_a_character_of_two_bytes_separate_nothing():
    # the second bytes of these are a backslash and a vertical bar
    assert Message.parse(message("ISO IR13", "ソポ表".encode("shift_jis")))["PID-5"] == "ソポ表"


@pytest.mark.parametrize(
    ("label", "name", "expected", "codec"),
    [
        ("", b"Muller", "Muller", "ascii"),
        ("", "Čapek".encode(), "Čapek", "utf-8"),
        ("", b"M\xfcller", "Müller", "cp1252"),
        ("UNICODE UTF-8", b"M\xfcller", "Müller", "cp1252"),
        ("ASCII", "Čapek".encode(), "Čapek", "utf-8"),
        ("CNS 11643-1992", b"plain", "plain", "ascii"),
        ("nonsense", b"M\xfcller", "Müller", "cp1252"),
        ("UNICODE UTF-16", b"plain", "plain", "ascii"),
        ("GB 18030-2000", b"\xff\xff", "ÿÿ", "cp1252"),
    ],
)
def test_what_does_not_fit_is_read_all_the_same(label, name, expected, codec):
    raw = message(label, name)
    read = Message.parse(raw)
    assert (read["PID-5"], read.charset.codec) == (expected, codec)
    assert read.charset.encode(read.text) == raw
    assert (read.charset.origin is Origin.DEFAULT) == (label == "" and codec != "cp1252")


def test_every_byte_comes_back():
    every = bytes(set(range(256)) - set(b"\r\n"))
    raw = message("", every)
    read = Message.parse(raw)
    assert read.charset.origin is Origin.FALLBACK
    assert read.charset.encode(read.text) == raw
    assert not any("\ud800" <= each <= "\udfff" for each in read.text)


@pytest.mark.parametrize(
    ("bom", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_a_byte_order_mark_goes_before_the_label(bom, codec):
    raw = bom + message("8859/1", b"").decode().replace("7||", "7||Čapek").encode(codec)
    read = Message.parse(raw)
    assert (read["PID-5"], read.charset.codec, read.encode()) == ("Čapek", codec, raw)


def test_a_senders_override_goes_before_all():
    read = Message.parse(message("UNICODE UTF-8", "Čapek".encode("iso8859-2")), charset="8859/2")
    assert (read["PID-5"], read.charset.origin) == ("Čapek", Origin.OVERRIDE)


def test_labels_are_known_by_their_other_names():
    assert {codec_of(each) for each in ("8859/1", "ISO 8859-1", "iso8859_1", "ISO_IR 100")} == {"iso8859-1"}
    assert codec_of("CNS 11643-1992") is None
