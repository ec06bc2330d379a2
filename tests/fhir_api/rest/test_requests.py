"""What comes over the wire before any route sees it."""

from __future__ import annotations

import gzip
import zlib

import httpx
import pytest

from fhir_api.rest.request import query_pairs
from tests.support.outcomes import issue_code

FHIR = {"content-type": "application/fhir+json"}
PATIENT = b'{"resourceType":"Patient","id":"a","gender":"male"}'
LIMIT = 64 * 1024 * 1024


async def ask(app, method, raw_path, *, query=b"", headers=(), messages=()):
    """Speak ASGI directly: bytes that no client library would send."""
    waiting = [*messages, {"type": "http.disconnect"}]
    sent = []

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": raw_path.decode("latin-1"),
        "raw_path": raw_path,
        "query_string": query,
        "headers": list(headers),
    }
    await app(scope, receive, send)
    if not sent:
        return None
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (b"/fhir/Patient/%zz", b"", 400),
        (b"/fhir/Patient/%ff", b"", 400),
        (b"/fhir/Patient/a%00", b"", 400),
        (b"/fhir/Patient/\xff", b"", 400),
        (b"/fhir/Patient/..", b"", 404),
        (b"/fhir/Patient/../../etc/passwd", b"", 404),
        (b"/fhir/Patient/%2e%2e%2fetc", b"", 404),
        (b"/fhir//Patient", b"", 404),
        (b"/fhir/Patient/a//", b"", 404),
        (b"/fhir/Patient", b"name=%", 400),
        (b"/fhir/Patient", b"name=%c3%28", 400),
        (b"/fhir/Patient", b"name=\xc3\xa9", 400),
        (b"/fhir/Patient", b"name=a%00b", 400),
        (b"/fhir/Patient", b"&".join([b"a=1"] * 501), 400),
        (b"/fhir/" + b"a" * 9000, b"", 414),
        (b"/fhir/Patient", b"name=" + b"a" * 9000, 414),
        (b"/other", b"", 404),
        (b"/fhirx/Patient", b"", 404),
    ],
)
async def test_urls_that_cannot_be_understood(app, path, query, status):
    response = await ask(app, "GET", path, query=query)
    assert response is not None
    assert response.status_code == status
    assert response.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("path", ["/Patient/a", "/Patient/a/", "/Patient/%61", "/%50atient/a"])
async def test_urls_that_mean_the_same(client, store, path):
    await store("Patient", "a")
    assert (await client.get(path)).status_code == 200


def test_query_pairs_keep_order_repeats_and_reserved_characters():
    text = "a=1&b=x%26y%3Dz&a=2+3&empty=&bare&&c=%C3%A9"
    assert query_pairs(text) == (("a", "1"), ("b", "x&y=z"), ("a", "2 3"), ("empty", ""), ("bare", ""), ("c", "é"))


async def test_a_body_over_the_limit_is_refused_by_its_own_word(app):
    headers = [(b"content-length", b"99999999999"), (b"content-type", b"application/fhir+json")]
    response = await ask(app, "POST", b"/fhir/Patient", headers=headers)
    assert response is not None
    assert (response.status_code, issue_code(response)) == (413, "too-long")


async def test_a_body_over_the_limit_is_refused_whatever_content_length_says(app):
    chunk = {"type": "http.request", "body": b" " * (LIMIT // 2), "more_body": True}
    headers = [(b"content-length", b"10"), (b"content-type", b"application/fhir+json")]
    response = await ask(app, "POST", b"/fhir/Patient", headers=headers, messages=[chunk] * 3)
    assert response is not None
    assert (response.status_code, response.headers["connection"]) == (413, "close")


async def test_a_client_that_leaves_gets_no_answer_and_nothing_is_stored(app, client):
    part = {"type": "http.request", "body": PATIENT, "more_body": True}
    headers = [(b"content-type", b"application/fhir+json")]
    assert await ask(app, "PUT", b"/fhir/Patient/a", headers=headers, messages=[part]) is None
    assert (await client.get("/Patient/a")).status_code == 404


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("gzip", gzip.compress(PATIENT, mtime=0)),
        ("deflate", zlib.compress(PATIENT)),
        ("deflate", zlib.compressobj(wbits=-15).compress(b"") + zlib.compress(PATIENT)[2:-4]),
        ("identity", PATIENT),
    ],
)
async def test_compressed_bodies_are_unpacked(client, coding, content):
    response = await client.put("/Patient/a", content=content, headers={**FHIR, "content-encoding": coding})
    assert response.status_code == 201, response.text


@pytest.mark.parametrize(
    ("coding", "content", "status"),
    [
        ("br", PATIENT, 415),
        ("gzip", PATIENT, 400),
        ("gzip", gzip.compress(PATIENT, mtime=0)[:-9], 400),
        ("gzip", gzip.compress(PATIENT, mtime=0) + b"more", 400),
        ("gzip", gzip.compress(b" " * (LIMIT + 1), 1), 413),
    ],
)
async def test_compressed_bodies_that_are_refused(client, coding, content, status):
    response = await client.put("/Patient/a", content=content, headers={**FHIR, "content-encoding": coding})
    assert response.status_code == status


async def test_large_answers_are_compressed_when_the_client_takes_gzip(client, store):
    await store("Patient", "a", name=[{"family": f"F{number}"} for number in range(200)])
    packed = await client.get("/Patient/a", headers={"accept-encoding": "br, gzip"})
    plain = await client.get("/Patient/a", headers={"accept-encoding": "gzip;q=0, identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
    assert packed.json() == plain.json()


@pytest.mark.parametrize(
    ("sent", "is_kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 65, False), ('"><script>', False)]
)
async def test_request_id_comes_back_when_it_is_plain(client, sent, is_kept):
    response = await client.get("/metadata", headers={"x-request-id": sent})
    assert (response.headers["x-request-id"] == sent) is is_kept


async def test_every_answer_is_safe_for_browsers(client):
    for path in ("/metadata", "/Patient/never", "/Patient"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("localhost:9", "http://localhost:9/fhir"),
        ("evil.example", "http://127.0.0.1:8080/fhir"),
        ("127.0.0.1.evil.example", "http://127.0.0.1:8080/fhir"),
        ('localhost"', "http://127.0.0.1:8080/fhir"),
    ],
)
async def test_links_follow_the_host_header_on_loopback_only(client, store, host, base):
    await store("Patient", "a")
    bundle = (await client.get("/Patient", headers={"host": host})).json()
    assert bundle["entry"][0]["fullUrl"] == f"{base}/Patient/a"


async def test_a_header_without_end_is_refused(client):
    response = await client.get("/Patient", headers={"accept": "a" * 20_000})
    assert (response.status_code, issue_code(response)) == (400, "too-long")
