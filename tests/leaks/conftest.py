"""Three tenants of one server with resources under the same ids, each with a secret of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import httpx
import pytest
from stanforis.storage.embedded import ConnectionInfo
from stanforis.tenancy.registry import Registry
from stanforis.tenancy.tenants import State

from adapters.hl7.store.postgres import migrations as hl7
from fhir_api.app import Application, create_app
from fhir_api.store.postgres import migrations
from identity.access.store import migrations as access
from tests.support.applications import SETTINGS

JSON = {"content-type": "application/fhir+json"}
_numbers = count()


@dataclass(frozen=True, slots=True)
class House:
    """A tenant.

    Attributes:
        number: of it.
        base: path of its FHIR base.
        only: logical id that no other tenant has.
        family: family name of its patients.
        secret: what nobody else may ever see.
    """

    number: int
    base: str
    only: str
    family: str
    secret: str


@pytest.fixture(scope="session")
def database(postgres: ConnectionInfo) -> ConnectionInfo:
    """The private PostgreSQL with the schemas of the whole suite."""
    migrations.upgrade(postgres.owner_dsn)
    hl7.upgrade(postgres.owner_dsn)
    access.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture(scope="session")
def prepared(database: ConnectionInfo) -> Application:
    """The application, made once."""
    return create_app(replace(SETTINGS, database_url=database.owner_dsn, database_app_url=database.app_dsn))


@pytest.fixture
async def app(prepared: Application) -> AsyncIterator[Application]:
    """The application, started."""
    await prepared.start()
    yield prepared
    await prepared.stop()


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the server."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as speaking:
        yield speaking


@pytest.fixture
async def houses(app: Any, client: httpx.AsyncClient) -> list[House]:
    """The tenants, each with its resources."""
    return await built(app, lambda _: client)


async def built(app: Any, speaking: Callable[[int], httpx.AsyncClient]) -> list[House]:
    """Return three new tenants of a server that was started, filled by the client *speaking* gives for each."""
    directory = app._stores.directory
    registry: Registry = directory.registry
    made = []
    for letter in "abc":
        tenant = await registry.create(f"leaks-{next(_numbers)}-{letter}", {}, State.ACTIVE)
        words = (f"only-{tenant.number}x", f"Family{tenant.number}x", f"Secret{tenant.number}x")
        made.append(House(tenant.number, f"/t/{tenant.slug}/fhir", *words))
    await directory.refresh()
    for house in made:
        await _fill(speaking(house.number), house)
    return made


async def _fill(client: httpx.AsyncClient, house: House) -> None:
    for name in ("shared", house.only):
        for tree in _resources(house, name):
            path = f"{house.base}/{tree['resourceType']}/{tree['id']}"
            for version in (tree, {**tree, "language": "rw"}):
                stored = await client.put(path, json=version, headers=JSON)
                assert stored.status_code in (200, 201), stored.text


def _resources(house: House, name: str) -> list[dict[str, Any]]:
    subject = {"reference": f"Patient/{name}"}
    text = {"text": house.secret}
    code = {"coding": [{"system": "http://codes.example.org", "code": house.secret}]}
    return [
        {"resourceType": "Patient", "id": name, "name": [{"family": house.family}], "birthDate": "1980-02-03",
         "address": [{"line": [house.secret]}], "identifier": [{"system": "http://ids.example.org", "value": name}]},
        {"resourceType": "Observation", "id": name, "status": "final", "subject": subject, "code": text | code,
         "valueQuantity": {"value": 7, "unit": house.secret}, "effectiveDateTime": "2026-01-02"},
        {"resourceType": "Composition", "id": name, "status": "final", "type": text, "date": "2026-01-02",
         "author": [subject], "title": house.secret, "subject": subject},
        {"resourceType": "ValueSet", "id": name, "status": "active", "url": f"http://sets.example.org/{name}",
         "compose": {"include": [{"system": "http://codes.example.org", "concept": [{"code": house.secret}]}]}},
        {"resourceType": "CodeSystem", "id": name, "status": "active", "url": f"http://codes.example.org/{name}",
         "content": "complete", "concept": [{"code": house.family, "display": house.secret}]},
    ]  # fmt: skip
