"""The formats of the primitive types, at their edges."""

from __future__ import annotations

import pytest

from conformance.types import nodes
from fhir_api.validation.primitives import FORMATS, MAX_STRING

GOOD: list[tuple[str, object]] = [
    ("base64Binary", "TWE="),
    ("base64Binary", "TWFu"),
    ("base64Binary", " TW\nE= "),
    ("boolean", True),
    ("boolean", False),
    ("canonical", "http://example.org/a|1.0#x"),
    ("code", "a"),
    ("code", "a b"),
    ("date", "2024"),
    ("date", "2024-12"),
    ("date", "2024-02-29"),
    ("date", "0001-01-01"),
    ("dateTime", "2024-01-31"),
    ("dateTime", "2024-01-31T00:00:00Z"),
    ("dateTime", "2024-01-31T23:59:60.123456789+14:00"),
    ("dateTime", "2024-01-31T23:59:59-13:59"),
    ("decimal", 1),
    ("decimal", -1.5),
    ("decimal", 0),
    ("decimal", 1e300),
    ("id", "A-z.9"),
    ("id", "a" * 64),
    ("instant", "2024-01-31T10:00:00.1Z"),
    ("integer", -(2**31)),
    ("integer", 2**31 - 1),
    ("markdown", "# a\n\nb"),
    ("oid", "urn:oid:1.0.3"),
    ("positiveInt", 1),
    ("string", " "),
    ("string", "a" * MAX_STRING),
    ("string", "\u0085\u202e"),
    ("time", "23:59:59.5"),
    ("unsignedInt", 0),
    ("uri", "urn:x"),
    ("uri", "a"),
    ("url", "https://example.org"),
    ("uuid", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
]
BAD: list[tuple[str, object]] = [
    ("base64Binary", ""),
    ("base64Binary", " "),
    ("base64Binary", "TWE"),
    ("base64Binary", "TW=E"),
    ("base64Binary", "TWé="),
    ("boolean", "true"),
    ("boolean", 1),
    ("boolean", 0),
    ("canonical", "a b"),
    ("code", " a"),
    ("code", "a "),
    ("code", "a  b"),
    ("code", "a\tb"),
    ("code", ""),
    ("date", "2023-02-29"),
    ("date", "1900-02-29"),
    ("date", "2024-04-31"),
    ("date", "2024-13"),
    ("date", "2024-00"),
    ("date", "2024-01-00"),
    ("date", "0000"),
    ("date", "24"),
    ("date", "2024-01-01T00:00:00Z"),
    ("date", "2024-01-01\n"),
    ("date", "\u0662\u0660\u0662\u0664"),
    ("date", 2024),
    ("dateTime", "2024-01-01T00:00:00"),
    ("dateTime", "2024-01-01T00:00Z"),
    ("dateTime", "2024-01-01T24:00:00Z"),
    ("dateTime", "2024-01-01 00:00:00Z"),
    ("dateTime", "2024-01-01T00:00:00+14:01"),
    ("dateTime", "2024-02-30T00:00:00Z"),
    ("dateTime", "2024-01-01T00:00:00.Z"),
    ("decimal", "1"),
    ("decimal", True),
    ("decimal", float("inf")),
    ("decimal", float("nan")),
    ("id", ""),
    ("id", "a_b"),
    ("id", "a" * 65),
    ("instant", "2024-01-01"),
    ("instant", "2024-01-01T00:00:00"),
    ("integer", 1.0),
    ("integer", 2**31),
    ("integer", -(2**31) - 1),
    ("integer", True),
    ("integer", "1"),
    ("markdown", ""),
    ("oid", "urn:oid:3.1"),
    ("oid", "1.2.3"),
    ("oid", "urn:oid:1.02"),
    ("positiveInt", 0),
    ("string", ""),
    ("string", "a" * (MAX_STRING + 1)),
    ("string", "a\x00"),
    ("string", "\x1b[31m"),
    ("string", 1),
    ("time", "24:00:00"),
    ("time", "10:00"),
    ("time", "10:00:00Z"),
    ("unsignedInt", -1),
    ("uri", "a b"),
    ("uri", "a\u00a0b"),
    ("uri", ""),
    ("url", "a\nb"),
    ("uuid", "c757873d-ec9a-4326-a141-556f43239520"),
    ("uuid", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_a_format_accepts(name: str, value: object) -> None:
    assert FORMATS[name].is_met_by(value)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_format_refuses(name: str, value: object) -> None:
    assert not FORMATS[name].is_met_by(value)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("value", [None, [], {}, [1], {"a": 1}, True, 1, 1.5, "", "\n"])
def test_a_format_never_raises(name: str, value: object) -> None:
    assert FORMATS[name].is_met_by(value) in {True, False}


def test_every_primitive_type_has_a_format() -> None:
    assert set(FORMATS) == {node.name for node in nodes().values() if node.kind == "primitive-type"}
