"""What is answered beside FHIR stands in the request log and in metrics, and nothing secret does."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator

import httpx
import pytest
from stanforis.outbound.addresses import networks
from stanforis.telemetry import Metrics, RequestLog

from fhir_api.app import Application
from fhir_api.rest.recording import Recording

SITE = "http://127.0.0.1:8080"
SECRET = "hush-hush-hush"


@pytest.fixture
async def app(guarded_on_memory: Application) -> AsyncIterator[Application]:
    await guarded_on_memory.start()
    yield guarded_on_memory
    await guarded_on_memory.stop()


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("POST", f"/auth/token?code={SECRET}", "/auth/token", 400),
        ("GET", f"/auth/authorize?state={SECRET}", "/auth/authorize", 400),
        ("GET", "/auth/jwks", "/auth/jwks", 200),
        ("GET", f"/auth/{SECRET}", "/auth/(none)", 404),
        ("GET", f"/admin/users/{SECRET}", "/admin/users/{name}", 401),
        ("GET", "/fhir/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration", 200),
    ],
)
async def test_a_request_is_a_line_and_a_figure_by_its_route(app, monkeypatch, method, path, route, status):
    reading, writing = os.pipe()
    metrics = Metrics()
    monkeypatch.setattr(app, "_recording", Recording(metrics, RequestLog(descriptor=writing)))
    headers = {"authorization": f"Bearer {SECRET}", "x-request-id": "asked-1"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=SITE) as client:
        answer = await client.request(method, path, headers=headers)
    os.close(writing)
    (line,) = os.read(reading, 4096).decode().splitlines()
    os.close(reading)
    told = json.loads(line)
    assert (answer.status_code, answer.headers["x-request-id"]) == (status, told["request_id"])
    assert (told["method"], told["route"], told["status"]) == (method, route, status)
    assert told["bytes"] == len(answer.content)
    assert SECRET not in line
    figures = metrics.render().decode()
    assert f'route="{route}"' in figures
    assert SECRET not in figures


async def test_what_is_answered_by_nobody_is_no_line(app, monkeypatch):
    reading, writing = os.pipe()
    monkeypatch.setattr(app, "_recording", Recording(Metrics(), RequestLog(descriptor=writing)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=SITE) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/elsewhere")).status_code == 404
    os.close(writing)
    assert not os.read(reading, 4096)
    os.close(reading)


@pytest.mark.parametrize(
    ("client", "is_shown"),
    [
        (("127.0.0.1", 1), True),
        (("::1", 1), True),
        (("::ffff:127.0.0.1", 1), True),
        (("10.9.0.7", 1), True),
        (("10.8.0.7", 1), False),
        (("192.0.2.1", 1), False),
        (("somewhere", 1), False),
        (None, False),
    ],
)
async def test_figures_are_for_those_who_watch(app, monkeypatch, client, is_shown):
    monkeypatch.setattr(app, "_watchers", networks("10.9.0.0/16"))
    transport = httpx.ASGITransport(app=app, client=client)
    async with httpx.AsyncClient(transport=transport, base_url=SITE) as http:
        answer = await http.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"})
    assert answer.status_code == (200 if is_shown else 404)
