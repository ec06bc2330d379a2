"""The database believes what is signed for this very session and this minute, and nothing else."""

from __future__ import annotations

import time

import asyncpg
import pytest
from stanforis.tenancy.contexts import Contexts

SAID = "SELECT tenancy.current() FROM set_config('stanforis.tenant', $1, true)"
WITHOUT = "SELECT tenancy.current()"


@pytest.fixture
async def session(tenancy_database):
    connection = await asyncpg.connect(tenancy_database.app_dsn)
    yield connection
    await connection.close()


async def believed(session, context):
    async with session.transaction():
        await session.execute("SELECT set_config('stanforis.tenant', $1, true)", context)
        return await session.fetchval(WITHOUT)


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


async def test_each_part_is_signed(session, contexts):
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


async def test_another_session_cannot_use_it(session, contexts, tenancy_database):
    other = await asyncpg.connect(tenancy_database.app_dsn)
    try:
        assert await believed(session, contexts.of(other, 7)) is None
    finally:
        await other.close()


async def test_it_expires(session, contexts):
    late = contexts._signed(7, session.get_server_pid(), time.time() - 500)
    assert await believed(session, late) is None


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
        await owner.execute("SELECT tenancy.renew_key()")
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
