"""No token, session or id of one tenant is worth anything at another: every route that is wired, every pair."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from stanforis.storage.embedded import ConnectionInfo

from adapters.hl7.operation.mount import Operation
from fhir_api.app import create_app
from fhir_api.rest.routes import ROUTES
from identity.access.hosting.authority import Authority
from identity.access.hosting.owner import owner_key, owner_token
from identity.access.people.sessions import start_session
from identity.access.people.signing_in import SignedIn
from identity.access.store.records import Role
from tests.leaks.conftest import House, built
from tests.leaks.test_leaks_over_http import ask
from tests.support.access import a_user, an_app
from tests.support.applications import BASE, SETTINGS

SITE = BASE.removesuffix("/fhir")
BESIDE = ("/auth", "/admin", "/hl7")
"""What a tenant has beside its FHIR base."""
BODIES: dict[str, Any] = {"POST": {}, "PUT": {}, "PATCH": {}}


class Estate:
    """A server with everything on, and owners of its tenants."""

    def __init__(self, folder: Path, connection: ConnectionInfo) -> None:
        settings = replace(
            SETTINGS, data=folder, database_url=connection.owner_dsn, database_app_url=connection.app_dsn
        )
        self.key = owner_key(folder)
        self.authority = Authority(settings)
        self.app: Any = create_app(settings, access=self.authority)
        self.operation = Operation(self.app, settings, self.authority, lambda tenant: f"Bearer {self.token(tenant)}")
        self.app.put_beside(self.operation)

    def token(self, tenant: int) -> str:
        return owner_token(self.key, BASE, tenant=tenant)

    def speak(self, tenant: int | None = None, **options: Any) -> httpx.AsyncClient:
        """Return a client that shows the token of an owner of *tenant*; without one, none."""
        headers = {} if tenant is None else {"authorization": f"Bearer {self.token(tenant)}"}
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url=SITE, headers=headers, **options)

    async def let_people_in(self, house: House) -> None:
        """Give a tenant a person, an app and a role under names that no other has."""
        store = self.authority.server(house.number).store
        await store.keep_user(a_user(user_id=f"u-{house.only}", login_name=house.only, name=house.secret))
        await store.keep_client(an_app(client_id=house.only, name=house.secret))
        await store.keep_role(Role(name=house.only, scope="user/*.rs", description=house.secret))


@pytest.fixture
async def estate(tmp_path: Path, database: ConnectionInfo) -> AsyncIterator[Estate]:
    """The server, started."""
    made = Estate(tmp_path, database)
    await made.app.start()
    yield made
    await made.app.stop()


@pytest.fixture
async def houses(estate: Estate) -> list[House]:
    """The tenants, each with resources, people and apps."""
    made = await built(estate.app, estate.speak)
    for house in made:
        await estate.let_people_in(house)
    return made


def wired(application: Any) -> Iterator[tuple[str, str]]:
    """Return method and path of every route of an application, below its wrappers."""
    while not hasattr(application, "routes"):
        application = application._application
    for route in iter_route_contexts(application.routes):
        yield from ((method, str(route.path)) for method in sorted(route.methods or ()) if method != "HEAD")


async def beside(estate: Estate, house: House) -> list[tuple[str, str, str]]:
    """Return base, method and path of every route that *house* has beside its FHIR base."""
    mounts = estate.app._mounts
    made = {"/auth": await mounts._application(house.number, "/auth")}
    made["/admin"] = await mounts._application(house.number, "/admin")
    made["/hl7"] = await estate.operation._of(house.number)
    return [(base, *each) for base in BESIDE for each in wired(made[base])]


def place(house: House, base: str, path: str, name: str) -> str:
    """Return the path of a route of *house*, asked about what has the id *name*."""
    return f"/t/{house.number}{base}{re.sub(r'{[^}]*}', name, path)}"


def is_open(base: str, path: str) -> bool:
    """Tell whether a route asks for no token: pages of sign-in, endpoints of apps, descriptions."""
    return base == "/auth" or path.endswith("openapi.json")


async def test_the_routes_are_those_that_are_wired(estate, houses):
    found = await beside(estate, houses[0])
    assert {("/auth", "POST", "/token"), ("/admin", "PATCH", "/users/{name}"), ("/hl7", "GET", "/api/messages")} <= set(
        found
    )
    assert len(found) > 80


async def test_no_token_opens_the_base_of_another_tenant(estate, houses):
    for mine, other in permutations(houses, 2):
        async with estate.speak(mine.number) as client:
            for route in ROUTES:
                for base in (other.base, f"/t/{other.number}/fhir"):
                    answer = await ask(client, route, replace(other, base=base), other.family, other.only)
                    assert answer.status_code == (200 if route.path == "/metadata" else 403), (route.path, answer.text)
                    assert other.secret not in answer.text


async def test_no_token_opens_what_another_tenant_has_beside_it(estate, houses):
    for mine, other in permutations(houses, 2):
        async with estate.speak(mine.number) as client:
            for base, method, path in await beside(estate, other):
                answer = await client.request(method, place(other, base, path, other.only), json=BODIES.get(method))
                assert other.secret not in answer.text
                if base == "/hl7" and not path.startswith("/api/"):
                    assert answer.status_code in (303, 401), path
                elif not is_open(base, path):
                    assert answer.status_code == 403, (base, path, answer.text)


async def test_no_id_of_another_tenant_is_known(estate, houses):
    for mine, other in permutations(houses, 2):
        never = f"never-{mine.number}-{other.number}"
        async with estate.speak(mine.number) as client:
            for base, method, path in await beside(estate, mine):
                # another name may be taken here; what is kept by name is not looked for
                if "{" not in path or method == "PUT":
                    continue
                asked = [
                    await client.request(method, place(mine, base, path, name), json=BODIES.get(method))
                    for name in (other.only, never)
                ]
                told = [(answer.status_code, answer.text.replace(other.only, never)) for answer in asked]
                assert told[0] == told[1], (base, method, path)
                assert other.secret not in told[0][1]


async def test_only_the_default_tenant_looks_after_the_installation(estate, houses):
    routes = list(wired(await estate.app._installation._application()))
    assert ("PATCH", "/tenants/{slug}") in routes
    for house in houses:
        async with estate.speak(house.number) as client:
            for method, path in routes:
                if not is_open("/admin", path):
                    url = f"/admin/installation{path.format(slug=houses[0].base.split('/')[2])}"
                    assert (await client.request(method, url, json=BODIES.get(method))).status_code == 403


async def test_no_session_of_another_tenant_is_known(estate, houses):
    for mine, other in permutations(houses, 2):
        server = estate.authority.server(mine.number)
        user = await server.store.user(f"u-{mine.only}")
        secret = await start_session(server, SignedIn(user, ("pwd",)), None)
        cookies = {"cookie": f"__Host-session={secret}"}
        async with estate.speak() as browser:
            own = await browser.get(f"/t/{mine.number}/auth/account", headers=cookies)
            assert (own.status_code, mine.secret in own.text) == (200, True)
            for path in ("auth/account", "auth/device", "hl7/"):
                answer = await browser.get(f"/t/{other.number}/{path}", headers=cookies)
                assert (answer.status_code in (303, 401), mine.secret in answer.text) == (True, False), path


async def test_no_trail_tells_of_another_tenant(estate, houses):
    for house in houses:
        async with estate.speak(house.number) as client:
            assert (await client.get(f"{house.base}/Patient/{house.only}")).status_code == 200
    for mine, other in permutations(houses, 2):
        asked = f"AuditEvent?entity=Patient/{other.only}&_summary=count"
        async with estate.speak(other.number) as client, asyncio.timeout(30):
            # nobody is told when a record is kept
            while not (await client.get(f"{other.base}/{asked}")).json()["total"]:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)
        async with estate.speak(mine.number) as client:
            assert (await client.get(f"{mine.base}/{asked}")).json()["total"] == 0
            for search in ("AuditEvent?_count=500", "Provenance?_count=500", "_history?_count=500"):
                answer = await client.get(f"{mine.base}/{search}")
                assert (answer.status_code, other.secret in answer.text) == (200, False)
                assert f"Patient/{other.only}" not in answer.text.replace(asked, "")


async def test_other_wiring_would_be_found(estate, houses, monkeypatch):
    mine, other, _ = houses
    stores = estate.authority.server(mine.number), estate.authority.server(other.number)
    monkeypatch.setattr(stores[0], "store", stores[1].store)
    async with estate.speak(mine.number) as client:
        known = await client.get(f"/t/{mine.number}/admin/users/{other.only}")
        assert (known.status_code, other.secret in known.text) == (200, True)
