"""Line and column of elements in bodies as they are sent."""

from __future__ import annotations

import pytest

from fhir_api.formats.positions import positions, steps

JSON = b"""{
  "resourceType": "Patient",
  "name": [{"given": ["Ann", "{\\"a\\": [1]}"]},
    {"family": "B"}],
  "deceasedBoolean": true,
  "_birthDate": {"id": "x"}
}"""
XML = """<?xml version="1.0"?>
<!-- é -->
<Bundle xmlns="http://hl7.org/fhir">
  <entry>
    <resource>
      <Patient>
        <name><given value="é"/><given value="b"/></name>
        <deceasedBoolean value="true"/>
      </Patient>
    </resource>
  </entry>
</Bundle>""".encode()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Patient", (1, 1)),
        ("Patient.name[0].given[1]", (3, 30)),
        ("Patient.name[1]", (4, 5)),
        ("Patient.name[1].family", (4, 16)),
        ("Patient.deceased", (5, 22)),
        ("Patient.birthDate", (6, 17)),
        ("Patient.name[1].period.start", (4, 5)),
        ("Patient.name[7]", (3, 11)),
        ("Patient.deceased.ofType(boolean)", (5, 22)),
        ("resourceType", (2, 19)),
    ],
)
def test_an_element_is_found_in_json(expression: str, expected: tuple[int, int]) -> None:
    places = positions(JSON, is_xml=False)
    assert places is not None
    assert places.find(steps(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Bundle", (3, 1)),
        ("Bundle.entry[0].resource.name[0].given[1]", (7, 33)),
        ("Bundle.entry[0].resource.deceased", (8, 9)),
        ("Bundle.entry[0].resource.gender", (5, 5)),
        ("Bundle.type", (3, 1)),
    ],
)
def test_an_element_is_found_in_xml(expression: str, expected: tuple[int, int]) -> None:
    places = positions(XML, is_xml=True)
    assert places is not None
    assert places.find(steps(expression)) == expected


@pytest.mark.parametrize("raw", [b"\xff", b"<a", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_what_cannot_be_read_has_no_places(raw: bytes) -> None:
    assert positions(raw, is_xml=not raw.startswith(b"\xff")) is None


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a": ', b"[" * 100_000, b'{"a": [1, {"b": }]}', b"1"])
def test_bad_json_gives_a_place_or_none(raw: bytes) -> None:
    places = positions(raw, is_xml=False)
    assert places is not None
    places.find([("a", 1), ("b", 0)])


def test_a_byte_order_mark_takes_no_column() -> None:
    places = positions(b"\xef\xbb\xbf" + JSON, is_xml=False)
    assert places is not None
    assert places.find(steps("Patient.name[1]")) == (4, 5)
