"""The database believes what is signed for this very session and this minute, and nothing else."""

from __future__ import annotations

import time

import asyncpg
import pytest
from stanforis.tenancy.contexts import Contexts

SAID = "SELECT tenancy.current() FROM set_config('stanforis.tenant', $1, true)"
WITHOUT = "SELECT tenancy.current()"
POLICY = "SELECT tenant FROM tenancy.context"
FAR = "now() + interval '1 minute'"
PAST = "now() - interval '1 second'"


@pytest.fixture
async def session(tenancy_database):
    connection = await asyncpg.connect(tenancy_database.app_dsn)
    yield connection
    await connection.close()


async def believed(session, context):
    async with session.transaction():
        await session.execute("SELECT set_config('stanforis.tenant', $1, true)", context)
        asked_by_policies = await session.fetchval(POLICY)
        assert await session.fetchval(WITHOUT) == asked_by_policies
        return asked_by_policies


@pytest.fixture
async def owner(tenancy_database):
    connection = await asyncpg.connect(tenancy_database.owner_dsn)
    yield connection
    await connection.close()


async def test_a_signed_context_is_believed_until_the_transaction_ends(session, contexts):
    assert await believed(session, contexts.of(session, 7)) == 7
    assert await session.fetchval(WITHOUT) is None


async def test_a_context_is_kept_for_its_connection_and_tenant(session, contexts):
    assert contexts.of(session, 7) is contexts.of(session, 7)
    assert contexts.of(session, 7) != contexts.of(session, 8)


@pytest.mark.parametrize(
    "said",
    ["", "7", ".", "7.serve.9999999999.0", "7.serve.9999999999.0." + 64 * "0", "\u20ac" * 70, 65 * ".", "7" * 5000],
)
async def test_what_is_not_signed_gives_nobody(session, said):
    assert await believed(session, said) is None


@pytest.mark.parametrize("is_admitted", [False, True])
async def test_each_part_is_signed(session, contexts, is_admitted):
    if is_admitted:
        assert await contexts.admitted(session, 7) == contexts.of(session, 7)
    tenant, purpose, expiry, process, mac = contexts.of(session, 7).split(".")
    for other in (
        ("8", purpose, expiry, process, mac),
        (tenant, "other", expiry, process, mac),
        (tenant, purpose, str(int(expiry) + 1), process, mac),
        (tenant, purpose, expiry, "0", mac),
        (tenant, purpose, expiry, process, mac[:-1] + ("0" if mac[-1] != "0" else "1")),
        (tenant, purpose, expiry, process, mac.upper()),
    ):
        assert await believed(session, ".".join(other)) is None


async def test_another_key_signs_nothing(session):
    assert await believed(session, Contexts(bytes(32)).of(session, 7)) is None


@pytest.mark.parametrize("is_admitted", [False, True])
async def test_another_session_cannot_use_it(session, contexts, tenancy_database, is_admitted):
    other = await asyncpg.connect(tenancy_database.app_dsn)
    try:
        context = await contexts.admitted(other, 7) if is_admitted else contexts.of(other, 7)
        assert await believed(session, context) is None
    finally:
        await other.close()


async def test_it_expires(session, contexts):
    late = contexts._signed(7, session.get_server_pid(), time.time() - 500)
    assert await believed(session, late) is None


async def admitted(owner):
    rows = await owner.fetch("SELECT process, said, tenant FROM tenancy.admitted")
    return {(row["process"], row["said"]): row["tenant"] for row in rows}


async def test_a_session_is_told_once_of_a_context(session, contexts, owner):
    context = await contexts.admitted(session, 7)
    assert await believed(session, context) == 7
    assert (await admitted(owner))[session.get_server_pid(), context] == 7
    await owner.execute("DELETE FROM tenancy.admitted")
    assert await contexts.admitted(session, 7) == context
    # the row is gone and nobody told the session again: the signature counts
    assert (await admitted(owner), await believed(session, context)) == ({}, 7)


@pytest.mark.parametrize("said", ["", "7", "7.serve.9999999999.0." + 64 * "0"])
async def test_what_is_not_signed_is_not_admitted(session, owner, said):
    assert await session.fetchval("SELECT tenancy.admit($1)", said) is None
    assert said not in {text for _, text in await admitted(owner)}


