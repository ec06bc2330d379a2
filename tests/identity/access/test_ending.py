"""Logout that an app starts (OpenID Connect RP-Initiated Logout)."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import Response

from identity.access.grants.metadata import openid_provider
from identity.access.tokens.signing import signed_claims
from tests.support.access import ISSUER, Access, a_user, an_app, fields_of

BACK = "https://app.test/bye?a=b"


@pytest.fixture
async def id_token(access: Access) -> str:
    """What the app knows the person by, who is signed in."""
    await access.store.keep_client(an_app(post_logout_redirect_uris=(BACK, "http://127.0.0.1:7000/bye")))
    token: str = (await access.tokens())["id_token"]
    return token


async def is_in(access: Access) -> bool:
    return (await access.http.get("account")).status_code == 200


async def end(access: Access, **asked: Any) -> Response:
    return await access.http.get("end_session", params=asked)


async def test_a_person_whom_the_app_knows_is_signed_out_and_led_back(access, id_token):
    assert await is_in(access)
    access.clock.advance(400)
    answer = await end(access, id_token_hint=id_token, post_logout_redirect_uri=BACK, state="s&t")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BACK}&state=s%26t")
    assert not await is_in(access)


@pytest.mark.parametrize("asked", [{}, {"client_id": "app"}, {"client_id": "app", "post_logout_redirect_uri": BACK}])
async def test_a_person_whom_the_app_does_not_name_is_asked(access, id_token, asked):
    shown = await end(access, **asked, state="x")
    assert "Do you want to sign out?" in shown.text
    assert await is_in(access)
    forged = await access.http.post("end_session", data={**asked, "form": "x" * 22})
    assert "Do you want to sign out?" in forged.text
    assert await is_in(access)
    answer = await access.http.post("end_session", data=fields_of(shown.text))
    assert not await is_in(access)
    if "post_logout_redirect_uri" in asked:
        assert answer.headers["location"] == f"{BACK}&state=x"
    else:
        assert "signed out" in answer.text


async def test_an_id_token_of_somebody_else_signs_nobody_out(access, id_token):
    claims = {"iss": ISSUER, "aud": "app", "sub": "another"}
    other = signed_claims(claims, access.server.keys.signer())
    assert "Do you want to sign out?" in (await end(access, id_token_hint=other)).text
    assert await is_in(access)


@pytest.mark.parametrize(
    "asked",
    [
        {"post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": "https://app.test/bye"},
        {"post_logout_redirect_uri": BACK, "client_id": "another"},
        {"id_token_hint": "x.y.z"},
        {"id_token_hint": ""},
    ],
)
async def test_nobody_is_led_elsewhere(access, id_token, asked):
    given = {"id_token_hint": id_token, **asked}
    if asked.get("id_token_hint") == "":
        given = {"post_logout_redirect_uri": BACK}
    answer = await end(access, **given)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert await is_in(access)


async def test_tokens_of_other_kinds_and_issuers_are_no_hints(access, id_token):
    signer = access.server.keys.signer()
    claims = {"iss": ISSUER, "aud": "app", "sub": a_user().user_id}
    for wrong in (
        (await access.tokens())["access_token"],
        signed_claims(claims | {"iss": f"{ISSUER}/other"}, signer),
        signed_claims(claims, signer, "logout+jwt"),
        signed_claims({**claims, "aud": ["app"]}, signer),
    ):
        assert (await end(access, id_token_hint=wrong)).status_code == 400
    assert await is_in(access)


async def test_an_app_on_the_machine_is_led_back_to_at_any_port(access, id_token):
    uri = "http://127.0.0.1:51111/bye"
    answer = await end(access, id_token_hint=id_token, post_logout_redirect_uri=uri)
    assert answer.headers["location"] == uri


async def test_what_another_site_posts_comes_without_the_session_and_is_asked_again(access, id_token):
    cookies = dict(access.http.cookies)
    access.http.cookies.clear()
    sent = {"id_token_hint": id_token, "post_logout_redirect_uri": BACK, "client_id": "app"}
    answer = await access.http.post("end_session", data=sent)
    assert answer.status_code == 303
    assert "id_token_hint" not in answer.headers["location"]
    access.http.cookies.update(cookies)
    assert "Do you want to sign out?" in (await access.http.get(answer.headers["location"])).text


async def test_nobody_who_is_signed_out_is_led_back_all_the_same(access, id_token):
    access.http.cookies.clear()
    answer = await end(access, id_token_hint=id_token, post_logout_redirect_uri=BACK)
    assert answer.headers["location"] == BACK


async def test_it_is_announced(access):
    assert openid_provider(access.server)["end_session_endpoint"] == f"{ISSUER}/end_session"
