"""Several tenants of one server: each at its own base, in its own state, with its own plan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count

import asyncpg
import httpx
import pytest
from stanforis.tenancy.tenants import State

from fhir_api.app import Application, create_app
from fhir_api.store.postgres import migrations
from tests.support.applications import SETTINGS
from tests.support.stores import write

ORIGIN = "http://127.0.0.1:8080"
JSON = {"content-type": "application/fhir+json"}
_numbers = count()


@pytest.fixture(scope="module")
def prepared(postgres) -> Application:
    migrations.upgrade(postgres.owner_dsn)
    return create_app(replace(SETTINGS, database_url=postgres.owner_dsn, database_app_url=postgres.app_dsn))


@pytest.fixture
async def app(prepared) -> AsyncIterator[Application]:
    await prepared.start()
    yield prepared
    await prepared.stop()


@pytest.fixture
def registry(app):
    return app._stores.directory.registry


@pytest.fixture
async def client(app) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ORIGIN) as speaking:
        yield speaking


@pytest.fixture
async def tenant(app, registry):
    """A tenant that the server knows."""
    made = await registry.create(f"house-{next(_numbers)}", {}, State.ACTIVE)
    await app._stores.directory.refresh()
    return made


async def put(client, base, name="p"):
    patient = {"resourceType": "Patient", "id": name, "name": [{"family": "Uwase"}]}
    return await client.put(f"{base}/Patient/{name}", json=patient, headers=JSON)


async def test_each_tenant_has_a_base_by_name_and_number(client, tenant):
    base = f"/t/{tenant.slug}/fhir"
    assert (await put(client, base)).status_code == 201
    for other in (base, f"/t/{tenant.number}/fhir"):
        found = (await client.get(f"{other}/Patient?_id=p")).json()
        assert found["total"] == 1
        assert found["entry"][0]["fullUrl"] == f"{ORIGIN}/t/{tenant.number}/fhir/Patient/p"
        assert found["link"][0]["url"].startswith(f"{ORIGIN}/t/{tenant.number}/fhir/Patient?")
    assert (await client.get(f"{base}/metadata")).status_code == 200
    assert (await client.get("/fhir/Patient/p")).status_code == 404


@pytest.mark.parametrize(("zone", "is_there"), [("Asia/Tokyo", True), (None, False)])
async def test_dates_without_a_zone_are_of_the_tenants_own(client, app, registry, zone, is_there):
    tenant = await registry.create(f"house-{next(_numbers)}", {"time_zone": zone}, State.ACTIVE)
    await app._stores.directory.refresh()
    base = f"/t/{tenant.slug}/fhir/Observation"
    for name, effective in (("day", "2026-03-02"), ("moment", "2026-03-01T15:30:00Z")):
        observation = {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}}
        sent = {**observation, "effectiveDateTime": effective}
        assert (await client.put(f"{base}/{name}", json=sent, headers=JSON)).status_code == 201
    # in Tokyo the second of March is over when it is 15:00 UTC, and began at 15:00 UTC of the first
    for query, name in (("date=eb2026-03-02T15:00:01Z&_id=day", "day"), ("date=2026-03-02&_id=moment", "moment")):
        found = (await client.get(f"{base}?{query}")).json()
        assert [entry["resource"]["id"] for entry in found.get("entry", ())] == ([name] if is_there else [])


@pytest.mark.parametrize(
    "path",
    ["/t/nobody/fhir/Patient", "/t/0/fhir/Patient", "/t/999999999/fhir", "/t//fhir", "/t/%31/fhir/x", "/t/nobody"],
)
async def test_who_is_not_there_is_not_found(client, path):
    assert (await client.get(path)).status_code == 404


async def test_a_suspended_tenant_is_read_and_not_changed(client, app, registry, tenant):
    base = f"/t/{tenant.slug}/fhir"
    await put(client, base)
    await registry.move(tenant.slug, State.SUSPENDED)
    await app._stores.directory.refresh()
    assert (await client.get(f"{base}/Patient/p")).status_code == 200
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    for refused in (
        await put(client, base, "other"),
        await client.delete(f"{base}/Patient/p"),
        await client.post(base, json=bundle, headers=JSON),
    ):
        assert refused.status_code == 403
        assert "suspended" in refused.json()["issue"][0]["diagnostics"]
    await registry.move(tenant.slug, State.ACTIVE)
    await app._stores.directory.refresh()
    assert (await client.get(f"{base}/Patient?_id=other")).json()["total"] == 0
    assert (await client.delete(f"{base}/Patient/p")).status_code == 204


async def test_the_database_itself_takes_no_change_of_a_suspended_tenant(app, registry, tenant):
    store = app._stores
    await registry.move(tenant.slug, State.SUSPENDED)
    await store.directory.refresh()
    async with store.shared.pool.acquire() as connection:
        context = store.shared.contexts.of(connection, tenant.number)
        for table in ("resource", "history", "token", "package"):
            async with connection.transaction():
                await connection.execute("SELECT set_config('stanforis.tenant', $1, true)", context)
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only_writers"):
                    await connection.execute(f"INSERT INTO fhir.{table} (tenant_id) VALUES ({tenant.number})")
                break


async def test_an_exported_tenant_is_served_no_more(client, app, registry, tenant):
    base = f"/t/{tenant.slug}/fhir"
    await put(client, base)
    for state in (State.SUSPENDED, State.EXPORTED):
        await registry.move(tenant.slug, state)
    await app._stores.directory.refresh()
    assert (await client.get(f"{base}/Patient/p")).status_code == 404
    assert (await put(client, base)).status_code == 404


async def test_a_change_is_known_without_a_question(client, app, registry, tenant):
    for state in (State.SUSPENDED, State.EXPORTED):
        await registry.move(tenant.slug, state)
    async with asyncio.timeout(10):
        while (await client.get(f"/t/{tenant.slug}/fhir/Patient")).status_code != 404:  # noqa: ASYNC110 - of a server
            await asyncio.sleep(0.05)


async def test_a_plan_ends(client, app, registry, tenant, postgres):
    owner = await asyncpg.connect(postgres.owner_dsn)
    await owner.execute(
        "INSERT INTO tenancy.plan VALUES ('tiny', 8, 2, NULL) ON CONFLICT (name) DO UPDATE SET requests_per_day = 8"
    )
    await owner.close()
    await registry.change(tenant.slug, {"plan": "tiny"})
    await app._stores.directory.refresh()
    base = f"/t/{tenant.slug}/fhir"
    assert [(await put(client, base, name)).status_code for name in "ab"] == [201, 201]
    full = await put(client, base, "c")
    assert (full.status_code, full.json()["issue"][0]["code"]) == (507, "business-rule")
    assert (await client.delete(f"{base}/Patient/a")).status_code == 204
    assert (await put(client, base, "c")).status_code == 201
    await client.get(f"{base}/Patient/c")
    await app._stores.directory._ledger.flush()
    await app._stores.directory._learn()
    assert (await registry.consumed(tenant.number))[:2] == (6, 2)
    assert [(await client.get(f"{base}/Patient/c")).status_code for _ in range(3)] == [200, 200, 429]
    assert (await client.get(f"{base}/metadata")).status_code == 200


async def test_a_tenant_nobody_asks_for_is_looked_after(client, app, tenant):
    base = f"/t/{tenant.slug}/fhir"
    own = {
        "resourceType": "SearchParameter",
        "id": "own",
        "url": "http://example.org/own",
        "status": "active",
        "name": "own",
        "description": "own",
        "code": "own",
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name.family",
    }
    await put(client, base)
    app._contexts._forget(tenant.number)
    store = app._stores.for_tenant(tenant.number)
    await store.write([write(own)])
    await app._contexts.upkeep.settle()
    assert [each.state for each in (await store.own_parameters()).parameters] == ["live"]
    assert tenant.number not in app._contexts._worlds
    assert tenant.number not in (await app._stores.due()).tenants


async def test_few_tenants_are_in_memory_at_once(app, registry):
    contexts = app._contexts
    contexts._most = 2
    made = [await registry.create(f"many-{next(_numbers)}", {}, State.ACTIVE) for _ in range(4)]
    await app._stores.directory.refresh()
    for each in made:
        assert contexts.of(each.number) is contexts.of(each.number)
    assert list(contexts._worlds) == [each.number for each in made[2:]]
