"""Whatever SQL runs as the server's role, with one tenant's context in force, it gets at nothing of another tenant.

Each check is made again on a database without the policies, where it has to find something.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.contexts import DIRECTORY, Contexts, open_contexts

from adapters.hl7.store.postgres import migrations as hl7
from fhir_api.store.postgres import migrations
from identity.access.store import migrations as access
from identity.access.store.postgres import PostgresAccessStores
from identity.access.store.records import Role
from tests.support.databases import stores_on
from tests.support.stores import write

MINE, OTHER = 41, 42
SECRET = "secret of the other one"
GUARDED = ("fhir", "access", "hl7", "audit")

TABLES = (
    "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
    "AND a.attname = 'tenant_id' AND NOT a.attisdropped WHERE c.relkind IN ('r', 'p') "
    "AND c.relnamespace::regnamespace::text = ANY($1)"
)
FORGED = "{other}.serve.9999999999.0"
ALTERED = "regexp_replace(current_setting('stanforis.tenant'), '^[0-9]+', '{other}')"
AFTER_SETTING = (
    "SELECT t.* FROM (SELECT set_config('stanforis.tenant', {said}, true) s OFFSET 0) c "
    "CROSS JOIN LATERAL (SELECT * FROM {{table}} WHERE length(c.s) > 0 AND tenant_id = {{other}} OFFSET 0) t"
)
WORDS = "SELECT to_tsvector(''simple'', tenant_id::text) FROM {table} WHERE tenant_id = {other}"
INJECTED = [
    "SELECT * FROM {table} WHERE tenant_id <> {mine}",
    "SELECT * FROM (SELECT * FROM {table} WHERE tenant_id = {mine} OR true) t WHERE tenant_id <> {mine}",
    "SELECT t.* FROM {table} t, (SELECT set_config('stanforis.tenant', '{other}', true)) s WHERE t.tenant_id = {other}",
    AFTER_SETTING.format(said=f"'{FORGED}'"),
    AFTER_SETTING.format(said=f"'{FORGED}.' || repeat('0', 64)"),
    AFTER_SETTING.format(said=ALTERED),
    "SELECT t.* FROM (SELECT set_config('row_security', 'off', true) OFFSET 0) c, {table} t WHERE tenant_id = {other}",
    "SELECT t.* FROM (SELECT set_config('search_path', 'x', true) OFFSET 0) c, {table} t WHERE tenant_id = {other}",
    "WITH x AS (SELECT * FROM {table} WHERE tenant_id = {other}) SELECT * FROM x",
    "SELECT * FROM {table} WHERE tenant_id = {other} FOR UPDATE",
    "SELECT * FROM (SELECT count(*) n FROM {table} WHERE tenant_id = {other}) c WHERE n > 0",
    "SELECT 1 WHERE EXISTS (SELECT FROM {table} WHERE tenant_id = {other})",
    f"SELECT word FROM ts_stat('{WORDS}')",
    "UPDATE {table} SET tenant_id = {mine} WHERE tenant_id = {other} RETURNING 1",
    "DELETE FROM {table} WHERE tenant_id = {other} RETURNING 1",
]
STOLEN_RIGHTS = [
    "SELECT set_config('role', 'stanforis_owner', true)",
    "SELECT set_config('session_authorization', 'postgres', true)",
    "SELECT tenancy.sign({other}, 'serve', 60)",
    "SELECT * FROM tenancy.key",
    "SELECT * FROM pg_statistic",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT lo_import('/etc/hostname')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY fhir.resource FROM STDIN",
    "CREATE FUNCTION pg_temp.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE fhir.t (a integer)",
    "ALTER TABLE fhir.resource NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY own_tenant ON fhir.resource",
    "TRUNCATE fhir.resource",
    "CREATE TRIGGER t AFTER INSERT ON fhir.resource EXECUTE FUNCTION fhir.definition_changed()",
    "CREATE EXTENSION dblink",
]


REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError)


LOOKED_AT = {
    "fhir.definitions_state",
    "fhir.parameter_state",
    "fhir.reindex_job",
    "access.revocation",
    "access.generation",
}
"""What the context of the installation sees of tenants, beside their records: whether there is something to do."""


async def filled(database: ConnectionInfo, contexts: Contexts) -> None:
    """Store a little of two tenants in each schema."""
    stores = await stores_on(database, 1)
    for tenant, text in ((MINE, "mine"), (OTHER, SECRET)):
        await stores.for_tenant(tenant).write([
            write({"resourceType": "Patient", "id": "p", "name": [{"family": text}], "birthDate": "1980-01-01"}),
            write({"resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p"},
                    "code": {"coding": [{"system": "http://s", "code": text}]}, "valueQuantity": {"value": 1}}),
        ])  # fmt: skip
    await stores.close()
    pool = Pool(PoolOptions(database.app_dsn, size=1))
    for tenant, user in ((MINE, "mine"), (OTHER, "user")):
        store = PostgresAccessStores(pool, contexts).for_tenant(tenant)
        await store.keep_consent(user, "client", "scope")
        await store.keep_role(Role(name="nurse", scope="user/*.rs"))
        await store.revoke(user, 9e9)
    await pool.close()


def migrated(database: ConnectionInfo) -> ConnectionInfo:
    """Give *database* the schemas of the suite."""
    migrations.upgrade(database.owner_dsn)
    hl7.upgrade(database.owner_dsn)
    access.upgrade(database.owner_dsn)
    return database


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A database as it is."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("guarded"), durable=False) as cluster:
        yield migrated(cluster.connection)


@pytest.fixture(scope="module")
def careless(tmp_path_factory):
    """A database whose policies were forgotten."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("careless"), durable=False) as cluster:
        yield migrated(cluster.connection)


