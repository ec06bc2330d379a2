"""What literal references show."""

from __future__ import annotations

import pytest

from fhir_api.validation.references import FRAGMENT, NONE, OPAQUE, shown_type

UUID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


@pytest.mark.parametrize(
    ("literal", "shown"),
    [
        ("Patient/1", "Patient"),
        ("Patient/1/_history/3", "Patient"),
        ("http://example.org/fhir/Patient/1", "Patient"),
        ("http://example.org/fhir/Patient/1/_history/3", "Patient"),
        ("http://example.org/people/1", OPAQUE),
        ("http://example.org", OPAQUE),
        ("mailto:a@example.org", OPAQUE),
        (f"urn:uuid:{UUID}", OPAQUE),
        (f"urn:uuid:{UUID.upper()}", OPAQUE),
        ("urn:oid:1.2.3", OPAQUE),
        ("#", FRAGMENT),
        ("#a-1", FRAGMENT),
        ("Patient?identifier=a|1", "?Patient"),
        ("", NONE),
        ("1", NONE),
        ("Patient", NONE),
        ("Patient/", NONE),
        ("patient/1", NONE),
        ("/Patient/1", NONE),
        ("Persona/1", NONE),
        ("Patient/1/2", NONE),
        ("Patient/a_b", NONE),
        ("Patient/" + "a" * 65, NONE),
        ("Patient/1 ", NONE),
        ("Patient/1\n", NONE),
        ("Patient/1#a b", NONE),
        ("http://example.org/a b", NONE),
        ("http:", NONE),
        ("Patient?", NONE),
        ("Persona?identifier=1", NONE),
        ("#a b", NONE),
        ("##", NONE),
        ("urn:uuid:1", OPAQUE),
        ("urn:uuid:" + UUID[:-1], OPAQUE),
        ("urn:oid:x", OPAQUE),
        ("urn:uuid:", NONE),
        ("urn:oid:x y", NONE),
    ],
)
def test_a_literal_shows_its_type_or_form(literal: str, shown: str) -> None:
    assert shown_type(literal) == shown


@pytest.mark.parametrize("value", [None, 1, True, [], {}])
def test_what_is_no_text_is_no_literal(value: object) -> None:
    with pytest.raises(TypeError):
        shown_type(value)
