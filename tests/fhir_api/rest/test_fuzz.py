"""Whatever comes in, no answer is a fault, and every refusal is a sound OperationOutcome."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_api.app import Application, create_app
from fhir_api.model.resource import parse
from fhir_api.rest.routes import ROUTES
from fhir_api.validation.validator import StructureValidator
from tests.fhir_api.rest.conftest import SETTINGS, open_memory

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
SEGMENTS = st.one_of(
    st.sampled_from(
        [
            "Patient",
            "Observation",
            "Binary",
            "Bundle",
            "Nonsense",
            "a",
            "b",
            "_history",
            "_search",
            "metadata",
            "1",
            "2",
            "*",
            "$everything",
            "..",
            ".",
            "",
            "%2e",
            "%00",
            "%zz",
            "%ff",
            "a%2Fb",
            "Patient%20",
            "_",
            "$",
            "-",
            "A" * 65,
        ]
    ),
    st.text(max_size=8).map(lambda text: text.encode("utf-8", "replace").hex()),
)
NAMES = st.sampled_from(
    [
        "_id",
        "_count",
        "_sort",
        "_cursor",
        "_summary",
        "_elements",
        "_total",
        "_include",
        "_revinclude",
        "_has",
        "_type",
        "_lastUpdated",
        "_since",
        "_at",
        "_format",
        "_pretty",
        "_tag",
        "name",
        "name:exact",
        "birthdate",
        "identifier",
        "gender:not",
        "general-practitioner.name",
        "_has:Observation:subject:code",
        "value-quantity",
        "_list",
        "_filter",
        "code:in",
        "subject:Patient.name",
        "name:missing",
        "code-value-quantity",
        "date",
        "_text",
        "x",
        "",
        ":",
        "mode",
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            "1",
            "0",
            "-1",
            "a",
            "true",
            "2020",
            "ge2020-01",
            "2020-02-30",
            "9999-12-31",
            "0000",
            "http://x|1",
            "|",
            "a|b|c",
            "%2C",
            "%5C",
            "a%5C%2Cb",
            "Patient/a",
            "5.4|http://unitsofmeasure.org|kg",
            "1e400",
            "1e-400",
            "nan",
            "inf",
            "json",
            "xml",
            "*",
            "Patient:*",
            "Patient:organization:Organization",
            "Observation:subject",
            "-date,,name",
            "%F0%9F%92%89",
            "%00",
            "%",
            "a$b",
            "$",
            "9" * 400,
            "ap1e308",
            "eq",
            "lt",
            "2020-01-01T25:00",
            "+1",
            "name,-name",
        ]
    ),
    st.text(max_size=12).map(lambda text: "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "replace"))),
)
QUERIES = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(lambda pairs: "&".join(f"{k}={v}" for k, v in pairs))
HEADERS = st.lists(
    st.one_of(
        st.tuples(
            st.just(b"content-type"),
            st.sampled_from(
                [
                    b"application/fhir+json",
                    b"application/json-patch+json",
                    b"application/fhir+xml",
                    b"text/plain",
                    b"application/x-www-form-urlencoded",
                    b"application/fhir+json;charset=utf-16",
                    b";;;",
                    b"\xff",
                ]
            ),
        ),
        st.tuples(
            st.sampled_from(
                [
                    b"accept",
                    b"prefer",
                    b"if-match",
                    b"if-none-match",
                    b"if-modified-since",
                    b"if-none-exist",
                    b"host",
                    b"accept-encoding",
                    b"content-encoding",
                    b"content-length",
                    b"x-request-id",
                    b"x-security-context",
                ]
            ),
            st.one_of(
                st.sampled_from(
                    [
                        b"*/*",
                        b'W/"1"',
                        b'W/"999999999999"',
                        b"*",
                        b"name=x",
                        b"identifier=a|b",
                        b"gzip",
                        b"deflate",
                        b"return=minimal",
                        b"respond-async",
                        b"handling=lenient",
                        b"application/fhir+xml",
                        b"-1",
                        b"?=%",
                        b"Sun, 06 Nov 1994 08:49:37 GMT",
                        b"Sun, 99 Nov 99999 99:99:99 GMT",
                        b"q=;,;=",
                        b"Patient/1",
                    ]
                ),
                st.binary(max_size=20),
            ),
        ),
    ),
    max_size=4,
)
JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70).map(float),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=10),
        st.sampled_from(["Patient", "Patient/a", "urn:uuid:1", "2020-01-01", "http://x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "id",
                    "meta",
                    "extension",
                    "url",
                    "valueString",
                    "identifier",
                    "system",
                    "value",
                    "contained",
                    "reference",
                    "birthDate",
                    "_birthDate",
                    "text",
                    "div",
                    "status",
                    "code",
                    "coding",
                    "gender",
                    "x",
                    "",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
RESOURCES = st.builds(
    lambda resource_type, rest: {"resourceType": resource_type, "id": "a", **rest},
    st.sampled_from(["Patient", "Observation", "Binary", "Nonsense", "Bundle", 1]),
    st.dictionaries(
        st.sampled_from(["name", "gender", "meta", "contained", "text", "extension"]), JSON_VALUES, max_size=3
    ),
)
SOUND = st.sampled_from(
    [
        {"resourceType": "Patient", "id": "a", "identifier": [{"system": "http://x", "value": "1"}], "gender": "male"},
        {"resourceType": "Patient", "id": "b", "name": [{"family": "B"}], "birthDate": "2020"},
        {"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "x"}, "valueInteger": 1},
        {"resourceType": "Binary", "id": "a", "contentType": "text/plain", "data": "aGk="},
    ]
)
ENTRIES = st.builds(
    lambda method, path, query, resource: {
        "fullUrl": "urn:uuid:1",
        "resource": resource,
        "request": {"method": method, "url": f"{path}?{query}", "ifNoneExist": query, "ifMatch": path},
    },
    METHODS,
    st.sampled_from(
        ["Patient", "Patient/a", "", "metadata", "Patient/a/_history", "_history", "Nope", "http://x/y", "%"]
    ),
    QUERIES,
    st.one_of(SOUND, RESOURCES),
)
BUNDLES = st.builds(
    lambda kind, entries: {"resourceType": "Bundle", "type": kind, "entry": entries},
    st.sampled_from(["batch", "transaction", "history", None]),
    st.lists(ENTRIES, max_size=3),
)
PATCHES = st.lists(
    st.builds(
        lambda op, path, value: {"op": op, "path": path, "from": path, "value": value},
        st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "blow"]),
        st.sampled_from(["/gender", "/name/0", "/name/-", "/id", "", "/", "/meta", "gender", "/~2", "/name/99", 1]),
        JSON_VALUES,
    ),
    max_size=3,
)
BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=40),
    st.one_of(RESOURCES, BUNDLES, PATCHES, JSON_VALUES).map(orjson.dumps),
    st.one_of(RESOURCES, BUNDLES).map(orjson.dumps).map(gzip.compress),
    QUERIES.map(str.encode),
    st.sampled_from([b"[" * 200_000, b'{"a":' * 5000, b"1e999999", b"-", b"\xef\xbb\xbf{}", b'"\\ud800"', b"<" * 99]),
    st.sampled_from([b'<Patient xmlns="http://hl7.org/fhir"><id value="a"/></Patient>', b"<a>" * 5000]),
)

WILD = st.tuples(
    METHODS, st.lists(SEGMENTS, max_size=5).map(lambda parts: "/".join(["/fhir", *parts])), QUERIES, HEADERS, BODIES
)
FILLED = {
    "{type}": st.sampled_from(["Patient", "Observation", "Binary", "Bundle", "Group"]),
    "{id}": st.sampled_from(["a", "b"]),
    "{version}": st.sampled_from(["1", "2", "0", "99999999999"]),
}
CONTENT: dict[str | None, tuple[bytes, st.SearchStrategy[bytes]]] = {
    None: (b"*/*", st.just(b"")),
    "resource": (b"application/fhir+json", st.one_of(SOUND, RESOURCES).map(orjson.dumps)),
    "bundle": (b"application/fhir+json", BUNDLES.map(orjson.dumps)),
    "patch": (b"application/json-patch+json", PATCHES.map(orjson.dumps)),
    "form": (b"application/x-www-form-urlencoded", QUERIES.map(str.encode)),
}


@st.composite
def aimed(draw: st.DrawFn) -> tuple[str, str, str, list[tuple[bytes, bytes]], bytes]:
    """A request that some route takes."""
    route = draw(st.sampled_from(ROUTES))
    path = "/".join(draw(FILLED[part]) if part in FILLED else part for part in route.path.split("/"))
    content_type, bodies = CONTENT[route.takes]
    own = draw(st.one_of(st.just([]), st.just([]), HEADERS))
    query = draw(st.one_of(st.just(""), st.just("identifier=http://x|1"), QUERIES))
    return route.method, "/fhir" + path, query, [(b"content-type", content_type), *own[:2]], draw(bodies)


VALIDATOR = StructureValidator()


@pytest.fixture(scope="module")
def fuzzed() -> Application:
    app = create_app(SETTINGS, open_stores=open_memory)
    asyncio.run(app.start())
    return app


async def ask(
    app: Application, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "raw_path": path.encode(), "path": path}
    await app(scope | {"query_string": query.encode(), "headers": headers}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


@settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.one_of(WILD, aimed(), aimed()))
async def test_no_request_is_a_fault(fuzzed, request_sent):
    method, path, query, headers, body = request_sent
    status, sent, answer = await ask(fuzzed, method, path, query, headers, body)
    assert status < 500, (status, answer)
    if status < 400 or method == "HEAD":
        return
    if sent.get(b"content-encoding") == b"gzip":
        answer = gzip.decompress(answer)
    if b"json" not in sent[b"content-type"]:
        assert b"<OperationOutcome" in answer
        return
    outcome = parse(answer)
    assert outcome.resource_type == "OperationOutcome"
    assert not VALIDATOR.check(outcome), answer
