"""How often an operation asks the database: the same for a small record and a large one, page by page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from fhir_api.app import Application
from tests.support.applications import BASE
from tests.support.bundles import entry, transact
from tests.support.statements import noted

OBSERVATIONS = 60


@pytest.fixture
async def client(app_on_postgres: Application):
    await app_on_postgres.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app_on_postgres), base_url=BASE) as speaking:
        yield speaking
    await app_on_postgres.stop()


@pytest.fixture
async def record(client):
    """A patient with observations, their encounter and two practitioners."""
    resources: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": "p"},
        {"resourceType": "Practitioner", "id": "one"},
        {"resourceType": "Practitioner", "id": "two"},
        {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
         "subject": {"reference": "Patient/p"}},
        *({"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": f"{number % 5}"},
           "category": [{"coding": [{"code": "vital-signs"}]}],
           "subject": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/e"},
           "performer": [{"reference": f"Practitioner/{('one', 'two')[number % 2]}"}]}
          for number in range(OBSERVATIONS)),
    ]  # fmt: skip
    await transact(client, *(entry("PUT", f"{each['resourceType']}/{each['id']}", each) for each in resources))


@pytest.fixture
def statements(record, monkeypatch):
    """The statements of reading from now on."""
    return noted(monkeypatch)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        # the patient twice (is it there; the page), the members, what they refer to
        ("/Patient/p/$everything", 4),
        ("/Patient/p/$everything?_count=10", 4),
        # nothing is followed where members alone are asked for
        ("/Patient/p/$everything?_type=Observation", 3),
        ("/Encounter/e/$everything", 4),
        ("/Observation/$lastn?patient=p&category=vital-signs", 1),
        ("/Patient/p/$meta", 1),
        ("/$meta", 1),
        ("/Patient/$meta", 1),
    ],
)
async def test_round_trips(client, statements, path, most):
    response = await client.get(path)
    assert response.status_code == 200, response.text
    assert 0 < len(statements) <= most


async def test_each_further_page_takes_two(client, statements):
    response = await client.get("/Patient/p/$everything?_count=10")
    following = {each["relation"]: each["url"] for each in response.json()["link"]}
    while "next" in following:
        statements.clear()
        bundle = (await client.get(following["next"])).json()
        following = {each["relation"]: each["url"] for each in bundle["link"]}
        assert len(statements) <= 2
