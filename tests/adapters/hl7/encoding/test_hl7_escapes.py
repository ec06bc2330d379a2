"""Escape sequences are read as what they stand for, and written where they are needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hl7.encoding.charsets import ASCII, Charset, Origin
from adapters.hl7.encoding.delimiters import RECOMMENDED, Delimiters, declared
from adapters.hl7.encoding.escapes import escape, unescape

UTF_8 = Charset("utf-8", Origin.MSH_18)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"one\.br\two\.sp2\three", "one\ntwo\n\nthree"),
        (r"\H\loud\N\ \.in+4\\.ti-2\x\.fi\\.nf\\.ce\y", "loud x\ny"),
        (r"a\.sk3\b", "a   b"),
        (r"\X0D0A\x\X41\ ", "\r\nxA "),
        (r"\XC48C\apek", "Čapek"),
        (r"\Zown\ and \unknown\ stay", r"\Zown\ and \unknown\ stay"),
        (r"5\10 mg \F\ day", r"5\10 mg | day"),
        ("an open \\ end", "an open \\ end"),
        (r"\X4\ \XZZ\ ", r"\X4\ \XZZ\ "),
        ("\\\\", "\\\\"),
        (r"\P\ ", r"\P\ "),
    ],
)
def test_sequences_are_read(text, value):
    assert unescape(text, RECOMMENDED, UTF_8) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"a\\T\\b\\.br\\\\.br\\c", "a&b\n\nc"),
        ("\\\\E\\\\", "\\"),
        (r"\\Zown\\ stays", r"\\Zown\\ stays"),
        # where the header alone was doubled
        (r"a\T\b\.br\\.br\c", "a&b\n\nc"),
        ("\\E\\", "\\"),
    ],
)
def test_sequences_are_read_under_a_header_with_a_doubled_backslash(text, value):
    assert unescape(text, declared(r"MSH|^~\\&"), UTF_8) == value


def test_the_truncation_character_has_a_sequence_where_it_is_declared():
    assert unescape(r"\P\ ", Delimiters(truncation="#"), UTF_8) == "# "


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\M2442\;3ED\C2842\ Taro", "山田 Taro"),
        (r"\C2D4C\Xx\C2842\ x", "Xx x"),
        (r"\C9999\x", r"\C9999\x"),
    ],
)
def test_character_sets_are_designated_inside_a_value(text, value):
    assert unescape(text, RECOMMENDED, ASCII) == value


def test_a_right_half_is_designated():
    cyrillic = "Иван".encode("iso8859-5").decode("latin-1")
    assert unescape(rf"\C2D4C\{cyrillic}", RECOMMENDED, Charset("iso8859-1", Origin.MSH_18)) == "Иван"


@pytest.mark.parametrize("delimiters", [RECOMMENDED, declared(r"MSH|^~\\&")])
@given(value=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_is_written_reads_the_same(delimiters, value):
    written = escape(value, delimiters)
    assert not set(written) & set("|^~&\r\n")
    assert unescape(written, delimiters, UTF_8) == value
