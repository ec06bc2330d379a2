"""How often a request asks the database: what stands between HTTP and the store adds nothing to it."""

from __future__ import annotations

import httpx
import pytest

from fhir_api.app import Application
from tests.fhir_api.rest.conftest import JSON
from tests.support.applications import BASE
from tests.support.statements import noted


@pytest.mark.parametrize(
    "url", ["/Patient/p", "/Observation?code=x", "/Patient?family=a&_sort=birthdate", "/Patient/p/_history"]
)
async def test_a_request_that_reads_is_one_statement(
    app_on_postgres: Application, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    await app_on_postgres.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app_on_postgres), base_url=BASE) as client:
        await client.put("/Patient/p", json={"resourceType": "Patient", "id": "p"}, headers=JSON)
        seen = noted(monkeypatch)
        assert (await client.get(url)).status_code == 200
        # what is sent later, beside requests, is not the request's
        asked = len(seen)
    await app_on_postgres.stop()
    assert asked == 1
