"""Clients that prove who they are, and systems that get tokens for themselves."""

from __future__ import annotations

from base64 import b64encode

import pytest

from identity.access.store.records import ClientAuthentication, digest
from identity.access.tokens.algorithms import ALGORITHMS
from identity.access.tokens.keys import SigningKey
from tests.support.access import ISSUER, NOW, a_system, client_key, part, raw_part, refusal

SYSTEM = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}


def basic(name: str, secret: str) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(f'{name}:{secret}'.encode()).decode()}"}


@pytest.mark.parametrize("algorithm", ["RS384", "ES384", "ES256"])
async def test_a_system_gets_a_token_for_itself(access, algorithm):
    key = client_key(algorithm)
    await access.store.keep_client(a_system(jwks={"keys": [client_key().public.jwk(), key.public.jwk()]}))
    response = await access.token(SYSTEM | access.as_system(key=key))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert set(response.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert response.json()["expires_in"] == 600
    claims = access.server.verifier.verify(response.json()["access_token"]).claims
    assert (claims.subject, claims.client_id, claims.identity.subject_type) == ("system", "system", "system")


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("system/*.cruds", "system/Observation.cruds system/Patient.rs"),
        ("system/Patient.*", "system/Patient.rs"),
        ("system/Observation.rs?category=laboratory", "system/Observation.rs?category=laboratory"),
    ],
)
async def test_a_system_gets_what_it_is_registered_for(access, scope, granted):
    response = await access.token(SYSTEM | {"scope": scope} | access.as_system())
    assert response.json()["scope"] == granted


@pytest.mark.parametrize(
    "scope", ["", "openid", "user/Patient.rs", "system/Patient.rs openid", "system/Encounter.rs", "x"]
)
async def test_a_system_gets_nothing_else(access, scope):
    response = await access.token(SYSTEM | {"scope": scope} | access.as_system())
    assert response.status_code == 400
    assert response.json()["error"] in ("invalid_scope", "invalid_request")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "other"},
        {"sub": "app"},
        {"sub": "nobody", "iss": "nobody"},
        {"aud": "https://other.test/token"},
        {"aud": [f"{ISSUER}/token", "https://other.test/token"]},
        {"aud": f"{ISSUER}/token/"},
        {"aud": None},
        {"exp": NOW},
        {"exp": NOW + 306},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1e300},
        {"iat": NOW + 60},
        {"nbf": NOW + 60},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 257},
        {"jti": "\0"},
        {"header": {"alg": "none"}},
        {"header": {"alg": "HS256"}},
        {"header": {"alg": "RS384"}},
        {"header": {"kid": "other"}},
        {"header": {"kid": None}},
        {"header": {"jku": "https://evil.test/jwks"}},
        {"header": {"jwk": client_key("ES256").public.jwk()}},
        {"header": {"x5u": "https://evil.test"}},
        {"header": {"crit": ["exp"], "exp": 1}},
        {"header": {"typ": "at+jwt"}},
        {"key": client_key("ES256")},
        {"key": SigningKey(ALGORITHMS["ES384"].generate(), ALGORITHMS["ES384"], 0, NOW)},
    ],
)
async def test_an_assertion_that_does_not_fit_is_refused(access, changed):
    response = await access.token(SYSTEM | access.as_system(**changed))
    assert refusal(response) == (401, "invalid_client")
    assert "www-authenticate" in response.headers


async def test_the_issuer_may_be_the_audience(access):
    assert (await access.token(SYSTEM | access.as_system(aud=ISSUER))).status_code == 200
    assert (await access.token(SYSTEM | access.as_system(aud=[ISSUER]))).status_code == 200


async def test_an_assertion_is_good_once(access):
    form = SYSTEM | access.as_system()
    assert (await access.token(form)).status_code == 200
    assert refusal(await access.token(form)) == (401, "invalid_client")


async def test_an_id_that_another_client_used_is_new(access):
    await access.store.keep_client(a_system(client_id="second"))
    assert (await access.token(SYSTEM | access.as_system(jti="j"))).status_code == 200
    assert (await access.token(SYSTEM | access.as_system(jti="j", iss="second", sub="second"))).status_code == 200


