"""CORS, limits and headers of every answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from stanforis.errors import OperatorError
from stanforis.settings import Settings
from stanforis.transport.cors import Allowing
from stanforis.transport.limiting import Limiter
from stanforis.transport.shell import ANSWERED, Shell

APP, CLINIC = "https://app.example.org", "https://clinic.example.org"
ORIGINS = f"{APP}, clinic@{CLINIC}"


async def app(scope, receive, send):
    headers = [(b"content-type", b"text/plain"), (b"x-frame-options", b"SAMEORIGIN")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"reached"})


async def asked(
    shell: Shell, path: str, method: str = "GET", *, scheme: str = "http", client: str = "192.0.2.1", **headers
):
    """Return status, headers and body of an answer."""
    sent: list[Mapping[str, Any]] = []
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    target = {"path": unquote(path), "raw_path": path.encode()}
    scope = {"type": "http", "method": method, **target, "headers": given, "scheme": scheme}

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.disconnect"}

    await shell(scope | {"client": (client, 1)}, receive, send)
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, sent[1]["body"]


@pytest.mark.parametrize(
    ("origin", "path", "is_allowed"),
    [
        (APP, "/fhir/Patient", True),
        (APP, "/t/clinic/fhir/Patient", True),
        (CLINIC, "/t/clinic/fhir/Patient", True),
        (CLINIC, "/fhir/Patient", False),
        (CLINIC, "/t/other/fhir/Patient", False),
        ("https://evil.example", "/fhir/Patient", False),
        ("https://app.example.org.evil.example", "/fhir/Patient", False),
        ("http://app.example.org", "/fhir/Patient", False),
        ("null", "/fhir/Patient", False),
        ("https://evil.example", "/fhir/metadata", True),
        ("https://evil.example", "/fhir/.well-known/smart-configuration", True),
        ("https://evil.example", "/auth/token", True),
        ("https://evil.example", "/t/2/auth/par", True),
        ("https://evil.example", "/auth/login", False),
        ("https://evil.example", "/auth/token/x", False),
        ("https://evil.example", "/auth/introspect", False),
    ],
)
async def test_an_origin_may_read_what_its_tenant_allows(origin, path, is_allowed):
    shell = Shell(app, Settings(cors_origins=ORIGINS))
    _, headers, body = await asked(shell, path, origin=origin)
    assert (headers.get("access-control-allow-origin") == origin) is is_allowed
    assert "access-control-allow-credentials" not in headers
    assert headers["vary"] == "Origin"
    assert body == b"reached"


def who_allows(name, answered):
    """Two tenants, `clinic` (2) and `other` (3); without a name and before an answer both are meant."""
    tenants = {"clinic": CLINIC, "other": "https://other.example.org", "default": ""}
    named = name or {1: "default", 2: "clinic", 3: "other"}.get(answered)
    meant = [named] if named in tenants else [] if named else list(tenants)
    return Allowing(meant, {tenants[each].encode() for each in meant if tenants[each]})


@pytest.mark.parametrize(
    ("path", "answered", "preflight", "answer"),
    [
        ("/t/clinic/fhir/Patient", None, True, True),
        ("/t/other/fhir/Patient", None, False, False),
        ("/t/nobody/fhir/Patient", None, False, False),
        ("/fhir/Patient", 2, True, True),
        ("/fhir/Patient", 3, True, False),
        ("/fhir/Patient", 1, True, False),
        ("/fhir/Patient", None, True, True),
        ("/t/other/fhir/Patient", 2, False, False),
        ("/auth/account", None, False, False),
        ("/admin/users", None, False, False),
    ],
)
async def test_an_answer_is_for_the_origins_of_the_tenant_that_it_is_of(path, answered, preflight, answer):
    async def of_tenant(scope, receive, send):
        scope[ANSWERED].extend([] if answered is None else [answered])
        await app(scope, receive, send)

    shell = Shell(of_tenant, Settings(), who_allows=who_allows)
    asks = {"origin": CLINIC, "access_control_request_method": "GET"}
    _, ahead, _ = await asked(shell, path, "OPTIONS", **asks)
    _, headers, _ = await asked(shell, path, origin=CLINIC)
    allowed = [each.get("access-control-allow-origin") == CLINIC for each in (ahead, headers)]
    assert allowed == [preflight, answer]
    assert headers["vary"] == "Origin"


async def test_what_the_application_says_to_every_origin_is_said_once():
    async def public(scope, receive, send):
        headers = [(b"access-control-allow-origin", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.disconnect"}

    path = "/fhir/.well-known/smart-configuration"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": [(b"origin", b"x")]}
    await Shell(public, Settings())({**scope, "client": ("192.0.2.1", 1)}, receive, send)
    found = [value for name, value in sent[0]["headers"] if name == b"access-control-allow-origin"]
    assert found == [b"*"]


async def test_a_preflight_is_answered_and_does_not_reach_the_application():
    shell = Shell(app, Settings(cors_origins=ORIGINS))
    asks = {"origin": APP, "access_control_request_method": "PUT", "access_control_request_headers": "if-match"}
    status, headers, body = await asked(shell, "/fhir/Patient/1", "OPTIONS", **asks)
    assert (status, body, headers["access-control-allow-origin"]) == (204, b"", APP)
    assert "PUT" in headers["access-control-allow-methods"]
    assert {"If-Match", "X-Purpose-Of-Use", "X-Break-Glass"} <= set(headers["access-control-allow-headers"].split(", "))


async def test_a_preflight_of_others_allows_nothing():
    shell = Shell(app, Settings(cors_origins=ORIGINS))
    asks = {"origin": "https://evil.example", "access_control_request_method": "GET"}
    _, headers, _ = await asked(shell, "/fhir/Patient/1", "OPTIONS", **asks)
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("text", ["app.example.org", "https://app.example.org/path", "https://a b", "ftp://a"])
def test_what_is_no_origin_stops_the_start(text):
    with pytest.raises(OperatorError, match="STANFORIS_CORS_ORIGINS"):
        Shell(app, Settings(cors_origins=text))


async def test_every_answer_has_headers_for_browsers_unless_the_application_says_otherwise():
    _, headers, _ = await asked(Shell(app, Settings()), "/")
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "SAMEORIGIN")
    assert "strict-transport-security" not in headers


async def test_over_tls_browsers_are_told_to_come_so_again():
    _, headers, _ = await asked(Shell(app, Settings()), "/", scheme="https")
    assert headers["strict-transport-security"].startswith("max-age=")


async def test_an_address_that_asks_too_much_is_told_when_to_come_again():
    shell = Shell(app, Settings(address_limit=2))
    assert [(await asked(shell, "/fhir/Patient"))[0] for _ in range(3)] == [200, 200, 429]
    _, headers, body = await asked(shell, "/fhir/Patient")
    assert 0 < int(headers["retry-after"]) <= 60
    assert b'"code":"throttled"' in body
    assert (await asked(shell, "/fhir/Patient", client="192.0.2.2"))[0] == 200


async def test_an_ipv6_host_is_counted_by_its_network():
    shell = Shell(app, Settings(address_limit=1))
    assert (await asked(shell, "/", client="2001:db8:0:1::1"))[0] == 200
    assert (await asked(shell, "/", client="2001:db8:0:1::2"))[0] == 429
    assert (await asked(shell, "/", client="2001:db8:0:2::1"))[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/auth/token",
        "/auth/authorize",
        "/auth/par",
        "/auth/register",
        "/t/2/auth/login",
        "/%61uth/token",
        "/t/%32/auth/par",
    ],
)
async def test_signing_in_is_limited_more(path):
    shell = Shell(app, Settings(sign_in_limit=1))
    assert [(await asked(shell, path))[0] for _ in range(2)] == [200, 429]
    assert (await asked(shell, "/fhir/Patient"))[0] == 200


async def test_this_machine_is_not_counted():
    shell = Shell(app, Settings(address_limit=1))
    assert [(await asked(shell, "/", client="127.0.0.1"))[0] for _ in range(3)] == [200] * 3


def test_each_process_grants_its_share():
    limiter = Limiter(10, processes=4)
    assert [bool(limiter.refuses("a")) for _ in range(4)] == [False, False, False, True]
