"""Bad input never gives a 5xx, a store that is away gives 503, and each process learns of revocations."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.contexts import Contexts

from identity.access.errors import InvalidTokenError, UnavailableError
from identity.access.grants.server import Server
from identity.access.people.passkeys import sign_in
from identity.access.store.postgres import PostgresAccessStores
from identity.access.tokens.claims import Confirmation
from identity.access.tokens.signing import signed_access_token
from tests.support.access import (
    ASSERTION_TYPE,
    FHIR,
    ISSUER,
    Access,
    access_claims,
    client_key,
    part,
    raw_part,
    refusal,
)

PATHS = [
    "token",
    "par",
    "introspect",
    "revoke",
    "device_authorization",
    "launch",
    "register",
    "authorize",
    "login",
    "logout",
    "patient",
    "consent",
    "device",
]
NAMES = [
    "grant_type",
    "client_id",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "token",
    "subject_token",
    "subject_token_type",
    "client_assertion",
    "client_assertion_type",
    "device_code",
    "response_type",
    "state",
    "aud",
    "code_challenge",
    "code_challenge_method",
    "request_uri",
    "request",
    "launch",
    "prompt",
    "max_age",
    "user_code",
    "form",
    "name",
    "password",
    "answer",
    "patient",
    "search",
]
VALUES = [
    "app",
    "system",
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "code",
    "S256",
    "openid",
    "user/*.rs",
    "x",
    "a.b.c",
    "none",
    "1",
    "-1",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:request_uri:x",
    "https://app.test/back",
    "device",
]
_values = strategies.sampled_from(VALUES) | strategies.text(
    strategies.characters(exclude_categories=["Cs"]), max_size=20
)
_forms = strategies.dictionaries(strategies.sampled_from(NAMES), _values, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=strategies.sampled_from(PATHS), form=_forms, authorization=strategies.none() | strategies.binary(max_size=20)
)
def test_bad_input_never_breaks_the_server(path, form, authorization):
    async def send():
        access = await Access().set_up()
        secret = b64encode(authorization or b"").decode()
        headers = {} if authorization is None else {"authorization": f"Basic {secret}"}
        for response in (
            await access.http.post(path, data=form, headers=headers),
            await access.http.get(path, params=form),
        ):
            assert response.status_code < 500

    asyncio.run(send())


async def test_a_null_in_a_name_is_only_an_unknown_name(access_store):
    access = await Access(access_store).set_up()
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    asserted = access.as_system(iss="sys\0tem", sub="sys\0tem")
    assert refusal(await access.token(form | asserted)) == (401, "invalid_client")
    headers = {"authorization": f"Basic {b64encode(b'a%00b:c').decode()}"}
    assert refusal(await access.token(form, headers=headers)) == (401, "invalid_client")


async def test_a_store_that_is_away_is_told():
    pool = Pool(PoolOptions(dsn="postgresql://nobody@127.0.0.1:1/none", acquire_seconds=0.5))
    access = Access(PostgresAccessStores(pool, Contexts(bytes(32))).for_tenant(1))
    response = await access.token({"grant_type": "refresh_token", "client_id": "app"})
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    assert response.headers["retry-after"] == "5"
    with pytest.raises(UnavailableError):
        await access.server.refresh_revocations()


def test_a_bound_token_is_worth_nothing_without_its_key(access):
    token = signed_access_token(access_claims(confirmation=Confirmation(jkt="k")), access.server.keys.signer())
    for proven in (None, "other"):
        with pytest.raises(InvalidTokenError, match="bound to a key"):
            access.server.verifier.verify(token, proven)
    assert access.server.verifier.verify(token, "k") is access.server.verifier.read(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://access.test"},
        {"issuer": f"{ISSUER}/"},
        {"issuer": "http://127.0.0.1.test"},
        {"secret": b"short"},
    ],
)
def test_a_server_is_not_set_up_unsafely(access, changed):
    members = {"issuer": ISSUER, "secret": b"s" * 32} | changed
    with pytest.raises(ValueError, match=r"https URL|32 bytes"):
        Server(members["issuer"], FHIR, 1, access.store, access.server.keys, members["secret"])


async def test_apps_in_a_browser_may_read_answers_but_not_pages(access):
    asked = {"origin": "https://app.test", "access-control-request-method": "POST"}
    for path in ("token", "revoke", "par", "jwks", ".well-known/smart-configuration"):
        answer = await access.http.options(path, headers=asked)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "dpop" in answer.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in answer.headers
    refused = await access.token({"grant_type": "x"}, headers=asked)
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in (await access.open()).headers
    assert (await access.http.options("consent", headers=asked)).status_code == 405


NESTED = b'{"z":' + b"[" * 1500 + b"]" * 1500 + b"}"
ASSERTION = f"{part({'alg': 'ES384', 'kid': client_key().public.kid})}.{raw_part(NESTED)}.{'x' * 128}"
PROOF = f"{part({'alg': 'ES256', 'typ': 'dpop+jwt', 'jwk': client_key('ES256').public.jwk()})}.{raw_part(NESTED)}.eHh4"


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("register", {"content": NESTED}, 400),
        ("token", {"data": {"client_assertion_type": ASSERTION_TYPE, "client_assertion": ASSERTION}}, 401),
        ("token", {"data": {"client_id": "app"}, "headers": {"dpop": PROOF}}, 400),
    ],
)
async def test_json_that_nests_without_end_is_refused(access, path, sent, status):
    more = {"grant_type": "refresh_token", "refresh_token": "x", "scope": "user/*.rs"}
    if "data" in sent:
        sent = sent | {"data": more | sent["data"]}
    answer = await access.browser().post(path, **sent)
    assert (answer.status_code, "error" in answer.json()) == (status, True)


async def test_a_passkey_that_nests_without_end_is_refused():
    assert await sign_in(Access().server, "browser", NESTED.decode()) is None
