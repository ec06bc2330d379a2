"""Sign-ins and tokens on record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stanforis.audit.looking import Asked, look_up
from stanforis.audit.memory import MemoryAuditStore
from stanforis.audit.records import Record
from stanforis.audit.trail import Trail

from fhir_api.audit.sign_ins import noting
from identity.access.errors import OAuthError
from identity.access.grants.parameters import Parameters
from identity.access.grants.token_endpoint import token
from identity.access.people.signing_in import sign_in
from tests.support.access import ASSERTION_TYPE, PASSWORD, Access


@pytest.fixture
async def trail() -> Trail:
    return Trail(MemoryAuditStore(), b"a key")


@pytest.fixture
async def access(trail) -> Access:
    """An authorization server whose sign-ins go on record."""
    access = await Access().set_up()
    access.server = replace(access.server, note=noting(trail.for_tenant))
    return access


async def recorded(trail: Trail) -> Record:
    await trail.stop()
    (found,) = (await look_up(trail.store, 1, Asked(), 9)).found
    return found.record


async def test_who_signs_in_is_on_record_by_a_hash(access, trail):
    assert await sign_in(access.server, "alice", PASSWORD, "", "10.0.0.1")
    record = await recorded(trail)
    assert (record.interaction, record.outcome, record.network) == ("login", "0", "private")
    assert record.who.subject == access.server.hashed_subject(await access.store.user_named("alice"))


async def test_a_refused_sign_in_is_on_record_without_the_name(access, trail):
    assert not await sign_in(access.server, "alice", "wrong", "", "10.0.0.1")
    record = await recorded(trail)
    assert (record.interaction, record.outcome) == ("login", "4")
    assert record.who.subject
    assert "alice" not in repr(record)


@pytest.mark.parametrize(("scope", "outcome"), [("system/*.rs", "0"), ("nonsense", "4")])
async def test_a_token_is_on_record_with_its_client(access, trail, scope, outcome):
    sent = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": access.assertion(),
        "client_id": "system",
    }
    try:
        await token(access.server, Parameters(sent))
    except OAuthError:
        assert outcome == "4"
    record = await recorded(trail)
    assert (record.interaction, record.who.client, record.outcome) == ("token", "system", outcome)
