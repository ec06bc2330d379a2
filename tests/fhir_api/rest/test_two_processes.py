"""Two applications on one database: a definition that one of them stores counts in the other at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from fhir_api.app import create_app
from fhir_api.opening import Stores, open_postgres
from fhir_api.store.postgres import migrations
from tests.support.applications import BASE, SETTINGS, OfOneTest
from tests.support.outcomes import issue_code
from tests.support.packages import profile

JSON = {"content-type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "meta": {"profile": [profile()["url"]]}}


@pytest.fixture
async def clients(request: pytest.FixtureRequest) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two clients, each of an application of its own, both of one tenant."""
    connection = request.getfixturevalue("postgres")
    migrations.upgrade(connection.owner_dsn)
    settings = replace(
        SETTINGS,
        database_url=connection.owner_dsn,
        database_app_url=connection.app_dsn,
        validation_profiles="enforce",
    )
    first: list[OfOneTest] = []

    async def open_stores(settings, definitions) -> Stores:
        opened = OfOneTest(await open_postgres(settings, definitions))
        first.append(opened)
        opened.first = first[0].first
        return opened

    apps = [create_app(settings, open_stores=open_stores) for _ in range(2)]
    for app in apps:
        await app.start()
    yield [httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) for app in apps]
    for app in apps:
        await app.stop()


async def test_a_definition_counts_in_every_process_from_the_moment_it_is_stored(clients):
    here, there = clients
    assert issue_code(await there.post("/Patient", json=PATIENT, headers=JSON)) == "not-found"
    stored = (await here.post("/StructureDefinition", json=profile(), headers=JSON)).json()
    assert issue_code(await there.post("/Patient", json=PATIENT, headers=JSON)) != "not-found"
    loose = stored | {"differential": {"element": [{"id": "Patient", "path": "Patient"}]}}
    await here.put(f"/StructureDefinition/{stored['id']}", json=loose, headers=JSON)
    assert (await there.post("/Patient", json=PATIENT, headers=JSON)).status_code == 201
    await here.delete(f"/StructureDefinition/{stored['id']}")
    assert issue_code(await there.post("/Patient", json=PATIENT, headers=JSON)) == "not-found"
