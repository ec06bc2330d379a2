"""What earlier pages of ``$everything`` have brought along, as it travels in a cursor."""

from __future__ import annotations

from fhir_api.model.keys import ResourceKey
from fhir_api.operations.links import links
from fhir_api.operations.record_page import Position
from fhir_api.operations.seen import MOST, Seen
from fhir_api.rest.cursors import Cursors

BASE = "http://server/fhir"


def key(number):
    return ResourceKey("Practitioner", f"p{number}")


def test_what_was_seen_is_known_after_travelling():
    seen = Seen()
    seen.add(map(key, range(10)))
    again = Seen(seen.packed())
    assert all(key(number) in again for number in range(10))
    assert not any(key(number) in again for number in range(10, 5000))


def test_the_oldest_are_forgotten_first():
    seen = Seen()
    seen.add(map(key, range(MOST + 1)))
    again = Seen(seen.packed())
    assert key(0) not in again
    assert key(1) in again
    assert key(MOST) in again


def test_the_largest_cursor_fits_into_a_url():
    seen = Seen()
    seen.add(map(key, range(2 * MOST)))
    position = Position(10**6, b"x" * 100, seen)
    assert len(Cursors(b"secret", "1").seal(b"query", position.packed())) < 6000


def test_links_are_those_of_this_server():
    body = (
        b'{"subject":{"reference":"Patient/1"},"x":[{"reference":"http://server/fhir/Group/2/_history/3"},'
        b'{"reference":"Patient/1"},{"reference":"#in"},{"reference":"http://other/fhir/Patient/9"},'
        b'{"reference":"urn:uuid:1"},{"url":"Binary/b"},{"url":"http://other/Binary/c"}]}'
    )
    assert links(body, BASE) == [ResourceKey("Patient", "1"), ResourceKey("Group", "2"), ResourceKey("Binary", "b")]
