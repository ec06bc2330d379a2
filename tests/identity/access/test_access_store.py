"""The contract of the store, for memory and PostgreSQL."""

from __future__ import annotations

import asyncio

import asyncpg
from msgspec.structs import replace

from identity.access.store.records import (
    Client,
    ClientAuthentication,
    Family,
    GrantType,
    Ticket,
    TicketKind,
    User,
    digest,
    new_secret,
)
from tests.support.access import NOW

CLIENT = Client(
    client_id="app",
    name="App",
    authentication=ClientAuthentication.PRIVATE_KEY_JWT,
    grant_types=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
    scope="user/*.rs",
    redirect_uris=("https://app.test/back",),
    jwks={"keys": []},
)
USER = User(user_id="u1", login_name="alice", password_hash="x", fhir_user="Practitioner/1", scope="user/*.rs")
TICKET = Ticket(kind=TicketKind.CODE, digest="d", body=b"{}", expires_at=NOW + 60)
FAMILY = Family(grant_id="g", client_id="app", user_id="u1", current="first", body=b"{}", expires_at=NOW + 3600)


async def test_clients_and_users_come_back_as_they_were_kept(access_store):
    await access_store.keep_client(CLIENT)
    await access_store.keep_user(USER)
    assert await access_store.client("app") == CLIENT
    assert await access_store.user("u1") == await access_store.user_named("alice") == USER
    await access_store.keep_user(replace(USER, login_name="bob", roles=("nurse",)))
    assert await access_store.user_named("alice") is None
    assert (await access_store.user_named("bob")).roles == ("nurse",)
    assert await access_store.client("other") is None


async def test_consents_replace_each_other(access_store):
    assert await access_store.consent("u1", "app") == ""
    await access_store.keep_consent("u1", "app", "openid")
    await access_store.keep_consent("u1", "app", "fhirUser")
    assert await access_store.consent("u1", "app") == "fhirUser"
    assert await access_store.consent("u2", "app") == ""


async def test_failures_are_counted_for_a_while(access_store):
    assert [await access_store.note_failure("alice", NOW + n, 10) for n in range(3)] == [1, 2, 3]
    assert await access_store.failures("alice", NOW + 12, 10) == 3
    assert await access_store.failures("alice", NOW + 13, 10) == 0
    assert await access_store.note_failure("alice", NOW + 13, 10) == 1
    await access_store.forget_failures("alice")
    assert await access_store.failures("alice", NOW + 13, 10) == 0


async def test_a_ticket_is_spent_once(access_store):
    await access_store.keep_ticket(TICKET)
    assert await access_store.ticket(TicketKind.CODE, "d", NOW) == TICKET
    assert await access_store.ticket(TicketKind.SESSION, "d", NOW) is None
    assert await access_store.spend(TicketKind.SESSION, "d", NOW) == (None, False)
    assert await access_store.spend(TicketKind.CODE, "d", NOW) == (TICKET, True)
    assert await access_store.spend(TicketKind.CODE, "d", NOW) == (TICKET, False)
    assert await access_store.ticket(TicketKind.CODE, "d", NOW) is None
    await access_store.keep_ticket(TICKET)
    assert await access_store.spend(TicketKind.CODE, "d", NOW) == (TICKET, False)


async def test_of_many_that_spend_at_once_one_succeeds(access_store):
    await access_store.keep_ticket(TICKET)
    spent = await asyncio.gather(*(access_store.spend(TicketKind.CODE, "d", NOW) for _ in range(12)))
    assert [good for _, good in spent].count(True) == 1


async def test_a_ticket_expires(access_store):
    await access_store.keep_ticket(TICKET)
    assert await access_store.ticket(TicketKind.CODE, "d", NOW + 60) is None
    assert await access_store.spend(TicketKind.CODE, "d", NOW + 60) == (TICKET, False)


async def test_a_family_rotates_and_dies_of_reuse(access_store):
    await access_store.start_family(FAMILY)
    assert await access_store.rotate("g", "first", "second", NOW) == (FAMILY, True)
    now = replace(FAMILY, current="second")
    assert await access_store.family("g", NOW) == now
    assert await access_store.rotate("g", "first", "third", NOW) == (now, False)
    assert await access_store.family("g", NOW) is None
    assert await access_store.rotate("g", "second", "third", NOW) == (None, False)


async def test_of_many_that_rotate_at_once_none_is_left(access_store):
    await access_store.start_family(FAMILY)
    rotated = await asyncio.gather(*(access_store.rotate("g", "first", f"n{n}", NOW) for n in range(8)))
    assert [good for _, good in rotated].count(True) == 1
    assert await access_store.family("g", NOW) is None


async def test_a_family_expires(access_store):
    await access_store.start_family(FAMILY)
    assert await access_store.rotate("g", "first", "second", NOW + 3600) == (None, False)


async def test_a_token_id_is_new_once(access_store):
    used = [await access_store.first_use("app", "j", NOW + 300, NOW) for _ in range(2)]
    assert used == [True, False]
    assert await access_store.first_use("other", "j", NOW + 300, NOW)
    assert await access_store.first_use("app", "j", NOW + 900, NOW + 300)
    assert not await access_store.first_use("app", "j", NOW + 900, NOW + 301)


async def test_revocations_are_told_while_they_matter(access_store):
    await access_store.revoke("j", NOW + 10)
    await access_store.revoke("j", NOW + 5)
    await access_store.revoke("g", NOW + 20)
    assert sorted(await access_store.revoked(NOW)) == [("g", NOW + 20), ("j", NOW + 10)]
    assert await access_store.revoked(NOW + 10) == [("g", NOW + 20)]


async def test_tidying_removes_what_has_expired(access_store):
    await access_store.keep_ticket(TICKET)
    await access_store.start_family(FAMILY)
    await access_store.first_use("app", "j", NOW + 300, NOW)
    await access_store.revoke("j", NOW + 10)
    assert await access_store.tidy(NOW) == 0
    assert await access_store.tidy(NOW + 300) == 3
    assert await access_store.tidy(NOW + 3600) == 1


async def test_tenants_do_not_meet(new_access_store):
    mine, theirs = new_access_store(), new_access_store()
    await mine.keep_client(CLIENT)
    await mine.keep_user(USER)
    await mine.keep_ticket(TICKET)
    await mine.start_family(FAMILY)
    await mine.first_use("app", "j", NOW + 300, NOW)
    await mine.revoke("j", NOW + 10)
    assert await theirs.client("app") is None
    assert await theirs.user_named("alice") is None
    assert await theirs.spend(TicketKind.CODE, "d", NOW) == (None, False)
    assert await theirs.rotate("g", "first", "second", NOW) == (None, False)
    assert await theirs.first_use("app", "j", NOW + 300, NOW)
    assert await theirs.revoked(NOW) == []
    await theirs.keep_user(USER)


async def test_tables_give_nothing_without_a_tenant(access_migrated):
    connection = await asyncpg.connect(access_migrated.app_dsn)
    try:
        tables = await connection.fetch(
            "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced FROM pg_class c "
            "WHERE relnamespace = 'access'::regnamespace AND relkind = 'r'"
        )
        assert len(tables) == 10
        assert all(table["forced"] for table in tables)
        for table in tables:
            assert await connection.fetch(f"SELECT * FROM access.{table['relname']}") == []
    finally:
        await connection.close()


def test_secrets_are_long_and_differ():
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) == 43 == len(digest("x"))
