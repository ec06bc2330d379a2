"""Whatever comes in, no answer is a fault, and every refusal is a sound OperationOutcome."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_api.app import Application, create_app
from fhir_api.model.resource import parse
from fhir_api.validation.validator import Validator
from tests.support.applications import SETTINGS, open_memory
from tests.support.requests import Request, aimed_requests, wild_requests

VALIDATOR = Validator()


@pytest.fixture(scope="module")
def app_for_all() -> Application:
    """One application for all requests, so that they meet what others left behind."""
    app = create_app(SETTINGS, open_stores=open_memory)
    asyncio.run(app.start())
    return app


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.one_of(wild_requests(), aimed_requests(), aimed_requests()))
async def test_no_request_is_a_fault(app_for_all: Application, request_sent: Request) -> None:
    status, headers, body = await answer(app_for_all, request_sent)
    assert status < 500, (status, body)
    if status < 400 or request_sent[0] == "HEAD":
        return
    if headers.get(b"content-encoding") == b"gzip":
        body = gzip.decompress(body)
    if b"json" not in headers[b"content-type"]:
        assert b"<OperationOutcome" in body
        return
    outcome = parse(body)
    assert outcome.resource_type == "OperationOutcome"
    assert not VALIDATOR.check(outcome), body


async def answer(app: Application, request_sent: Request) -> tuple[int, dict[bytes, bytes], bytes]:
    method, path, query, headers, body = request_sent
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "raw_path": path.encode(), "path": path}
    await app(scope | {"query_string": query.encode(), "headers": headers}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])