async def _injecting(database: ConnectionInfo) -> AsyncIterator[asyncpg.Connection]:
    contexts = await open_contexts(database.owner_dsn)
    owner = await asyncpg.connect(database.owner_dsn)
    if not await owner.fetchval("SELECT EXISTS (SELECT FROM pg_policies WHERE policyname = 'filled')"):
        await filled(database, contexts)
        await owner.execute("CREATE TABLE IF NOT EXISTS public.once ()")
        await owner.execute("CREATE POLICY filled ON public.once")
    await owner.close()
    connection = await asyncpg.connect(database.app_dsn)
    context = contexts.of(connection, MINE)
    await connection.execute("SELECT set_config('stanforis.tenant', $1, false)", context)
    yield connection
    await connection.close()


@pytest.fixture
async def session(guarded) -> AsyncIterator[asyncpg.Connection]:
    """A session of the server's role with a tenant's context in force, as somebody's SQL finds it."""
    async for connection in _injecting(guarded):
        yield connection


@pytest.fixture
async def careless_session(careless) -> AsyncIterator[asyncpg.Connection]:
    """The same where nothing keeps tenants apart."""
    async for connection in _injecting(careless):
        owner = await asyncpg.connect(careless.owner_dsn)
        for row in await owner.fetch(TABLES, GUARDED):
            await owner.execute(f"ALTER TABLE {row['name']} DISABLE ROW LEVEL SECURITY")
        await owner.close()
        yield connection


async def tables(session: asyncpg.Connection) -> list[str]:
    """Return every table with rows of tenants."""
    found = [row["name"] for row in await session.fetch(TABLES, GUARDED)]
    assert {"fhir.resource", "fhir.history", "access.consent", "hl7.message"} <= set(found)
    return found


async def got(session: asyncpg.Connection, statement: str) -> list[str]:
    """Return what a statement gives, which is undone; nothing where it is refused."""
    try:
        async with session.transaction():
            rows = [repr(tuple(row)) for row in await session.fetch(statement)]
            raise _UndoneError
    except _UndoneError:
        return rows
    except asyncpg.PostgresError as error:
        return [SECRET] if SECRET in str(error) else []


class _UndoneError(Exception):
    """Whatever was done is to be undone."""


@pytest.mark.parametrize("injected", INJECTED)
async def test_no_statement_gets_at_another_tenant(session, injected):
    for table in await tables(session):
        assert await got(session, injected.format(table=table, mine=MINE, other=OTHER)) == [], table


@pytest.mark.parametrize("injected", INJECTED)
async def test_without_policies_each_statement_would(careless_session, injected):
    found = [
        row
        for table in await tables(careless_session)
        for row in await got(careless_session, injected.format(table=table, mine=MINE, other=OTHER))
    ]
    assert found


async def test_the_installation_sees_of_tenants_what_there_is_to_do_and_changes_nothing(session, guarded):
    contexts = await open_contexts(guarded.owner_dsn)
    await session.execute("SELECT set_config('stanforis.tenant', $1, false)", contexts.of(session, DIRECTORY))
    shown = {table for table in await tables(session) if await got(session, f"SELECT * FROM {table}")}
    assert {"access.revocation", "access.generation"} <= shown <= LOOKED_AT
    for table in LOOKED_AT:
        assert await got(session, f"DELETE FROM {table} RETURNING 1") == []
        assert await got(session, f"UPDATE {table} SET tenant_id = tenant_id RETURNING 1") == []


async def test_a_tenant_sees_its_own(session):
    assert await session.fetchval("SELECT count(*) FROM fhir.resource") == 2


@pytest.mark.parametrize("statement", STOLEN_RIGHTS)
async def test_the_role_has_no_rights_that_help(session, statement):
    with pytest.raises(
        (asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError)
    ):
        async with session.transaction():
            await session.execute(statement.format(other=OTHER))


