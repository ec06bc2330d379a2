"""What operators see: health, metrics, faults."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager

import httpx
import pytest
from stanforis.settings import Settings

from fhir_api.app import create_app
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change
from fhir_api.search.entries import IndexEntries
from fhir_api.store.port import Write


@pytest.fixture
async def beside(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8080") as speaking:
        yield speaking


async def test_health(beside):
    assert (await beside.get("/health/live")).json() == {"status": "live"}
    assert (await beside.get("/health/ready")).json() == {"status": "ready"}
    assert (await beside.head("/health/ready")).content == b""
    assert (await beside.post("/health/ready")).status_code == 405


async def test_not_ready_while_the_store_does_not_answer(app, beside, monkeypatch):
    async def broken():
        raise ConnectionError

    monkeypatch.setattr(app._stores, "ready", broken)
    response = await beside.get("/health/ready")
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")


async def test_metrics_name_routes_and_never_ids(beside):
    await beside.get("/fhir/Patient/secret-id")
    text = (await beside.get("/metrics")).text
    assert 'route="/{type}/{id}"' in text
    assert "secret-id" not in text


async def test_a_fault_shows_nothing_but_the_request_id(app, beside, monkeypatch, caplog):
    async def broken(_key):
        raise RuntimeError("Aline Uwase")

    store = app._contexts.of(1)._default.store
    monkeypatch.setattr(store, "current", broken)
    with caplog.at_level(logging.ERROR):
        response = await beside.get("/fhir/Patient/a", headers={"x-request-id": "my-id"})
    assert response.status_code == 500
    assert "my-id" in response.json()["issue"][0]["diagnostics"]
    assert "Aline" not in response.text
    assert "Traceback" not in response.text
    assert "my-id" in caplog.text


async def test_what_a_stop_breaks_off_is_answered(app, beside, monkeypatch):
    reached = asyncio.Event()

    async def endless(_key):
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(app._contexts.of(1)._default.store, "current", endless)
    asking = asyncio.ensure_future(beside.get("/fhir/Patient/a"))
    await reached.wait()
    asking.cancel()
    response = await asking
    assert (response.status_code, response.headers["connection"]) == (503, "close")
    assert "is stopping" in response.json()["issue"][0]["diagnostics"]


async def test_what_xml_cannot_say_is_not_acceptable(app, beside):
    key = ResourceKey("Patient", "odd")
    odd = b'{"resourceType":"Patient","id":"odd","meta":{},"shoeSize":44}'
    store = app._contexts.of(1)._default.store
    await store.write([Write(key, Change.CREATE, odd, IndexEntries(0))])
    response = await beside.get("/fhir/Patient/odd?_format=xml")
    assert (response.status_code, response.json()["resourceType"]) == (406, "OperationOutcome")
    assert (await beside.get("/fhir/Patient/odd")).json()["shoeSize"] == 44


async def test_a_span_is_named_by_its_route(app, beside, monkeypatch):
    finished = []

    class Span:
        def finish(self, route, status):
            finished.append((route, status))

    class Tracing:
        @contextmanager
        def request(self, method, headers):
            assert (method, headers["traceparent"]) == ("GET", "00-1-2-01")
            yield Span()

    monkeypatch.setattr(app._fhir, "_tracing", Tracing())
    await beside.get("/fhir/Patient/a", headers={"traceparent": "00-1-2-01"})
    assert finished == [("/{type}/{id}", 404)]


async def test_a_store_that_cannot_be_opened_stops_the_start():
    async def fail(_settings, _definitions):
        raise ConnectionError

    app = create_app(Settings(base_url="http://127.0.0.1:1/fhir"), open_stores=fail)
    sent = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.failed"]
