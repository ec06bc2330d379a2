"""The server through PgBouncer in transaction mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest
from stanforis.errors import OperatorError
from stanforis.settings import Settings
from stanforis.storage.embedded import EmbeddedPostgres
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.storage.pooler import PoolerError
from stanforis.tenancy.contexts import open_contexts
from stanforis.tenancy.tenants import State

from fhir_api.app import Application, create_app
from fhir_api.store.postgres import migrations
from identity.access.hosting.authority import Authority
from identity.access.hosting.owner import owner_key, owner_token
from identity.access.store import migrations as access
from identity.access.store.records import Role
from tests.support import pgbouncer
from tests.support.applications import BASE, SETTINGS

END_SESSIONS = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'stanforis_app'"
SITE = BASE.removesuffix("/fhir")
JSON = {"content-type": "application/fhir+json"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedPostgres]:
    pgbouncer.program()
    with pgbouncer.clusters() as started:
        migrations.upgrade(started.connection.owner_dsn)
        access.upgrade(started.connection.owner_dsn)
        yield started


@pytest.fixture(scope="module")
def pooled(cluster: EmbeddedPostgres) -> Iterator[str]:
    """The database behind a pooler with two sessions."""
    with pgbouncer.pooled(cluster) as url:
        yield url


def superuser(cluster: EmbeddedPostgres) -> psycopg.Connection:
    return psycopg.connect(cluster.connection.owner_dsn.replace("stanforis_owner@", "postgres@"), autocommit=True)


@pytest.fixture
async def app(cluster: EmbeddedPostgres, pooled: str, tmp_path: Path) -> AsyncIterator[Application]:
    """The server, with access control, of a few connections to few sessions."""
    settings = replace(
        SETTINGS,
        data=tmp_path,
        database_url=cluster.connection.owner_dsn,
        database_app_url=pooled,
        database_sessions_shared=True,
    )
    with superuser(cluster) as administrator:
        for command in await advised(pooled):
            administrator.execute(command)
        administrator.execute(END_SESSIONS)
    made = create_app(settings, access=Authority(settings))
    await made.start()
    yield made
    await made.stop()


async def advised(url: str) -> list[str]:
    """Return the commands that the refusal of sessions as they are tells to an administrator; none where they fit."""
    settings = (("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"),
                ("max_parallel_workers_per_gather", "0"))  # fmt: skip
    pool = Pool(PoolOptions(url, settings=settings, shared_sessions=True))
    try:
        async with pool.acquire():
            return []
    except PoolerError as error:
        return str(error).partition("administrator: ")[2].rstrip(".").split("; ")
    finally:
        await pool.close()


async def test_sessions_that_are_made_otherwise_are_refused_with_what_to_do(cluster, pooled):
    with superuser(cluster) as administrator:
        administrator.execute("ALTER ROLE stanforis_app IN DATABASE stanforis RESET ALL")
        administrator.execute(END_SESSIONS)
    commands = await advised(pooled)
    assert "ALTER ROLE stanforis_app IN DATABASE stanforis SET enable_seqscan = off" in commands
    assert any("statement_timeout = 30000" in each for each in commands)


async def test_tenants_are_kept_apart_on_sessions_that_change(app, tmp_path):
    directory = app._stores.directory
    tenants = [(await directory.registry.create(f"pooled-{name}", {}, State.ACTIVE)).number for name in "abc"]
    await directory.refresh()
    key = owner_key(tmp_path)

    async def used(tenant: int) -> None:
        headers = {"authorization": f"Bearer {owner_token(key, BASE, tenant=tenant)}"}
        base = f"{SITE}/t/{tenant}/fhir"
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), headers=headers | JSON) as client:
            for number in range(8):
                patient = {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": f"Of{tenant}"}]}
                assert (await client.put(f"{base}/Patient/p{number}", json=patient)).status_code == 201
                entry = {
                    "resource": {**patient, "id": f"t{number}"},
                    "request": {"method": "PUT", "url": f"Patient/t{number}"},
                }
                bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
                assert (await client.post(base, json=bundle)).status_code == 200
                found = (await client.get(f"{base}/Patient?family=Of{tenant}")).json()
                assert found["total"] == 2 * (number + 1)
                assert (await client.get(f"{base}/Patient?name:missing=true&_total=accurate")).json()["total"] == 0
                history = (await client.get(f"{base}/_history")).json()
                assert {entry["resource"]["name"][0]["family"] for entry in history["entry"]} == {f"Of{tenant}"}

    await asyncio.gather(*map(used, tenants))


async def test_what_the_authorization_server_keeps(app):
    store = app._access.stores.for_tenant(1)
    await store.keep_role(Role(name="nurse", scope="user/*.rs"))
    await asyncio.gather(*(store.generation() for _ in range(20)))
    await app._access.tend()
    assert [role.name for role in await store.roles()] == ["nurse"]


async def test_a_context_is_not_good_for_long_on_a_shared_session(cluster, pooled):
    contexts = await open_contexts(cluster.connection.owner_dsn, shared_sessions=True)
    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as session:
        (number,) = session.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        assert number
        context = contexts._signed(1, 0, 0.0)
        seen = session.execute("SELECT tenancy.enter(%s), tenancy.current()", [context]).fetchone()
        assert seen == (1, None)


async def test_a_pooler_that_hands_on_names_of_statements_is_refused(cluster):
    with pgbouncer.pooled(cluster, keeps_statements=False) as url:
        pool = Pool(PoolOptions(url, shared_sessions=True))
        with pytest.raises(OperatorError, match=r"PgBouncer 1\.21 or newer"):
            async with pool.acquire():
                pass
        await pool.close()


def test_a_server_without_the_setting_does_not_start_through_a_pooler(cluster, pooled):
    settings = Settings(database_url=cluster.connection.owner_dsn, database_app_url=pooled)

    async def opened() -> None:
        async with Pool(PoolOptions(settings.database_app_url)).acquire():
            pass

    with pytest.raises(Exception, match="ProtocolViolationError"):
        asyncio.run(opened())
