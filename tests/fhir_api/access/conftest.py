"""The application with access control, on each store, and tokens for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir_api.app import Application, create_app
from fhir_api.store.postgres import migrations
from identity.access.hosting.authority import Authority
from identity.access.hosting.owner import owner_key
from identity.access.store.memory import MemoryAccessStores
from identity.access.tokens.claims import AccessToken, DigitalIdentity
from identity.access.tokens.keys import SigningKey
from identity.access.tokens.signing import signed_access_token
from tests.support.applications import BASE, SETTINGS, open_memory, open_of_one_test

ISSUER = "http://127.0.0.1:8080/auth"
_numbers = count()
Issue = Callable[..., str]
Speak = Callable[..., httpx.AsyncClient]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder, with the keys."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def key(folder: Path) -> SigningKey:
    """A key whose signatures the server believes."""
    return owner_key(folder)


@pytest.fixture(scope="session")
def guarded_on_memory(folder: Path) -> Application:
    settings = replace(SETTINGS, data=folder)
    return create_app(settings, open_stores=open_memory, access=Authority(settings, stores=MemoryAccessStores()))


@pytest.fixture(scope="session")
def guarded_on_postgres(request: pytest.FixtureRequest, folder: Path) -> Application:
    connection = request.getfixturevalue("postgres")
    migrations.upgrade(connection.owner_dsn)
    dsn = connection.owner_dsn
    settings = replace(SETTINGS, data=folder, database_url=dsn, database_app_url=connection.app_dsn)
    return create_app(settings, open_stores=open_of_one_test, access=Authority(settings, stores=MemoryAccessStores()))


@pytest.fixture(params=["memory", "postgres"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[Application]:
    """The application with a store of its own."""
    prepared: Application = request.getfixturevalue(f"guarded_on_{request.param}")
    await prepared.start()
    yield prepared
    await prepared.stop()


@pytest.fixture(scope="session")
def issue(key: SigningKey) -> Issue:
    """Makes access tokens: ``issue(scope, patient="a", roles=("nurse",), fhir_user="Practitioner/1")``."""

    def make(scope: str, *, roles: tuple[str, ...] = (), subject_type: Any = "system", **claims: Any) -> str:
        now = int(time.time())
        identity = DigitalIdentity(
            subject_type=subject_type,
            subject=claims.pop("hashed", "hashed"),
            tenant=claims.pop("tenant", 1),
            roles=roles,
            organisation=claims.pop("organisation", None),
        )
        members: dict[str, Any] = {
            "issuer": ISSUER,
            "subject": "someone",
            "audience": BASE,
            "issued_at": now,
            "expires_at": now + 300,
            "token_id": f"token-{next(_numbers)}",
            "client_id": "app",
        }
        return signed_access_token(AccessToken(scope=scope, identity=identity, **(members | claims)), key)

    return make


@pytest.fixture
def speak(app: Application, issue: Issue) -> Speak:
    """Speaks to the FHIR base as somebody: arguments as for ``issue``; without a scope, as nobody."""

    def client(scope: str | None = None, *, headers: dict[str, str] | None = None, **claims: Any) -> httpx.AsyncClient:
        shown = dict(headers or {})
        if scope is not None:
            shown["authorization"] = f"Bearer {issue(scope, **claims)}"
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE, headers=shown)

    return client


@pytest.fixture
def owner(speak: Speak) -> httpx.AsyncClient:
    """Speaks as somebody who may do everything."""
    return speak("system/*.cruds", roles=("owner",))


@pytest.fixture
async def two_patients(owner: httpx.AsyncClient) -> None:
    """Patients ``a`` and ``b`` with a weight each, ``wa`` and ``wb``, and what they share."""
    for name in "ab":
        for tree in (
            {"resourceType": "Patient", "id": name, "name": [{"family": f"Family-{name}"}]},
            {
                "resourceType": "Observation",
                "id": f"w{name}",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
                "subject": {"reference": f"Patient/{name}"},
                "performer": [{"reference": "Practitioner/p"}],
                "effectiveDateTime": "2026-11-01",
            },
        ):
            response = await owner.put(f"/{tree['resourceType']}/{tree['id']}", json=tree)
            assert response.status_code == 201, response.text
    practitioner = {"resourceType": "Practitioner", "id": "p", "name": [{"family": "Doctor"}]}
    assert (await owner.put("/Practitioner/p", json=practitioner)).status_code == 201
