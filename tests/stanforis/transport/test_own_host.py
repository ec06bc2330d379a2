"""Which names a server without access control answers to."""

from __future__ import annotations

import httpx
import pytest
from stanforis.transport.own_host import OwnHost


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"reached"})


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("fhir.localhost:8080", 200),
        ("127.0.0.1:8080", 200),
        ("127.1.2.3", 200),
        ("[::1]:8080", 200),
        ("fhir.test:8080", 200),
        ("", 200),
        ("evil.example", 421),
        ("evil.example:8080", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("notlocalhost", 421),
        ("192.0.2.1:8080", 421),
        ("localhost:8080:evil", 421),
    ],
)
async def test_only_names_of_this_machine_are_answered(host, status):
    transport = httpx.ASGITransport(app=OwnHost(app, "http://fhir.test:8080/fhir"))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        answer = await client.get("/fhir/Patient", headers={"host": host})
    assert (answer.status_code, "OperationOutcome" in answer.text) == (status, status != 200)
