"""The authorization servers of an installation: several processes, several tenants, one data folder."""

from __future__ import annotations

import asyncio
import json
import stat
from typing import Any

import pytest
from stanforis.errors import OperatorError
from stanforis.settings import SettingError, Settings

from identity.access.errors import InvalidTokenError, OAuthError, UnavailableError
from identity.access.grants.registration import register
from identity.access.hosting import authority as hosting
from identity.access.hosting.addresses import Site
from identity.access.hosting.authority import Authority
from identity.access.hosting.mounts import Mounts
from identity.access.hosting.owner import LONGEST, owner_key, owner_token
from identity.access.hosting.running import forget_running, note_running, running_base
from identity.access.store.memory import MemoryAccessStores
from identity.access.store.records import Role, new_id
from identity.access.tokens.claims import AccessToken, DigitalIdentity
from identity.access.tokens.key_file import KeyFile
from identity.access.tokens.keys import Rotation
from identity.access.tokens.signing import signed_access_token, signed_claims
from tests.support.access import NOW, TestClock, client_key

BASE = "http://127.0.0.1:8080/fhir"
SHORT = Rotation(announced=10, signs=100, overlap=50)


@pytest.fixture
def stores() -> MemoryAccessStores:
    return MemoryAccessStores()


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


def an_authority(folder, stores, clock) -> Authority:
    return Authority(Settings(data=folder, base_url=BASE), stores=stores, clock=clock)


def a_token(authority: Authority, tenant: int = 1, **changed) -> str:
    addresses = authority.site.tenant(tenant)
    claims: dict[str, Any] = {
        "issuer": addresses.issuer,
        "subject": "u1",
        "audience": addresses.fhir_base,
        "issued_at": NOW,
        "expires_at": NOW + 300,
        "token_id": new_id(),
        "client_id": "app",
        "scope": "user/Patient.rs",
        "identity": DigitalIdentity(subject_type="practitioner", subject="h", tenant=tenant),
    }
    return signed_access_token(AccessToken(**(claims | changed)), authority.server(tenant).keys.signer())


def test_processes_of_one_folder_take_each_others_tokens(tmp_path, stores, clock):
    first, second = (an_authority(tmp_path, stores, clock) for _ in range(2))
    assert second.verify(a_token(first)).claims.subject == "u1"


def test_another_folder_does_not(tmp_path, stores, clock):
    here, there = (an_authority(tmp_path / name, stores, clock) for name in "ab")
    with pytest.raises(InvalidTokenError):
        there.verify(a_token(here))


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://127.0.0.1:8080/t/2/auth"},
        {"audience": "http://127.0.0.1:8080/t/2/fhir"},
        {"identity": DigitalIdentity(subject_type="system", subject="h", tenant=2)},
        {"issuer": BASE},
        {"issuer": "http://127.0.0.1:8080/t/1/auth"},
        {"issuer": "http://127.0.0.1:80800/auth"},
    ],
)
def test_a_token_is_of_one_tenant_in_all_it_says(tmp_path, stores, clock, changed):
    authority = an_authority(tmp_path, stores, clock)
    with pytest.raises(InvalidTokenError):
        authority.verify(a_token(authority, **changed))
    assert authority.verify(a_token(authority, tenant=2)).claims.identity.tenant == 2


async def test_what_one_process_revokes_the_other_learns(tmp_path, stores, clock):
    first, second = (an_authority(tmp_path, stores, clock) for _ in range(2))
    token = a_token(first, grant_id="g")
    second.verify(token)
    await first.server().revoke("g", NOW + 600)
    second.verify(token)
    await second.tend()
    with pytest.raises(InvalidTokenError, match="revoked"):
        second.verify(token)


async def test_what_was_revoked_counts_for_a_tenant_that_nobody_asked_for_before(tmp_path, stores, clock):
    first, second = (an_authority(tmp_path, stores, clock) for _ in range(2))
    token = a_token(first, tenant=7, grant_id="g")
    await first.server(7).revoke("g", NOW + 600)
    await second.tend()
    with pytest.raises(InvalidTokenError, match="revoked"):
        second.verify(token)


async def test_many_tenants_are_tended_with_one_question(tmp_path, stores, clock, monkeypatch):
    authority = an_authority(tmp_path, stores, clock)
    for tenant in range(1, hosting.MOST_TENANTS + 10):
        await authority.policies(tenant)
    assert (len(authority._servers), len(authority._policies)) == (hosting.MOST_TENANTS, hosting.MOST_TENANTS)
    # whoever made room is there again when asked for, with the rules of now
    await authority.stores.for_tenant(1).keep_role(Role(name="nurse", scope="user/Basic.rs"))
    monkeypatch.setattr(authority.stores, "for_tenant", lambda tenant: pytest.fail(f"tenant {tenant} was asked"))
    await authority.tend()
    monkeypatch.undo()
    assert (await authority.policies(1)).generation == 1
    assert authority.server(1).policy_epoch == 1


async def test_a_role_that_one_process_keeps_reaches_the_other(tmp_path, stores, clock):
    first, second = (an_authority(tmp_path, stores, clock) for _ in range(2))
    before = await second.policies()
    await first.server().store.keep_role(Role(name="nurse", scope="user/Basic.rs"))
    assert await second.policies() is before
    after = await second.policies(generation=1)
    assert not after.given(("nurse",), "practitioner").permissions.decide("Patient", "read").is_allowed
    await first.tend()
    assert first.server().policy_epoch == 1