@pytest.mark.parametrize(
    "oracle",
    [
        "SELECT 1 FROM fhir.string WHERE tenant_id = {other} AND folded::integer > 0",
        "SELECT 1 FROM fhir.string WHERE folded::integer > 0 AND tenant_id = {other}",
        "SELECT 1 FROM fhir.string WHERE 1 / (CASE WHEN folded LIKE 'secret%' THEN 0 ELSE 1 END) = 1",
        "SELECT 1 FROM fhir.resource WHERE tenant_id = {other} AND convert_from(body, 'UTF8')::integer = 1",
    ],
)
async def test_no_error_tells_of_another_tenant(session, careless_session, oracle):
    # what a cast says of a tenant's own rows is its own
    await session.execute("DELETE FROM fhir.string")
    await careless_session.execute(f"DELETE FROM fhir.string WHERE tenant_id = {MINE}")
    assert await session.fetch(oracle.format(other=OTHER)) == []
    with pytest.raises(asyncpg.DataError):
        await careless_session.fetch(oracle.format(other=OTHER))


async def test_no_unique_key_tells_of_another_tenant(session):
    told = set()
    for user in ("user", "nobody"):
        for ending in ("", " ON CONFLICT DO NOTHING"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security") as refused:
                await session.execute(
                    f"INSERT INTO access.consent VALUES ({OTHER}, '{user}', 'client', 'scope'){ending}"
                )
            told.add(str(refused.value))
    assert len(told) == 1


async def test_statistics_tell_of_no_tenant(session, guarded):
    owner = await asyncpg.connect(guarded.owner_dsn)
    await owner.execute("ANALYZE")
    await owner.close()
    guarded_tables = await tables(session)
    for view in ("pg_stats", "pg_stats_ext"):
        seen = await session.fetch(f"SELECT DISTINCT schemaname || '.' || tablename AS name FROM {view}")
        assert not {row["name"] for row in seen} & set(guarded_tables)


async def test_statements_of_others_show_no_context(session, guarded):
    stores = await stores_on(guarded, 1)
    async with stores.for_tenant(OTHER).transaction():
        seen = [row["query"] for row in await session.fetch("SELECT query FROM pg_stat_activity")]
        assert any("stanforis.tenant" in query for query in seen)
        assert not any(f"{OTHER}.serve" in query for query in seen)
    await stores.close()


async def test_every_table_of_tenants_is_guarded(session):
    unguarded = await session.fetch(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "AND a.attname = 'tenant_id' WHERE c.relkind IN ('r', 'p') AND c.relnamespace::regnamespace::text = ANY($1) "
        "AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity OR NOT EXISTS (SELECT FROM pg_policy p "
        "WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polcmd = '*' "
        "AND (pg_get_expr(p.polqual, p.polrelid) LIKE '%tenant_id = ( SELECT c.tenant%FROM tenancy.context c)%' "
        "OR c.oid::regclass::text = ANY($2) "
        "AND pg_get_expr(p.polqual, p.polrelid) "
        "LIKE '(( SELECT c.tenant%FROM tenancy.context c) = ANY (ARRAY[0, tenant_id]))') "
        "AND pg_get_expr(p.polwithcheck, p.polrelid) LIKE '%tenant_id = ( SELECT c.tenant%FROM tenancy.context c)%'))",
        GUARDED,
        sorted(LOOKED_AT),
    )
    assert unguarded == []


async def test_every_unique_key_has_the_tenant_in_it(session):
    # numbers that are given out one by one tell of nothing but their count
    loose = await session.fetch(
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
        "JOIN pg_attribute first ON first.attrelid = c.oid AND first.attnum = i.indkey[0] "
        "WHERE i.indisunique AND c.relnamespace::regnamespace::text = ANY($1) AND NOT a.attnum = ANY(i.indkey) "
        "AND (first.attidentity = '' OR i.indnatts > 1)",
        GUARDED,
    )
    assert loose == []


async def test_every_view_asks_as_its_reader(session):
    loose = await session.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relkind IN ('v', 'm') "
        "AND c.relnamespace::regnamespace::text = ANY($1) "
        "AND NOT coalesce(c.reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']",
        [*GUARDED, "tenancy"],
    )
    # what verifies the context has to look where its reader may not
    assert [row["name"] for row in loose] == ["tenancy.context"]


async def test_no_foreign_key_looks_past_the_policies(session):
    keys = await session.fetch(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND connamespace::regnamespace::text = ANY($1)", GUARDED
    )
    assert keys == []


async def test_functions_with_the_owners_rights_are_known(session):
    trusted = await session.fetch(
        "SELECT p.oid::regproc::text AS name FROM pg_proc p WHERE p.prosecdef "
        "AND p.pronamespace::regnamespace::text = ANY($1) AND has_function_privilege(p.oid, 'EXECUTE')",
        [*GUARDED, "tenancy"],
    )
    names = {row["name"] for row in trusted}
    assert {name for name in names if name.startswith("tenancy.")} == {
        "tenancy.admit", "tenancy.current", "tenancy.changed", "tenancy.passed", "tenancy.consume",
        "tenancy.destroy_key",
    }  # fmt: skip
