"""The authorization code: the whole way through a browser, and what is refused on it."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import jwt
import pytest
from jwt.types import Options
from msgspec.structs import replace

from identity.access.tokens.compact import encode
from tests.support.access import (
    FHIR,
    ISSUER,
    NOW,
    Access,
    a_system,
    a_user,
    an_app,
    answer_of,
    refusal,
    server_keys,
)


async def test_somebody_signs_in_and_the_app_gets_tokens(access_store):
    access = await Access(access_store).set_up()
    tokens = await access.tokens()
    assert {name: tokens[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "fhirUser offline_access openid user/Patient.rs",
    }
    claims = access.server.verifier.verify(tokens["access_token"]).claims
    assert (claims.subject, claims.client_id, claims.audience, claims.fhir_user) == (
        "u1",
        "app",
        FHIR,
        "Practitioner/1",
    )
    assert (claims.identity.roles, claims.identity.assurance, claims.identity.tenant) == (("nurse",), 1, 1)
    assert "u1" not in claims.identity.subject
    renewed = await access.refresh(tokens["refresh_token"])
    assert renewed.status_code == 200
    assert renewed.json()["refresh_token"] != tokens["refresh_token"]


async def test_the_id_token_tells_who_signed_in(access):
    tokens = await access.tokens(scope="openid fhirUser profile user/Patient.rs")
    key = next(key for key in server_keys() if key.algorithm.name == "ES256")
    options: Options = {"verify_exp": False, "verify_iat": False}
    told = jwt.decode(
        tokens["id_token"], key.private.public_key(), ["ES256"], audience="app", issuer=ISSUER, options=options
    )
    assert told == {
        "iss": ISSUER,
        "sub": "u1",
        "aud": "app",
        "iat": NOW,
        "exp": NOW + 300,
        "auth_time": NOW,
        "amr": ["pwd"],
        "nonce": "n",
        "at_hash": encode(sha256(tokens["access_token"].encode()).digest()[:16]),
        "fhirUser": f"{FHIR}/Practitioner/1",
        "profile": f"{FHIR}/Practitioner/1",
        "name": "Alice U.",
    }
    assert "refresh_token" not in tokens


async def test_answers_carry_state_and_issuer(access):
    shown = await access.sign_in(await access.open())
    answer = answer_of(await access.send(shown, answer="allow"))
    assert (answer["state"], answer["iss"]) == ("st&te", ISSUER)
    denied = answer_of(await access.send(await access.open(prompt="consent"), answer="deny"))
    assert denied == {"error": "access_denied", "state": "st&te", "iss": ISSUER}


async def test_a_redirect_uri_with_a_query_keeps_it(access):
    await access.code()
    opened = await access.open(redirect_uri="https://app.test/other?x=1")
    assert opened.headers["location"].startswith("https://app.test/other?x=1&code=")


@pytest.mark.parametrize(
    "redirect_uri",
    [
        None,
        "https://app.test/back/",
        "https://app.test/back?x=1",
        "https://app.test/Back",
        "https://app.test:443/back",
        "https://app.test/back#x",
        "https://app.test/back/../evil",
        "https://app.test@evil.test/back",
        "https://evil.test/back",
        "http://app.test/back",
        "javascript:alert(1)",
        "//evil.test",
        "https://app.test/bac%6b",
        "https://app.test/back\r\nx: y",
    ],
)
async def test_nothing_is_sent_to_another_redirect_uri(access, redirect_uri):
    for wrong in ({}, {"response_type": "token"}):
        response = await access.http.get("authorize", params=access.asked(redirect_uri=redirect_uri, **wrong))
        assert response.status_code == 400
        assert "location" not in response.headers
        assert "evil" not in response.text


async def test_nothing_is_sent_for_a_client_that_is_not_known(access):
    await access.store.keep_client(an_app(client_id="off", is_active=False))
    for client_id in ("nobody", "off", None):
        response = await access.http.get("authorize", params=access.asked(client_id=client_id))
        assert (response.status_code, response.headers.get("location")) == (400, None)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://other.test/fhir"}, "invalid_target"),
        ({"scope": None}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"scope": "openid system/Patient.rs"}, "invalid_scope"),
        ({"scope": "launch openid"}, "invalid_request"),
        ({"launch": "x"}, "invalid_request"),
        ({"request": "x.y.z"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "select_account"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"dpop_jkt": "x"}, "invalid_request"),
    ],
)
async def test_the_app_is_told_what_is_wrong_with_its_request(access, changed, error):
    answer = answer_of(await access.open(**changed))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "st&te", ISSUER)


async def test_a_parameter_that_stands_twice_is_refused(access):
    response = await access.http.get("authorize", params=[*access.asked().items(), ("scope", "openid")])
    assert response.status_code == 400
    response = await access.http.post("token", content="grant_type=a&grant_type=b", headers=FORM)
    assert refusal(response) == (400, "invalid_request")


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{}", {"content-type": "application/json"}),
        (b"", {}),
        (b"grant_type=%ff", FORM),
        (b"\xff\xfe", FORM),
        (b"a=" + b"b" * 70_000, FORM),
        (b"&".join(b"a%d=b" % n for n in range(70)), FORM),
        (b"grant_type=password&client_id=%00", FORM),
    ],
)
async def test_what_is_no_form_is_refused(access, content, headers):
    response = await access.http.post("token", content=content, headers=headers)
    assert refusal(response) == (400, "invalid_request")


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": None},
        {"redirect_uri": "https://app.test/other?x=1"},
        {"code_verifier": None},
        {"code_verifier": "w" * 43},
        {"code_verifier": "short"},
        {"code_verifier": "v" * 129},
    ],
)
async def test_a_code_is_for_one_request_only(access, changed):
    code = await access.code()
    assert refusal(await access.token(access.redeemed(code, **changed))) == (400, "invalid_grant")
    # What was tried wrongly is spent: nobody tries a second verifier.
    assert refusal(await access.token(access.redeemed(code))) == (400, "invalid_grant")
    assert refusal(await access.token(access.redeemed("x"))) == (400, "invalid_grant")


async def test_a_code_is_for_one_client_only(access):
    code = await access.code()
    stolen = access.redeemed(code, client_id=None) | access.as_system()
    assert refusal(await access.token(stolen)) == (400, "invalid_grant")


async def test_a_code_expires(access):
    code = await access.code()
    access.clock.advance(60)
    assert refusal(await access.token(access.redeemed(code))) == (400, "invalid_grant")


async def test_a_code_that_comes_again_takes_its_tokens_with_it(access):
    code = await access.code()
    tokens = (await access.token(access.redeemed(code))).json()
    assert access.server.verifier.verify(tokens["access_token"])
    assert refusal(await access.token(access.redeemed(code))) == (400, "invalid_grant")
    assert refusal(await access.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    with pytest.raises(Exception, match="revoked"):
        access.server.verifier.verify(tokens["access_token"])


async def test_of_codes_that_come_at_once_no_family_is_left(access_store):
    access = await Access(access_store).set_up()
    code = await access.code()
    answers = await asyncio.gather(*(access.token(access.redeemed(code)) for _ in range(4)))
    for answer in answers:
        if answer.status_code == 200:
            assert refusal(await access.refresh(answer.json()["refresh_token"])) == (400, "invalid_grant")


async def test_a_person_who_left_gets_no_tokens(access):
    code = await access.code()
    await access.store.keep_user(a_user(is_active=False))
    assert refusal(await access.token(access.redeemed(code))) == (400, "invalid_grant")


async def test_no_more_is_granted_than_the_person_may_see(access):
    await access.store.keep_user(a_user(scope="user/Patient.r"))
    tokens = await access.tokens(scope="user/*.rs user/Observation.rs")
    assert tokens["scope"] == "user/Patient.r"


async def test_consent_is_asked_once_for_the_same(access):
    await access.code()
    assert "code" in answer_of(await access.open())
    assert "code" in answer_of(await access.open(prompt="none", scope="user/Patient.r"))
    assert answer_of(await access.open(prompt="none", scope="user/Observation.r"))["error"] == "consent_required"
    assert (await access.open(scope="user/Observation.r")).status_code == 200
    assert (await access.open(prompt="consent")).status_code == 200


async def test_an_app_that_anybody_could_be_is_always_asked_about(access):
    redirect_uri = "http://127.0.0.1:7000/back"
    await access.store.keep_client(an_app(redirect_uris=(redirect_uri,)))
    await access.code(redirect_uri=redirect_uri)
    assert (await access.open(redirect_uri=redirect_uri)).status_code == 200


@pytest.mark.parametrize("changed", [{"prompt": "login"}, {"max_age": "60"}, {"max_age": "0"}])
async def test_an_app_can_ask_for_a_new_sign_in(access, changed):
    await access.code()
    access.clock.advance(61)
    shown = await access.open(**changed)
    assert 'name="password"' in shown.text
    assert "code" in answer_of(await access.sign_in(shown))


async def test_a_request_is_answered_once(access):
    shown = await access.sign_in(await access.open())
    assert "code" in answer_of(await access.send(shown, answer="allow"))
    assert (await access.send(shown, answer="allow")).status_code == 400


async def test_a_pushed_request_is_used_once_by_its_client(access):
    pushed = await access.post("par", access.asked())
    assert (pushed.status_code, pushed.json()["expires_in"]) == (201, 60)
    name = pushed.json()["request_uri"]
    other = await access.http.get("authorize", params={"client_id": "system", "request_uri": name})
    assert other.status_code == 400
    name = (await access.post("par", access.asked())).json()["request_uri"]
    asked = {"client_id": "app", "request_uri": name, "scope": "user/*.cruds", "redirect_uri": "https://evil.test"}
    shown = await access.sign_in(await access.follow(await access.http.get("authorize", params=asked)))
    code = answer_of(await access.send(shown, answer="allow"))["code"]
    tokens = (await access.token(access.redeemed(code))).json()
    assert tokens["scope"] == "fhirUser offline_access openid user/Patient.rs"
    again = await access.http.get("authorize", params={"client_id": "app", "request_uri": name})
    assert again.status_code == 400


@pytest.mark.parametrize(
    "request_uri", ["https://evil.test/request", "urn:ietf:params:oauth:request_uri:x", "file:///x"]
)
async def test_no_other_request_uri_is_followed(access, request_uri):
    response = await access.http.get("authorize", params={"client_id": "app", "request_uri": request_uri})
    assert response.status_code == 400


async def test_a_pushed_request_is_refused_at_once(access):
    assert refusal(await access.post("par", access.asked(code_challenge=None))) == (400, "invalid_request")
    assert refusal(await access.post("par", access.asked(redirect_uri="https://evil.test"))) == (400, "invalid_request")
    assert refusal(await access.post("par", access.asked(client_id="system"))) == (401, "invalid_client")
    assert refusal(await access.post("par", access.asked() | {"request_uri": "x"})) == (400, "invalid_request")


async def test_a_code_of_a_confidential_client_needs_its_key(access):
    back = "https://system.test/back"
    code = await access.code(client_id="system", redirect_uri=back)
    bare = access.redeemed(code, client_id="system", redirect_uri=back)
    assert refusal(await access.token(bare)) == (401, "invalid_client")
    assert (await access.token(bare | access.as_system())).status_code == 200


async def test_an_id_token_is_signed_as_the_client_registered(access):
    await access.store.keep_client(replace(an_app(), id_token_algorithm="RS256"))
    tokens = await access.tokens()
    assert jwt.get_unverified_header(tokens["id_token"])["alg"] == "RS256"
    assert jwt.get_unverified_header(tokens["access_token"])["alg"] == "ES256"


async def test_a_patient_is_chosen_where_the_app_needs_one(access):
    shown = await access.sign_in(await access.open(scope="launch/patient patient/Observation.rs"))
    assert "Uwase &lt;b&gt;A." in shown.text
    shown = await access.send(shown, patient="p2")
    code = answer_of(await access.send(shown, answer="allow"))["code"]
    tokens = (await access.token(access.redeemed(code))).json()
    assert (tokens["patient"], tokens["scope"]) == ("p2", "launch/patient patient/Observation.rs")
    verified = access.server.verifier.verify(tokens["access_token"])
    assert verified.permissions.decide("Observation", "read").patient == "p2"


async def test_a_patient_whom_the_person_may_not_see_is_not_chosen(access):
    shown = await access.sign_in(await access.open(scope="launch/patient patient/Observation.rs"))
    assert 'name="patient"' in (await access.send(shown, patient="p3")).text


async def test_somebody_who_is_a_patient_opens_their_own_record(access):
    await access.store.keep_user(a_user(patient="me", fhir_user="Patient/me", subject_type="person"))
    tokens = await access.tokens(scope="patient/Observation.rs")
    assert tokens["patient"] == "me"


async def test_an_ehr_launches_an_app(access):
    await access.store.keep_client(a_system(may_launch=True))
    context = {"patient": "p9", "encounter": "e9", "app": "app", "user": "u1", "intent": "order"}
    context["need_patient_banner"] = "false"
    made = await access.post("launch", context | access.as_system())
    assert made.status_code == 201
    launch = made.json()["launch"]
    scope = "launch launch/encounter patient/Observation.rs"
    tokens = await access.tokens(scope=scope, launch=launch)
    assert {name: tokens[name] for name in ("patient", "encounter", "intent", "need_patient_banner")} == {
        "patient": "p9",
        "encounter": "e9",
        "intent": "order",
        "need_patient_banner": False,
    }
    assert answer_of(await access.open(scope=scope, launch=launch))["error"] == "invalid_request"


async def test_a_launch_is_for_one_app_and_one_person(access):
    await access.store.keep_client(a_system(may_launch=True))
    for context in ({"app": "other"}, {"user": "u2"}):
        made = await access.post("launch", {"patient": "p9"} | context | access.as_system())
        shown = await access.open(scope="launch patient/Patient.r", launch=made.json()["launch"])
        if shown.status_code == 200:
            shown = await access.sign_in(shown)
        assert answer_of(shown)["error"] in ("invalid_request", "access_denied")


async def test_only_an_ehr_makes_launches(access):
    assert refusal(await access.post("launch", access.as_system())) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    ("asked", "is_let"),
    [
        ("http://127.0.0.1:51234/back", True),
        ("http://127.0.0.1/back", True),
        ("http://127.0.0.1:51234/back?x=1", False),
        ("http://127.0.0.1:51234/other", False),
        ("http://127.0.0.1:51234/back/../other", False),
        ("http://127.0.0.1:99999/back", False),
        ("http://127.0.0.1:1@evil.example/back", False),
        ("http://127.0.0.1:1.evil.example/back", False),
        ("https://127.0.0.1:51234/back", False),
        ("http://[::1]:51234/back", False),
        ("http://localhost:51234/back", False),
        ("http://localhost:7000/there", True),
        ("https://app.test:8443/back", False),
    ],
)
async def test_an_app_on_the_machine_answers_at_any_port(access, asked, is_let):
    registered = ("http://127.0.0.1:7000/back", "http://localhost:7000/there", "https://app.test/back")
    await access.store.keep_client(an_app(redirect_uris=registered))
    if is_let:
        code = await access.code(redirect_uri=asked)
        assert (await access.token(access.redeemed(code, redirect_uri="http://127.0.0.1:7000/x"))).status_code == 400
        code = await access.code(redirect_uri=asked)
        assert (await access.token(access.redeemed(code, redirect_uri=asked))).status_code == 200
    else:
        assert (await access.http.get("authorize", params=access.asked(redirect_uri=asked))).status_code == 400
