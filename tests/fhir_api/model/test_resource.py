from __future__ import annotations

import orjson
import pytest

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import MAX_DEPTH, body, compact, parse, parse_json
from fhir_api.model.versions import Change, StoredVersion

KEY = ResourceKey("Patient", "a")


def nested(levels: int) -> bytes:
    return b'{"resourceType":"Patient","x":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"{}x",
        b"{'a':1}",
        b"{a:1}",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\x00"}',
        b'{"a":"\n"}',
        b'{"a":"\\x"}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":1.}',
        b'{"a":.5}',
        b'{"a":0x1}',
        b'{"a":1,}',
        b'{"a":[1,]}',
        b'{"a":True}',
        b'{"a":1 /* */}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"c":2,"b":3}}',
        b'{"a":1,"\\u0061":1}',
        b'{"a":"\\u003a","b":1,"b":2}',
        b'{"a":"\\u003A","b":1,"b":2}',
        b'{"a":":","b":1,"b":2}',
        b'[{"a":1},{"a":1,"a":1}]',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        nested(MAX_DEPTH + 1),
        nested(1000),
    ],
)
def test_json_that_is_not_strict_is_refused(raw):
    with pytest.raises(FhirError) as refusal:
        parse_json(raw)
    assert refusal.value.kind is ErrorKind.MALFORMED
    assert len(refusal.value.issues[0].diagnostics) < 200


@pytest.mark.parametrize(
    "raw",
    [
        nested(MAX_DEPTH),
        b'[{"a":1},{"a":2}]',
        b'{"a":{"a":{"a":1}}}',
        b'{"a":"\\u003a","b":"a:b::c"}',
        b'{"a:b":1,"a":2}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":"\\"a\\":1,\\"a\\":2"}',
        b'{"a":123456789012345678901234567890}',
        b' \t\r\n{ "a" : [ ] } \n',
        b'{"a":"' + b"[{" * 500 + b'"}',
    ],
)
def test_json_that_is_strict_is_read(raw):
    assert parse_json(raw) == orjson.loads(raw)


def test_errors_name_line_and_column():
    with pytest.raises(FhirError) as refusal:
        parse(b'{\n  "resourceType": "Patient",\n  "gender" "male"\n}')
    assert "line 3, column 12" in refusal.value.issues[0].diagnostics


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"5",
        b"null",
        b'"x"',
        b"true",
        b"{}",
        b'{"resourceType":5}',
        b'{"resourceType":"a b"}',
        b'{"resourceType":""}',
    ],
)
def test_what_is_no_resource_is_refused(raw):
    with pytest.raises(FhirError) as refusal:
        parse(raw)
    assert refusal.value.kind is ErrorKind.MALFORMED


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{ "a" : 1.0 ,\n"b":[ 72.50, 1E+2 ] }', b'{"a":1.0,"b":[72.50,1E+2]}'),
        (b'{"a":"  two  spaces : , "}', b'{"a":"  two  spaces : , "}'),
        (b'{"a":"\\u00e9\\t\\"\\\\"}', b'{"a":"\\u00e9\\t\\"\\\\"}'),
        (b'{"a":"http:\\/\\/x"}', b'{"a":"http://x"}'),
        (b'{"a":"\\\\/x\\\\"}', b'{"a":"\\\\/x\\\\"}'),
    ],
)
def test_compact_takes_out_white_space_only(raw, text):
    assert compact(raw) == text
    assert orjson.loads(text) == orjson.loads(raw)


@pytest.mark.parametrize(
    ("text", "laid_out"),
    [
        (b'{"resourceType":"Patient"}', b'{"resourceType":"Patient","id":"a","meta":{}}'),
        (b'{"resourceType":"Patient","id":"b"}', b'{"resourceType":"Patient","id":"a","meta":{}}'),
        (
            b'{"resourceType":"Patient","id":"b","gender":"male"}',
            b'{"resourceType":"Patient","id":"a","meta":{},"gender":"male"}',
        ),
        (
            b'{"gender":"male","id":"b","resourceType":"Patient"}',
            b'{"resourceType":"Patient","id":"a","meta":{},"gender":"male"}',
        ),
        (
            b'{"resourceType":"Patient","gender":"male","id":"b"}',
            b'{"resourceType":"Patient","id":"a","meta":{},"gender":"male"}',
        ),
        (
            b'{"resourceType":"Patient","id":"b","meta":{"versionId":"7","tag":[{"code":"t"}],"lastUpdated":"x"},"x":1.0}',
            b'{"resourceType":"Patient","id":"a","meta":{"tag":[{"code":"t"}]},"x":1.0}',
        ),
        (
            b'{"resourceType":"Patient","meta":{"versionId":"7","_versionId":{"id":"x"}}}',
            b'{"resourceType":"Patient","id":"a","meta":{}}',
        ),
        (
            b'{"resourceType":"Patient","i\\u0064":"b","gender":"male"}',
            b'{"resourceType":"Patient","id":"a","meta":{},"gender":"male"}',
        ),
    ],
)
def test_body_has_one_layout(text, laid_out):
    assert body(parse(text), KEY) == laid_out


def test_a_property_name_that_needs_escapes_keeps_them():
    resource = parse(b'{"resourceType":"Patient","meta":{},"a\\"b":1}')
    assert orjson.loads(body(resource, KEY))['a"b'] == 1


@pytest.mark.parametrize("meta", [b"{}", b'{"tag":[]}'])
def test_a_stored_version_shows_its_number_and_time(meta):
    resource = parse(b'{"resourceType":"Patient","meta":%b,"active":true}' % meta)
    version = StoredVersion(KEY, 3, 1_795_420_800_123, Change.UPDATE, body(resource, KEY))
    shown = orjson.loads(version.resource())
    assert shown == {
        "resourceType": "Patient",
        "id": "a",
        "meta": {"versionId": "3", "lastUpdated": "2026-11-23T08:00:00.123Z"} | orjson.loads(meta),
        "active": True,
    }
    assert version.etag == 'W/"3"'
