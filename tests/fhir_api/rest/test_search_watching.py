"""What operators see of searches: slow ones in the log, plans; never a patient's values."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count

import httpx
import pytest
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.app import create_app
from fhir_api.rest import watching
from fhir_api.store.postgres import migrations
from tests.fhir_api.rest.conftest import Store
from tests.support.applications import BASE, SETTINGS, open_of_one_test

SEARCH = (
    "/Patient?family:exact=Ngabo&birthdate=ge1931-05-17&_has:Observation:subject:code=http://x%7C4711&_total=accurate"
)
VALUES = ("Ngabo", "1931", "4711", "p-17")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything seems to take ten seconds."""
    ticks = count(0, 10)
    monkeypatch.setattr(watching, "perf_counter", lambda: float(next(ticks)))


@pytest.fixture
async def explaining(postgres: ConnectionInfo) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to a server that shows plans."""
    migrations.upgrade(postgres.owner_dsn)
    settings = replace(
        SETTINGS, explain_searches=True, database_url=postgres.owner_dsn, database_app_url=postgres.app_dsn
    )
    app = create_app(settings, open_stores=open_of_one_test)
    await app.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) as speaking:
        yield speaking
    await app.stop()


@pytest.mark.usefixtures("slow")
async def test_a_slow_search_is_logged_without_values(
    client: httpx.AsyncClient, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await store("Patient", "p-17", name=[{"family": "Ngabo"}])
    with caplog.at_level(logging.DEBUG):
        assert (await client.get(SEARCH)).status_code == 200
    (line,) = [record.getMessage() for record in caplog.records if record.name == watching.__name__]
    assert line == ("slow search: Patient?_has:Observation:subject:code&_total&birthdate&family:exact took 10000 ms")
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    assert not any(value in message for message in ours for value in VALUES)


async def test_a_quick_search_is_not_logged(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "perf_counter", lambda: 0.0)
    with caplog.at_level(logging.DEBUG):
        await client.get(SEARCH)
    assert [record for record in caplog.records if record.name == watching.__name__] == []


async def test_plans_are_not_shown_unless_the_setting_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/Patient?_explain=true")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (403, "forbidden")
    assert (await client.get("/Patient?_explain=false")).status_code == 200
    assert (await client.get("/Patient?_explain=perhaps")).status_code == 400


async def test_plans_of_a_search(explaining: httpx.AsyncClient) -> None:
    answer = await explaining.get(f"{SEARCH}&_explain=true")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    body = answer.json()
    assert body["parameters"] == ["family:exact", "birthdate", "_has:Observation:subject:code", "_total"]
    served = [use for statement in body["statements"] for use in statement["served"]]
    assert "Observation.subject" in {code for use in served for code in use["parameters"]}
    assert all("stanforis.tenant" in statement["sql"] for statement in body["statements"])
    assert not any(value in answer.text for value in VALUES)


async def test_plans_can_be_asked_for_by_post(explaining: httpx.AsyncClient) -> None:
    answer = await explaining.post("/Patient/_search?_explain=true", data={"family": "Ngabo"})
    assert answer.json()["parameters"] == ["family"]
