"""The contract of the store, for memory and PostgreSQL."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from msgspec.structs import replace

from identity.access.store.records import (
    Client,
    ClientAuthentication,
    Family,
    GrantType,
    Passkey,
    Role,
    Rule,
    Ticket,
    TicketKind,
    User,
    digest,
    new_grant_id,
    new_secret,
    short_digest,
)
from identity.access.tokens.compact import decode
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
G = new_grant_id()
FIRST, SECOND, THIRD = (short_digest(each) for each in "123")
FAMILY = Family(grant_id=G, client_id="app", user_id="u1", current=FIRST, expires_at=NOW + 3600)


async def test_clients_and_users_come_back_as_they_were_kept(access_store):
    await access_store.keep_client(CLIENT)
    await access_store.keep_user(USER)
    assert await access_store.client("app") == CLIENT
    assert await access_store.user("u1") == await access_store.user_named("alice") == USER
    await access_store.keep_user(replace(USER, login_name="bob", roles=("nurse",)))
    assert await access_store.user_named("alice") is None
    assert (await access_store.user_named("bob")).roles == ("nurse",)
    assert await access_store.client("other") is None


async def test_attributes_of_a_user_are_changed_one_by_one(access_store):
    await access_store.keep_user(replace(USER, name="Zoë \\u0041", valid_from=NOW + 0.125))
    changed = await access_store.change_user("u1", {"is_active": False, "roles": ("nurse",), "totp_secret": None})
    assert changed == await access_store.user("u1")
    assert changed == replace(USER, name="Zoë \\u0041", valid_from=NOW + 0.125, is_active=False, roles=("nurse",))
    assert await access_store.change_user("u2", {"is_active": False}) is None
    assert await access_store.user("u2") is None


async def test_a_user_with_another_password_is_left_alone(access_store):
    await access_store.keep_user(USER)
    assert await access_store.change_user("u1", {"name": "A"}, "y") is None
    assert await access_store.user("u1") == USER
    assert await access_store.change_user("u1", {"name": "A"}, "x") == replace(USER, name="A")


async def test_of_changes_at_the_same_time_none_is_lost(access_store):
    await access_store.keep_user(USER)
    fields = ("name", "organisation", "facility", "patient", "totp_secret", "scope", "fhir_user")
    await asyncio.gather(*(access_store.change_user("u1", {field: field}) for field in fields))
    assert await access_store.user("u1") == replace(USER, **{field: field for field in fields})


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
    assert await access_store.rotate(G, FIRST, SECOND, NOW) == (FAMILY, True)
    now = replace(FAMILY, current=SECOND)
    assert await access_store.family(G, NOW) == now
    assert await access_store.rotate(G, FIRST, THIRD, NOW) == (now, False)
    assert await access_store.family(G, NOW) is None
    assert await access_store.rotate(G, SECOND, THIRD, NOW) == (None, False)


async def test_of_many_that_rotate_at_once_none_is_left(access_store):
    await access_store.start_family(FAMILY)
    rotated = await asyncio.gather(*(access_store.rotate(G, FIRST, short_digest(str(n)), NOW) for n in range(8)))
    assert [good for _, good in rotated].count(True) == 1
    assert await access_store.family(G, NOW) is None


async def test_a_family_expires(access_store):
    await access_store.start_family(FAMILY)
    assert await access_store.rotate(G, FIRST, SECOND, NOW + 3600) == (None, False)


@pytest.mark.parametrize("grant_id", ["", "g", "a" * 15, "a" * 17, "a" * 15 + "\0", "é" * 16])
async def test_what_is_no_id_of_a_grant_is_unknown(access_store, grant_id):
    assert await access_store.family(grant_id, NOW) is None
    assert await access_store.rotate(grant_id, FIRST, SECOND, NOW) == (None, False)
    await access_store.end_family(grant_id)


async def test_families_are_told_by_user(access_store):
    other = replace(FAMILY, grant_id=new_grant_id(), user_id="u2")
    for family in (FAMILY, other):
        await access_store.start_family(family)
    assert await access_store.families("u2", NOW, 10) == [other]
    assert len(await access_store.families("", NOW, 10)) == 2
    assert len(await access_store.families("", NOW, 1)) == 1
    assert await access_store.families("", NOW + 3600, 10) == []


def test_ids_of_grants_are_ordered_by_time_and_differ():
    made = [decode(new_grant_id()) for _ in range(100)]
    assert len({*made}) == 100
    assert [each[:5] for each in made] == sorted(each[:5] for each in made)


async def test_the_first_user_is_the_first(access_store):
    assert await access_store.keep_first_user(USER)
    assert not await access_store.keep_first_user(replace(USER, user_id="u2", login_name="bob"))
    assert await access_store.user("u2") is None


async def test_lists_go_on_where_they_ended(access_store):
    for name in "bac":
        await access_store.keep_user(replace(USER, user_id=name, login_name=name))
        await access_store.keep_client(replace(CLIENT, client_id=name))
    assert [each.user_id for each in await access_store.users("", 2)] == ["a", "b"]
    assert [each.user_id for each in await access_store.users("b", 2)] == ["c"]
    assert [each.client_id for each in await access_store.clients("a", 9)] == ["b", "c"]


async def test_roles_and_rules_change_the_generation(access_store):
    assert await access_store.generation() == 0
    await access_store.keep_role(Role(name="b", scope="user/*.rs"))
    await access_store.keep_role(Role(name="a", scope="user/*.rs", labels=("HIV",)))
    await access_store.keep_rule(Rule(name="r", text="forbid"))
    assert await access_store.generation() == 3
    assert [role.name for role in await access_store.roles()] == ["a", "b"]
    assert await access_store.rules() == [Rule(name="r", text="forbid")]
    assert await access_store.drop_role("a")
    assert not await access_store.drop_role("a")
    assert await access_store.drop_rule("r")
    assert await access_store.generation() > 3


async def test_passkeys_belong_to_somebody(access_store):
    keys = [Passkey(credential_id=name, user_id=user, public_key="k") for name, user in (("a", "u1"), ("b", "u2"))]
    for key in keys:
        await access_store.keep_passkey(key)
    await access_store.keep_passkey(replace(keys[0], sign_count=5))
    assert await access_store.passkeys("u1") == [replace(keys[0], sign_count=5)]
    assert await access_store.passkey("b") == keys[1]
    assert await access_store.drop_passkey("b")
    assert await access_store.passkey("b") is None
    assert await access_store.generation() == 0


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
    assert await theirs.rotate(G, FIRST, SECOND, NOW) == (None, False)
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
        assert len(tables) == 11
        assert all(table["forced"] for table in tables)
        for table in tables:
            assert await connection.fetch(f"SELECT * FROM access.{table['relname']}") == []
    finally:
        await connection.close()


def test_secrets_are_long_and_differ():
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) == 43 == len(digest("x"))
