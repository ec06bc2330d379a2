from __future__ import annotations

from typing import Any, cast

import pytest
from msgspec.structs import replace

from fhir_api.interactions.context import Context
from fhir_api.rest.contexts import Contexts

LOCAL = Context(store=cast("Any", None), rules=cast("Any", None), base_url="http://127.0.0.1:8080/a/fhir")


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        (b"127.0.0.1:8080", "http://127.0.0.1:8080/a/fhir"),
        (b"localhost", "http://localhost/a/fhir"),
        (b"[::1]:9", "http://[::1]:9/a/fhir"),
        (None, "http://127.0.0.1:8080/a/fhir"),
        (b"evil.example", "http://127.0.0.1:8080/a/fhir"),
        (b"localhost.evil.example", "http://127.0.0.1:8080/a/fhir"),
        (b'localhost:1"', "http://127.0.0.1:8080/a/fhir"),
        (b"localhost:999999", "http://127.0.0.1:8080/a/fhir"),
    ],
)
def test_a_base_on_loopback_follows_loopback_names(host, base_url):
    contexts = Contexts(LOCAL)
    assert contexts.for_host(host).base_url == base_url
    assert contexts.for_host(host).base_url == base_url


@pytest.mark.parametrize("host", [b"localhost", b"evil.example", None])
def test_a_public_base_follows_nobody(host):
    public = replace(LOCAL, base_url="https://fhir.example.org/fhir")
    assert Contexts(public).for_host(host) is public


def test_hosts_are_not_remembered_without_end():
    contexts = Contexts(LOCAL)
    for port in range(1000):
        assert contexts.for_host(b"localhost:%d" % port).base_url == f"http://localhost:{port}/a/fhir"
    assert len(contexts._known) < 100