async def test_tending_goes_on_when_the_store_comes_back(tmp_path, stores, clock, caplog, monkeypatch):
    monkeypatch.setattr(hosting, "_EVERY", 0)
    authority = an_authority(tmp_path, stores, clock)
    await authority.start()
    asked = []

    async def away(now):
        asked.append(now)
        raise UnavailableError

    monkeypatch.setattr(authority.stores, "changes", away)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(asked) > 2
    assert "trying again" in caplog.text
    await authority.stop()


def test_one_process_rotates_and_the_other_notices(tmp_path, clock):
    first, second = (KeyFile(tmp_path / "keys.json", rotation=SHORT, clock=clock) for _ in range(2))
    assert first.keys.jwks() == second.keys.jwks()
    clock.advance(95)
    assert not first.refresh()
    assert len(first.keys.keys) == 2
    announced = first.keys.keys[1].public.kid
    assert not second.refresh()
    assert [key.public.kid for key in second.keys.keys][1] == announced
    clock.advance(60)
    assert second.refresh()
    assert first.refresh()
    assert first.keys.find(announced) is not None


def test_keys_that_were_taken_away_are_worth_nothing(tmp_path, stores, clock):
    authority = an_authority(tmp_path, stores, clock)
    token = a_token(authority)
    authority.verify(token)
    (tmp_path / "access/keys.json").unlink()
    asyncio.run(authority.tidy())
    with pytest.raises(InvalidTokenError):
        authority.verify(token)


def test_secrets_have_one_reader(tmp_path, stores, clock):
    an_authority(tmp_path, stores, clock)
    for path in (tmp_path / "access", tmp_path / "access/keys.json", tmp_path / "access/owner.json"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077
    (tmp_path / "access/keys.json").chmod(0o640)
    with pytest.raises(OperatorError, match="chmod 600"):
        an_authority(tmp_path, stores, clock)


def test_the_owners_token_is_good_for_a_day_and_others_are_not(tmp_path, stores):
    authority = Authority(Settings(data=tmp_path, base_url=BASE), stores=stores)
    token = owner_token(owner_key(tmp_path), BASE, lifetime=10 * LONGEST)
    claims = authority.verify(token).claims
    assert claims.expires_at - claims.issued_at == LONGEST
    assert claims.identity.roles == ("owner",)
    kids = {key["kid"] for key in authority.server().keys.jwks()["keys"]}
    assert owner_key(tmp_path).public.kid not in kids


def test_a_longer_token_of_another_key_is_refused(tmp_path, stores, clock):
    authority = an_authority(tmp_path, stores, clock)
    with pytest.raises(InvalidTokenError, match="600 seconds"):
        authority.verify(a_token(authority, expires_at=NOW + 601))


def test_an_owners_token_says_what_can_be_said(tmp_path):
    with pytest.raises(OAuthError):
        owner_token(owner_key(tmp_path), BASE, scope="everything")


@pytest.mark.parametrize(
    "url", ["http://fhir.test/fhir", "https://fhir.test", "https://fhir.test/fhir?x", "ftp://fhir.test/fhir", "fhir"]
)
def test_a_base_that_tokens_cannot_be_for(url):
    with pytest.raises(SettingError, match="STANFORIS_BASE_URL"):
        Site.of(url)


def test_a_note_says_where_the_server_is(tmp_path):
    assert running_base(tmp_path) is None
    note_running(tmp_path, BASE, is_open=False)
    assert running_base(tmp_path) == BASE
    note_running(tmp_path, BASE, is_open=True)
    assert running_base(tmp_path) is None
    forget_running(tmp_path)
    forget_running(tmp_path)
    assert running_base(tmp_path) is None


@pytest.mark.parametrize(
    ("path", "is_answered"),
    [
        ("/auth/jwks", True),
        ("/.well-known/oauth-authorization-server/auth", True),
        ("/.well-known/oauth-authorization-server/t/7/auth", False),
        ("/.well-known/oauth-authorization-server/admin", False),
        ("/fhir/.well-known/smart-configuration", True),
        ("/admin/users", True),
        ("/fhir/Patient", False),
        ("/t/7/auth/jwks", False),
        ("/authority", False),
        ("/health/live", False),
    ],
)
async def test_what_is_answered_beside_fhir(tmp_path, stores, clock, path, is_answered):
    mounts = Mounts(an_authority(tmp_path, stores, clock))
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    assert await mounts(scope, receive, send) is is_answered
    assert bool(sent) is is_answered
    if is_answered:
        assert sent[0]["status"] == (401 if "admin" in path else 200)


async def test_those_who_vouch_for_software_are_known_by_a_file(tmp_path, stores, clock):
    assert an_authority(tmp_path, stores, clock).server().statement_keys == {}
    key = client_key("ES256")
    path = tmp_path / "access/statement-keys.json"
    path.write_text(json.dumps({"keys": [key.public.jwk()]}))
    authority = an_authority(tmp_path, stores, clock)
    statement = {
        "aud": f"{authority.site.root}/auth",
        "exp": NOW + 60,
        "client_name": "Vouched",
        "scope": "user/Patient.rs",
        "grant_types": ["authorization_code"],
        "redirect_uris": ["https://app.test/back"],
    }
    document = json.dumps({"software_statement": signed_claims(statement, key)}).encode()
    made = await register(authority.server(), document)
    kept = await authority.server().store.client(made["client_id"])
    assert kept is not None
    assert kept.name == "Vouched"
    with pytest.raises(OAuthError, match="aud"):
        await register(authority.server(2), document)


@pytest.mark.parametrize("text", ["", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}'])
def test_a_file_of_keys_that_cannot_be_used_is_told(tmp_path, stores, clock, text):
    (tmp_path / "access").mkdir()
    (tmp_path / "access/statement-keys.json").write_text(text)
    with pytest.raises(OperatorError, match="statement-keys"):
        an_authority(tmp_path, stores, clock)
