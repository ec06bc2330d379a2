from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from fhir_api.model.errors import FhirError
from fhir_api.rest.cursors import LIFETIME, Cursors
from fhir_api.rest.paging import encode_query, page_links, query_text

SECRET = b"s" * 32
QUERY = query_text("Patient", [("name", "a")])


def test_a_cursor_gives_its_position_back():
    cursors = Cursors(SECRET, "1")
    for position in (b"", b"x", bytes(range(256))):
        assert cursors.open(QUERY, cursors.seal(QUERY, position)) == position


@pytest.mark.parametrize(
    ("secret", "tenant", "query"),
    [(b"t" * 32, "1", QUERY), (SECRET, "2", QUERY), (SECRET, "1", query_text("Patient", [("name", "b")]))],
)
def test_a_cursor_opens_nothing_else(secret, tenant, query):
    cursor = Cursors(SECRET, "1").seal(QUERY, b"x")
    with pytest.raises(FhirError):
        Cursors(secret, tenant).open(query, cursor)


def test_a_cursor_cannot_be_changed_in_any_character():
    cursors = Cursors(SECRET, "1")
    cursor = cursors.seal(QUERY, b"x")
    for place in range(len(cursor)):
        for other in "Ab-_=*é ":
            changed = cursor[:place] + other + cursor[place + 1 :]
            if changed != cursor:
                with pytest.raises(FhirError):
                    cursors.open(QUERY, changed)


@pytest.mark.parametrize("cursor", ["", "A", "AAAA", urlsafe_b64encode(bytes(16)).decode()])
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(FhirError):
        Cursors(SECRET, "1").open(QUERY, cursor)


def test_a_cursor_expires():
    now = 1_000_000.0
    cursors = Cursors(SECRET, "1", lambda: now)
    cursor = cursors.seal(QUERY, b"x")
    now += LIFETIME
    assert cursors.open(QUERY, cursor) == b"x"
    now += 1
    with pytest.raises(FhirError) as refused:
        cursors.open(QUERY, cursor)
    assert refused.value.issues[0].code == "expired"


def test_how_long_a_cursor_is_good_can_be_set():
    now = 1_000_000.0
    cursors = Cursors(SECRET, "1", lambda: now, lifetime=60)
    cursor = cursors.seal(QUERY, b"x")
    now += 60
    assert cursors.open(QUERY, cursor) == b"x"
    now += 1
    with pytest.raises(FhirError):
        cursors.open(QUERY, cursor)


def test_what_is_signed_leaves_out_place_and_looks_only():
    plain = query_text("Patient", [("name", "a"), ("_count", "2")])
    assert query_text("Patient", [("name", "a"), ("_count", "2"), ("_cursor", "x"), ("_format", "xml")]) == plain
    assert query_text("Patient", [("name", "a"), ("_count", "3")]) != plain
    assert query_text("Patient", [("name", "a,_count"), ("", "2")]) != plain


def test_links():
    pairs = [("name", "a&b"), ("_cursor", "here")]
    assert page_links("http://h", "Patient", pairs, "there") == [
        ("self", "http://h/Patient?name=a%26b&_cursor=here"),
        ("first", "http://h/Patient?name=a%26b"),
        ("next", "http://h/Patient?name=a%26b&_cursor=there"),
    ]
    assert page_links("http://h", "", [], "there")[1] == ("next", "http://h?_cursor=there")


def test_encode_query_escapes_what_would_change_the_meaning():
    assert (
        encode_query([("a b", "é+%&=#|"), ("c:in", "http://x/y,z")]) == "a+b=%C3%A9%2B%25%26%3D%23%7C&c:in=http://x/y,z"
    )