@pytest.mark.parametrize(("process", "until", "tenant"), [("own", FAR, 7), ("own", PAST, None), ("other", FAR, None)])
async def test_what_was_admitted_holds_for_its_session_until_it_is_over(session, owner, process, until, tenant):
    number = session.get_server_pid() if process == "own" else 1
    add = f"INSERT INTO tenancy.admitted VALUES ($1, 'nothing that is signed', 7, {until})"
    await owner.execute(add, number)
    try:
        async with session.transaction():
            await session.execute("SELECT set_config('stanforis.tenant', 'nothing that is signed', true)")
            assert await session.fetchval(POLICY) == tenant
    finally:
        await owner.execute("DELETE FROM tenancy.admitted")


async def test_what_is_over_is_removed_by_whoever_comes(session, owner, contexts):
    await owner.execute(f"INSERT INTO tenancy.admitted VALUES (1, 'over', 7, {PAST})")
    await contexts.admitted(session, 9)
    assert "over" not in {text for _, text in await admitted(owner)}


@pytest.mark.parametrize("has_key", [True, False])
async def test_what_was_admitted_is_looked_up_by_its_key_and_by_no_other_index(owner, has_key):
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute("SET LOCAL enable_seqscan = off")
        if not has_key:
            # then the planner would take any other index that it can use
            await owner.execute("ALTER TABLE tenancy.admitted DROP CONSTRAINT admitted_pkey")
        plan = "\n".join(line for (line,) in await owner.fetch(f"EXPLAIN {POLICY}"))
    finally:
        await transaction.rollback()
    assert ("admitted_pkey" in plan) is has_key
    assert "admitted_by_end" not in plan


async def test_behind_a_pooler_nothing_is_admitted(session, contexts, owner):
    shared = Contexts(contexts._key, shared_sessions=True)
    context = await shared.admitted(session, 7)
    assert context not in {text for _, text in await admitted(owner)}


async def test_behind_a_pooler_it_names_no_process_and_is_soon_over(session, contexts, tenancy_database):
    shared = Contexts(contexts._key, shared_sessions=True)
    made = shared.of(session, 7)
    _, _, expiry, process, _ = made.split(".")
    assert (process, int(expiry) - time.time() < 10) == ("0", True)
    assert await believed(session, made) == 7


async def test_what_was_signed_before_a_new_key_is_worth_nothing(session, contexts, tenancy_database):
    owner = await asyncpg.connect(tenancy_database.owner_dsn)
    undone = owner.transaction()
    await undone.start()
    try:
        admitted = await contexts.admitted(owner, 7)
        await owner.execute("SELECT tenancy.renew_key()")
        await owner.execute("SELECT set_config('stanforis.tenant', $1, true)", admitted)
        assert await owner.fetchval(POLICY) is None
        assert await owner.fetchval(SAID, contexts.of(owner, 7)) is None
        fresh = await owner.fetchval("SELECT tenancy.sign(7, 'test', 5)")
        assert await owner.fetchval(SAID, fresh) == 7
    finally:
        await undone.rollback()
        await owner.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM tenancy.key",
        "SELECT tenancy.sign(7, 'x', 60)",
        "SELECT tenancy.renew_key()",
        "SELECT tenancy.guard('fhir')",
        "COPY tenancy.key TO STDOUT",
        "SELECT * FROM tenancy.admitted",
        "INSERT INTO tenancy.admitted VALUES (pg_backend_pid(), 'x', 7, 'infinity')",
        "UPDATE tenancy.admitted SET tenant = 7",
        "CREATE OR REPLACE VIEW tenancy.context AS SELECT 7 AS tenant",
        "SELECT set_config('role', 'stanforis_owner', false)",
        "SET SESSION AUTHORIZATION stanforis_owner",
        "CREATE FUNCTION tenancy.current(x integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE TEMP TABLE t (a integer)",
        "CREATE SCHEMA mine",
        "ALTER TABLE tenancy.tenant DISABLE ROW LEVEL SECURITY",
    ],
)
async def test_the_servers_role_gets_at_no_key(session, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await session.execute(statement)