async def test_an_access_token_is_no_assertion(access):
    token = (await access.token(SYSTEM | access.as_system())).json()["access_token"]
    form = SYSTEM | access.as_system() | {"client_assertion": token}
    assert refusal(await access.token(form)) == (401, "invalid_client")


@pytest.mark.parametrize("assertion", ["x", "a.b.c", f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({})}."])
async def test_what_is_no_assertion_is_refused(access, assertion):
    form = SYSTEM | access.as_system() | {"client_assertion": assertion}
    assert refusal(await access.token(form)) == (401, "invalid_client")


async def test_a_lone_surrogate_is_refused(access):
    key = client_key()
    claims = f'{{"iss":"system","sub":"system","aud":"{ISSUER}/token","exp":{NOW + 60},"jti":"\\ud800"}}'.encode()
    content = f"{part({'alg': 'ES384', 'kid': key.public.kid})}.{raw_part(claims)}"
    assertion = f"{content}.{raw_part(key.sign(content.encode()))}"
    form = SYSTEM | access.as_system() | {"client_assertion": assertion}
    assert refusal(await access.token(form)) == (401, "invalid_client")


async def test_another_type_of_assertion_is_refused(access):
    form = SYSTEM | access.as_system() | {"client_assertion_type": "saml"}
    assert refusal(await access.token(form)) == (400, "invalid_request")


async def test_a_registered_url_of_keys_is_the_only_one_asked(access):
    asked = []

    async def fetch(url):
        asked.append(url)
        return {"keys": [client_key().public.jwk()]}

    access.server.fetch_keys = fetch
    await access.store.keep_client(a_system(jwks=None, jwks_uri="https://system.test/jwks"))
    assert (await access.token(SYSTEM | access.as_system())).status_code == 200
    good = await access.token(SYSTEM | access.as_system(header={"jku": "https://system.test/jwks"}))
    assert good.status_code == 200
    bad = await access.token(SYSTEM | access.as_system(header={"jku": "http://127.0.0.1/jwks"}))
    assert refusal(bad) == (401, "invalid_client")
    assert set(asked) == {"https://system.test/jwks"}


async def test_a_secret_is_sent_in_the_header(access):
    secret = a_system(authentication=ClientAuthentication.SECRET_BASIC, jwks=None, secret_digest=digest("s+ &%"))
    await access.store.keep_client(secret)
    assert (await access.token(SYSTEM, headers=basic("system", "s%2B+%26%25"))).status_code == 200
    for headers in (
        basic("system", "wrong"),
        basic("app", ""),
        {"authorization": "Basic x"},
        {"authorization": "Bearer x"},
    ):
        assert refusal(await access.token(SYSTEM, headers=headers)) == (401, "invalid_client")
    in_body = SYSTEM | {"client_id": "system", "client_secret": "s+ &%"}
    assert refusal(await access.token(in_body)) == (400, "invalid_request")


async def test_a_client_proves_itself_in_its_own_way_only(access):
    """A public client's name, or a secret, does not do in place of a key."""
    assert refusal(await access.token(SYSTEM | {"client_id": "system"})) == (401, "invalid_client")
    assert refusal(await access.token(SYSTEM, headers=basic("system", ""))) == (401, "invalid_client")
    assert refusal(await access.token(SYSTEM | access.as_system(), headers=basic("system", "x"))) == (
        400,
        "invalid_request",
    )
    assert refusal(await access.token(SYSTEM | access.as_system() | {"client_id": "app"})) == (400, "invalid_request")


async def test_a_client_uses_the_grants_it_is_registered_for(access):
    assert refusal(await access.token(SYSTEM | {"client_id": "app"})) == (400, "unauthorized_client")
    for name in ("password", "implicit", "", "urn:ietf:params:oauth:grant-type:jwt-bearer"):
        response = await access.token({"grant_type": name} | access.as_system())
        assert response.json()["error"] in ("unsupported_grant_type", "invalid_request")


async def test_a_client_that_was_put_off_gets_nothing(access):
    await access.store.keep_client(a_system(is_active=False))
    assert refusal(await access.token(SYSTEM | access.as_system())) == (401, "invalid_client")
