"""Refreshing, proof of possession, devices, exchange, introspection, revocation, registration, documents."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from identity.access.errors import InvalidTokenError
from identity.access.grants.proof import proven_key
from identity.access.store.records import ClientAuthentication, digest
from identity.access.tokens.compact import encode
from identity.access.tokens.jwk import public_jwk, thumbprint
from identity.access.tokens.signing import signed_claims
from tests.support.access import FHIR, ISSUER, NOW, a_system, a_user, an_app, client_key, fields_of, refusal

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


async def test_a_refresh_token_that_comes_again_ends_them_all(access):
    first = await access.tokens()
    second = (await access.refresh(first["refresh_token"])).json()
    third = (await access.refresh(second["refresh_token"])).json()
    assert refusal(await access.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert refusal(await access.refresh(third["refresh_token"])) == (400, "invalid_grant")
    for tokens in (first, second, third):
        with pytest.raises(InvalidTokenError, match="revoked"):
            access.server.verifier.verify(tokens["access_token"])


async def test_a_refresh_token_is_for_its_client(access):
    tokens = await access.tokens()
    await access.store.keep_client(an_app(client_id="other"))
    assert refusal(await access.refresh(tokens["refresh_token"], client_id="other")) == (400, "invalid_grant")
    assert (await access.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("token", ["x", ".", "a.b", "a" * 5000, "é"])
async def test_what_is_no_refresh_token_is_refused(access, token):
    assert refusal(await access.refresh(token)) == (400, "invalid_grant")


async def test_a_refreshed_token_can_allow_less_but_never_more(access):
    tokens = await access.tokens(scope="offline_access user/*.rs")
    more = await access.refresh(tokens["refresh_token"], scope="user/*.cruds")
    assert refusal(more) == (400, "invalid_scope")
    less = (await access.refresh(tokens["refresh_token"], scope="user/Patient.r")).json()
    assert less["scope"] == "user/Patient.r"
    assert (await access.refresh(less["refresh_token"])).json()["scope"] == "offline_access user/*.rs"


async def test_what_was_lost_meanwhile_is_not_refreshed(access):
    tokens = await access.tokens(scope="offline_access user/*.rs")
    await access.store.keep_user(a_user(scope="user/Patient.r"))
    renewed = (await access.refresh(tokens["refresh_token"])).json()
    assert renewed["scope"] == "offline_access user/Patient.r"
    await access.store.keep_user(a_user(is_active=False))
    assert refusal(await access.refresh(renewed["refresh_token"])) == (400, "invalid_grant")


async def test_refresh_tokens_end(access):
    offline, online = await access.tokens(), await access.tokens(scope="online_access user/Patient.rs")
    access.clock.advance(12 * 3600)
    assert refusal(await access.refresh(online["refresh_token"])) == (400, "invalid_grant")
    offline = (await access.refresh(offline["refresh_token"])).json()
    access.clock.advance(90 * 24 * 3600)
    assert refusal(await access.refresh(offline["refresh_token"])) == (400, "invalid_grant")


async def test_a_token_is_bound_to_the_key_that_was_proven(access):
    key, other = client_key("ES256"), client_key("ES384")
    code = await access.code()
    response = await access.token(access.redeemed(code), headers={"dpop": access.proof(key)})
    tokens = response.json()
    assert tokens["token_type"] == "DPoP"
    print_of_key = thumbprint(public_jwk(key.private.public_key()))
    assert access.server.verifier.verify(tokens["access_token"], print_of_key).claims.confirmation.jkt == print_of_key
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "app"}
    for headers in ({}, {"dpop": access.proof(other)}):
        assert refusal(await access.token(form, headers=headers)) == (400, "invalid_dpop_proof")
    renewed = await access.token(form, headers={"dpop": access.proof(key)})
    assert renewed.json()["token_type"] == "DPoP"


@pytest.mark.parametrize(
    "changed",
    [
        {"htm": "GET"},
        {"htu": f"{ISSUER}/par"},
        {"htu": "https://evil.test/token"},
        {"iat": NOW - 61},
        {"iat": NOW + 61},
        {"iat": "now"},
        {"jti": ""},
        {"header": {"alg": "none"}},
        {"header": {"alg": "ES384"}},
        {"header": {"typ": "JWT"}},
        {"header": {"jwk": None}},
        {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
        {"header": {"jwk": public_jwk(client_key("ES384").private.public_key())}},
        {"header": {"jwk": public_jwk(client_key("ES256").private.public_key()) | {"d": "AAAA"}}},
        {"header": {"kid": "x"}},
        {"header": {"crit": ["iat"]}},
    ],
)
async def test_a_proof_that_does_not_fit_is_refused(access, changed):
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs"} | access.as_system()
    response = await access.token(form, headers={"dpop": access.proof(client_key("ES256"), **changed)})
    assert refusal(response) == (400, "invalid_dpop_proof")


async def test_a_proof_is_good_once(access):
    proof = access.proof(client_key("ES256"))
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    assert (await access.token(form | access.as_system(), headers={"dpop": proof})).status_code == 200
    again = await access.token(form | access.as_system(), headers={"dpop": proof})
    assert refusal(again) == (400, "invalid_dpop_proof")


async def test_a_code_can_be_bound_to_a_key_from_the_start(access):
    key = client_key("ES256")
    print_of_key = thumbprint(public_jwk(key.private.public_key()))
    code = await access.code(dpop_jkt=print_of_key)
    wrong = await access.token(access.redeemed(code), headers={"dpop": access.proof(client_key("ES384"))})
    assert refusal(wrong) == (400, "invalid_dpop_proof")
    code = await access.code(dpop_jkt=print_of_key)
    assert (await access.token(access.redeemed(code), headers={"dpop": access.proof(key)})).status_code == 200


async def test_a_client_registered_for_bound_tokens_gets_no_others(access):
    await access.store.keep_client(a_system(dpop_bound=True))
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs"} | access.as_system()
    assert refusal(await access.token(form)) == (400, "invalid_dpop_proof")


async def test_a_resource_server_asks_for_a_proof_of_the_same_token(access):
    key, url = client_key("ES256"), f"{FHIR}/Patient"

    async def proven(**changed):
        claims = {"htm": "GET", "htu": url, "ath": encode(sha256(b"token").digest())} | changed
        return await proven_key(
            access.proof(key, **claims),
            "GET",
            url,
            clock=access.clock,
            first_use=access.store.first_use,
            access_token="token",
        )

    assert await proven() == await proven(htu=f"{url}?name=x#y")
    for wrong in ("", "x", None, "é"):
        with pytest.raises(InvalidTokenError, match="another token"):
            await proven(ath=wrong)


async def test_a_device_gets_tokens_when_somebody_allows_it(access):
    begun = (
        await access.post("device_authorization", {"client_id": "app", "scope": "offline_access user/Patient.rs"})
    ).json()
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": "app",
        "device_code": begun["device_code"],
    }
    assert refusal(await access.token(form)) == (400, "authorization_pending")
    assert refusal(await access.token(form)) == (400, "slow_down")
    access.clock.advance(5)
    assert refusal(await access.token(form)) == (400, "authorization_pending")
    shown = await access.follow(await access.http.get("device"))
    await access.sign_in(shown)
    shown = await access.http.get("device", params={"user_code": begun["user_code"].lower()})
    assert "Growth chart" in shown.text
    assert (await access.send(shown, answer="allow")).status_code == 200
    other = await access.token(form | {"client_id": ""} | access.as_system())
    assert refusal(other) == (400, "invalid_grant")
    tokens = await access.token(form)
    assert tokens.json()["scope"] == "offline_access user/Patient.rs"
    assert (await access.refresh(tokens.json()["refresh_token"])).status_code == 200
    assert refusal(await access.token(form)) == (400, "expired_token")


@pytest.mark.parametrize("answer", ["deny", ""])
async def test_a_device_that_is_not_allowed_is_told(access, answer):
    begun = (await access.post("device_authorization", {"client_id": "app", "scope": "user/Patient.rs"})).json()
    await access.sign_in(await access.follow(await access.http.get("device")))
    shown = await access.http.get("device", params={"user_code": begun["user_code"]})
    await access.send(shown, answer=answer)
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": "app",
        "device_code": begun["device_code"],
    }
    assert refusal(await access.token(form)) == (400, "access_denied")
    again = await access.post(str(shown.url), fields_of(shown.text) | {"answer": "allow"})
    assert again.status_code == 404


async def test_codes_of_devices_cannot_be_guessed_for_long(access):
    begun = (await access.post("device_authorization", {"client_id": "app", "scope": "user/Patient.rs"})).json()
    await access.sign_in(await access.follow(await access.http.get("device")))
    for _ in range(10):
        assert (await access.http.get("device", params={"user_code": "BBBB-BBBB"})).status_code == 404
    assert (await access.http.get("device", params={"user_code": begun["user_code"]})).status_code == 404


@pytest.mark.parametrize("scope", ["launch/patient user/Patient.rs", "patient/*.rs", "system/*.rs", "x"])
async def test_a_device_gets_no_context(access, scope):
    response = await access.post("device_authorization", {"client_id": "app", "scope": scope})
    assert refusal(response) == (400, "invalid_scope")


def exchanged(access, token, **changed):
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN,
    }
    return access.token(form | changed | access.as_system())


async def test_a_service_acts_in_the_callers_name(access):
    tokens = await access.tokens(scope="openid user/*.rs")
    access.clock.advance(100)
    response = await exchanged(access, tokens["access_token"], scope="user/Patient.r")
    assert (response.json()["scope"], response.json()["expires_in"]) == ("user/Patient.r", 200)
    claims = access.server.verifier.verify(response.json()["access_token"]).claims
    assert (claims.subject, claims.client_id, claims.actor) == ("u1", "system", {"sub": "system"})
    second = (await exchanged(access, response.json()["access_token"])).json()["access_token"]
    nested = access.server.verifier.verify(second).claims.actor
    assert nested == {"sub": "system", "act": {"sub": "system"}}


async def test_an_exchanged_token_dies_with_the_grant(access):
    tokens = await access.tokens()
    token = (await exchanged(access, tokens["access_token"])).json()["access_token"]
    await access.post("revoke", {"token": tokens["refresh_token"], "client_id": "app"})
    with pytest.raises(InvalidTokenError, match="revoked"):
        access.server.verifier.verify(token)


async def test_a_token_passes_through_few_services(access):
    token = (await access.tokens())["access_token"]
    for _ in range(4):
        token = (await exchanged(access, token)).json()["access_token"]
    assert refusal(await exchanged(access, token)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"subject_token": "x"}, "invalid_grant"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"scope": "user/*.cruds"}, "invalid_scope"),
        ({"scope": "system/Patient.rs"}, "invalid_scope"),
        ({"audience": "https://other.test"}, "invalid_target"),
    ],
)
async def test_an_exchange_that_asks_for_more_is_refused(access, changed, error):
    tokens = await access.tokens()
    response = await exchanged(access, tokens["access_token"], **changed)
    assert refusal(response) == (400, error)


async def test_an_id_token_is_not_exchanged(access):
    tokens = await access.tokens()
    assert refusal(await exchanged(access, tokens["id_token"])) == (400, "invalid_grant")


async def test_a_token_for_another_service_is_none_for_this_one(access):
    await access.store.keep_client(a_system(audiences=("https://other.test",)))
    tokens = await access.tokens()
    token = (await exchanged(access, tokens["access_token"], audience="https://other.test")).json()["access_token"]
    with pytest.raises(InvalidTokenError, match="another audience"):
        access.server.verifier.verify(token)


async def test_clients_learn_about_their_own_tokens_only(access):
    tokens = await access.tokens()
    mine = await access.token({"grant_type": "client_credentials", "scope": "system/Patient.rs"} | access.as_system())

    async def told(token):
        return (await access.post("introspect", {"token": token} | access.as_system())).json()

    assert (await told(mine.json()["access_token"]))["active"] is True
    for token in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"], "x"):
        assert await told(token) == {"active": False}
    await access.store.keep_client(a_system(may_introspect=True))
    assert (await told(tokens["access_token"]))["sub"] == "u1"
    assert (await told(tokens["refresh_token"]))["client_id"] == "app"
    grant_id = tokens["refresh_token"].partition(".")[0]
    assert await told(f"{grant_id}.x") == {"active": False}
    assert refusal(await access.post("introspect", {"token": "x", "client_id": "app"})) == (401, "invalid_client")


async def test_a_revoked_token_is_not_active(access):
    await access.store.keep_client(a_system(may_introspect=True))
    tokens = await access.tokens()
    theirs = await access.post("revoke", {"token": tokens["access_token"]} | access.as_system())
    assert refusal(theirs) == (400, "unauthorized_client")
    for name in ("access_token", "refresh_token"):
        assert (await access.post("revoke", {"token": tokens[name], "client_id": "app"})).status_code == 200
        told = await access.post("introspect", {"token": tokens[name]} | access.as_system())
        assert told.json() == {"active": False}
    assert (await access.post("revoke", {"token": "x", "client_id": "app"})).status_code == 200
    assert refusal(await access.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


STATEMENT = {
    "aud": ISSUER,
    "client_name": "Vouched",
    "scope": "user/Patient.rs openid",
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": ["https://new.test/back"],
    "exp": NOW + 60,
}


async def registered(access, said=None, stated=None, key=None, header=None):
    key = key or client_key("ES256")
    access.server.statement_keys = {client_key("ES256").public.kid: client_key("ES256").public}
    statement = signed_claims(
        {name: value for name, value in (STATEMENT | (stated or {})).items() if value is not None}, key
    )
    document = {"software_statement": statement} | (said or {})
    return await access.http.post("register", content=json.dumps(document))


async def test_an_app_registers_itself_with_a_statement(access):
    response = await registered(
        access, {"client_name": "Mine", "scope": "system/*.cruds", "redirect_uris": ["https://evil.test"]}
    )
    assert response.status_code == 201
    told = response.json()
    assert (told["client_name"], told["scope"]) == ("Vouched", "openid user/Patient.rs")
    assert told["redirect_uris"] == ["https://new.test/back"]
    shown = await access.open(client_id=told["client_id"], redirect_uri="https://new.test/back")
    assert shown.status_code == 200


async def test_a_system_registers_itself_with_its_keys_vouched_for(access):
    machine = {"grant_types": ["client_credentials"], "redirect_uris": [], "scope": "system/Patient.rs"}
    said = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [client_key().public.jwk()]}}
    assert refusal(await registered(access, said, machine)) == (400, "invalid_software_statement")
    response = await registered(access, said, machine | {"jwks": said["jwks"]})
    client_id = response.json()["client_id"]
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    assert (await access.token(form | access.as_system(iss=client_id, sub=client_id))).status_code == 200


@pytest.mark.parametrize(
    ("said", "stated", "error"),
    [
        ({"software_statement": None}, {}, "invalid_software_statement"),
        ({"software_statement": "x.y.z"}, {}, "invalid_software_statement"),
        ({}, {"exp": NOW}, "invalid_software_statement"),
        ({}, {"aud": None}, "invalid_software_statement"),
        ({}, {"aud": f"{ISSUER}/other"}, "invalid_software_statement"),
        ({"aud": ISSUER}, {"aud": "https://elsewhere.test"}, "invalid_software_statement"),
        ({}, {"exp": None}, "invalid_software_statement"),
        ({}, {"scope": None}, "invalid_software_statement"),
        ({}, {"redirect_uris": None}, "invalid_software_statement"),
        ({}, {"grant_types": ["password"]}, "invalid_client_metadata"),
        ({}, {"grant_types": "all"}, "invalid_client_metadata"),
        ({}, {"scope": "everything"}, "invalid_scope"),
        ({}, {"redirect_uris": []}, "invalid_redirect_uri"),
        ({}, {"redirect_uris": ["http://new.test/back"]}, "invalid_redirect_uri"),
        ({}, {"redirect_uris": ["https://new.test/back#x"]}, "invalid_redirect_uri"),
        ({}, {"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({}, {"redirect_uris": ["https://a@new.test/"]}, "invalid_redirect_uri"),
        ({}, {"redirect_uris": ["https://[/"]}, "invalid_redirect_uri"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, {}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "none", "jwks": {"keys": []}}, {}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}}, {}, "invalid_client_metadata"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://169.254.169.254/"},
            {},
            "invalid_client_metadata",
        ),
        ({"token_endpoint_auth_method": "client_secret_post"}, {}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "none"}, {}, "invalid_client_metadata"),
    ],
)
async def test_a_registration_that_cannot_be_is_refused(access, said, stated, error):
    assert refusal(await registered(access, said, stated)) == (400, error)


async def test_nobody_vouches_for_themselves(access):
    response = await registered(access, key=client_key("ES384"))
    assert refusal(response) == (400, "unapproved_software_statement")
    for document in (b"", b"[]", b"{", b"\xff"):
        response = await access.http.post("register", content=document)
        assert response.status_code == 400


@pytest.mark.parametrize("uri", ["com.example.app:/back", "http://127.0.0.1:7000/back", "http://[::1]/back"])
async def test_an_installed_app_registers_its_own_uris(access, uri):
    assert (await registered(access, stated={"redirect_uris": [uri]})).status_code == 201


async def test_a_secret_is_told_once(access):
    told = (await registered(access, {"token_endpoint_auth_method": "client_secret_basic"})).json()
    kept = await access.store.client(told["client_id"])
    assert kept.secret_digest not in (None, told["client_secret"])


async def test_documents_tell_where_things_are(access):
    told = (await access.http.get(".well-known/oauth-authorization-server")).json()
    assert told["issuer"] == ISSUER
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    posted = {route for name, route in told.items() if name.endswith("_endpoint") and name != "authorization_endpoint"}
    for url in posted:
        assert (await access.http.post(url, data={})).status_code in (400, 401)
    openid = (await access.http.get(".well-known/openid-configuration")).json()
    assert openid["id_token_signing_alg_values_supported"] == ["ES256", "RS256"]
    smart = (await access.http.get(".well-known/smart-configuration")).json()
    assert {"launch-ehr", "launch-standalone", "permission-v2", "client-public"} <= set(smart["capabilities"])
    keys = await access.http.get(told["jwks_uri"])
    assert {key["alg"] for key in keys.json()["keys"]} == {"ES256", "RS256"}
    assert keys.headers["cache-control"] == "public, max-age=300"


async def test_a_public_app_may_send_its_refresh_token_alone(access):
    tokens = await access.tokens()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    renewed = await access.token(form)
    assert renewed.status_code == 200, renewed.text
    assert refusal(await access.token(form)) == (400, "invalid_grant")
    ended = form | {"refresh_token": renewed.json()["refresh_token"]}
    assert refusal(await access.token(ended)) == (400, "invalid_grant")
    assert refusal(await access.token(form | {"refresh_token": "x"})) == (400, "invalid_grant")


async def test_an_app_with_a_secret_has_to_send_it_with_its_refresh_token(access):
    tokens = await access.tokens()
    await access.store.keep_client(an_app(authentication=ClientAuthentication.SECRET_BASIC, secret_digest=digest("s")))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert refusal(await access.token(form)) == (401, "invalid_client")
