"""PostgreSQL keeps tenants apart: also on one connection, with a setting left behind, without any, and in raw SQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count

import asyncpg
import pytest
from stanforis.storage.connection import Connection
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts

from fhir_api.model.keys import ResourceKey
from fhir_api.search.query import Include, Query, Total
from fhir_api.store.port import HistoryQuery, TenantStore
from fhir_api.store.postgres.opening import ROLE, open_stores
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import DEFINITIONS, EXTRACTOR, write

_numbers = count(5_000_001, 2)
PATIENT, OBSERVATION = ResourceKey("Patient", "p"), ResourceKey("Observation", "o")
TABLES = ("resource", "history", "token", "token_code", "reference", "date", "string", "quantity", "composite")


@pytest.fixture
async def pair(stores: PostgresStores) -> tuple[int, int]:
    """Two tenants with resources under the same keys, and one that only the second has."""
    mine, other = (number := next(_numbers)), number + 1
    for tenant, family in ((mine, "Mine"), (other, "Other")):
        store = stores.for_tenant(tenant)
        await store.write([
            write({"resourceType": "Patient", "id": "p", "name": [{"family": family}], "birthDate": "1980-01-01"}),
            write({"resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p"},
                    "code": {"coding": [{"system": "http://s", "code": "c"}]}}),
        ])  # fmt: skip
    await stores.for_tenant(other).write(
        [write({"resourceType": "Patient", "id": "only", "name": [{"family": "Other"}]})]
    )
    return mine, other


async def _leave_behind(connection: Connection, context: str) -> None:
    await connection.execute("SELECT set_config('stanforis.tenant', $1, false)", context)


Act = Callable[[TenantStore], Awaitable[object]]


async def _search(store: TenantStore) -> list[bytes]:
    subject = DEFINITIONS.parameter("Observation", "subject")
    assert subject is not None
    back = Include("Observation", (subject,), None, reverse=True, iterate=False)
    page = await store.search(Query(("Patient",), total=Total.ACCURATE, includes=(back,)))
    assert page.total == len(page.matches)
    return [version.body for version in (*page.matches, *page.included)]


async def _history(store: TenantStore) -> list[bytes]:
    return [version.body for version in (await store.history(HistoryQuery(None, None, 100))).matches]


async def _read(store: TenantStore) -> list[bytes]:
    found = await store.currents([PATIENT, OBSERVATION, ResourceKey("Patient", "only")])
    return [version.body for version in found.values()]


@pytest.mark.parametrize("act", [_search, _history, _read])
async def test_each_sees_its_own_on_one_connection(
    stores: PostgresStores, pair: tuple[int, int], act: Callable[[TenantStore], Awaitable[list[bytes]]]
) -> None:
    mine, other = pair
    for _ in range(2):
        assert not any(b"Other" in body for body in await act(stores.for_tenant(mine)))
        assert not any(b"Mine" in body for body in await act(stores.for_tenant(other)))
    assert len(await act(stores.for_tenant(mine))) == 2


@pytest.mark.parametrize("act", [_search, _history, _read])
async def test_a_setting_left_behind_opens_nothing(
    stores: PostgresStores, pair: tuple[int, int], act: Callable[[TenantStore], Awaitable[list[bytes]]]
) -> None:
    mine, other = pair
    async with stores.shared.pool.acquire() as connection:
        await _leave_behind(connection, stores.shared.contexts.of(connection, other))
    bodies = await act(stores.for_tenant(mine))
    assert len(bodies) == 2
    assert not any(b"Other" in body for body in bodies)


async def test_a_write_lands_with_its_tenant_whatever_was_left_behind(
    stores: PostgresStores, pair: tuple[int, int]
) -> None:
    mine, other = pair
    async with stores.shared.pool.acquire() as connection:
        await _leave_behind(connection, stores.shared.contexts.of(connection, other))
    await stores.for_tenant(mine).write([write({"resourceType": "Patient", "id": "new", "name": [{"family": "Mine"}]})])
    assert await stores.for_tenant(mine).current(ResourceKey("Patient", "new")) is not None
    assert await stores.for_tenant(other).current(ResourceKey("Patient", "new")) is None


async def test_after_an_error_the_next_tenant_sees_its_own(stores: PostgresStores, pair: tuple[int, int]) -> None:
    mine, other = pair
    with suppress(RuntimeError):
        async with stores.for_tenant(other).transaction() as transaction:
            assert await transaction.current(PATIENT) is not None
            raise RuntimeError
    version = await stores.for_tenant(mine).current(PATIENT)
    assert version is not None
    assert b"Mine" in version.body


@pytest.mark.parametrize("table", TABLES)
async def test_raw_sql_without_a_tenant_gets_nothing(migrated: ConnectionInfo, table: str) -> None:
    connection = await asyncpg.connect(migrated.app_dsn, server_settings={"role": ROLE})
    try:
        assert await connection.fetch(f"SELECT * FROM fhir.{table}") == []
    finally:
        await connection.close()


@pytest.mark.parametrize("table", TABLES)
async def test_raw_sql_of_one_tenant_never_reaches_another(
    migrated: ConnectionInfo, stores: PostgresStores, pair: tuple[int, int], table: str
) -> None:
    mine, other = pair
    connection = await asyncpg.connect(migrated.app_dsn, server_settings={"role": ROLE})
    try:
        await _leave_behind(connection, stores.shared.contexts.of(connection, mine))
        assert await connection.fetchval(f"SELECT count(*) FROM fhir.{table} WHERE tenant_id <> {mine}") == 0
        if table not in {"history", "composite", "quantity"}:
            assert await connection.fetchval(f"SELECT count(*) FROM fhir.{table}") > 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(f"INSERT INTO fhir.{table} (tenant_id) VALUES ({other})")
    finally:
        await connection.close()


async def test_the_role_owns_nothing_and_is_bound(migrated: ConnectionInfo) -> None:
    connection = await asyncpg.connect(migrated.owner_dsn)
    try:
        rights = await connection.fetchrow("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $1", ROLE)
        assert tuple(rights or ()) == (False, False)
        unforced = await connection.fetch(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
            "WHERE c.relnamespace = 'fhir'::regnamespace AND c.relkind = 'r' AND c.relname <> 'tenant' "
            "AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
        )
        assert unforced == []
        leading = await connection.fetch(
            "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
            "WHERE c.relnamespace = 'fhir'::regnamespace AND c.relname <> 'tenant' AND i.indkey[0] <> a.attnum"
        )
        assert leading == []
    finally:
        await connection.close()


async def test_behind_a_pooler_each_sees_its_own(migrated: ConnectionInfo, pair: tuple[int, int]) -> None:
    mine, other = pair
    contexts = await open_contexts(migrated.owner_dsn, shared_sessions=True)
    pooled = await open_stores(PoolOptions(migrated.app_dsn, size=1), DEFINITIONS, EXTRACTOR, contexts=contexts)
    for _ in range(2):
        assert not any(b"Other" in body for body in await _search(pooled.for_tenant(mine)))
        assert not any(b"Mine" in body for body in await _search(pooled.for_tenant(other)))
    await pooled.for_tenant(mine).write([write({"resourceType": "Patient", "id": "pooled"})])
    async with pooled.for_tenant(mine).transaction(["a lock"]) as transaction:
        assert await transaction.current(ResourceKey("Patient", "pooled")) is not None
    await pooled.close()
