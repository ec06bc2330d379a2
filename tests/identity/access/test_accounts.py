"""One-time passwords, links, second factors and passkeys, as people meet them."""

from __future__ import annotations

import html
import re
from hashlib import sha256

import pyotp
import pytest

from identity.access.people.accounts import (
    choose_password,
    end_sessions,
    first_administrator,
    one_time_password,
    reset_password,
)
from identity.access.people.passkeys import MOST
from identity.access.people.signing_in import MOST_FAILURES
from identity.access.people.way_in import link_for
from identity.access.store.records import Passkey
from identity.access.tokens.compact import encode
from tests.support.access import FHIR, ISSUER, PASSWORD, Access, a_user, answer_of, client_key, fields_of
from tests.support.authenticator import PRESENT, Authenticator

NEW = "another long pass phrase"
ORIGIN = "https://access.test"


def options_of(page: str) -> str:
    return html.unescape(re.findall(r'data-options="([^"]*)"', page)[0])


def form_of(page: str, marker: str) -> dict[str, str]:
    """Return the hidden fields of the form that has *marker* in it."""
    found = next(each for each in re.findall(r"<form.*?</form>", page, re.DOTALL) if marker in each)
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', found))


async def account(access: Access):
    shown = await access.follow(await access.http.get("account"))
    return shown if 'name="password"' not in shown.text else await access.sign_in(shown)


async def do(access: Access, page, marker: str, **filled: str):
    return await access.follow(await access.post("account", form_of(page.text, marker) | filled))


def test_one_time_passwords_can_be_read_out_and_differ():
    made = {one_time_password() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"[a-km-np-z2-9]{4}(-[a-km-np-z2-9]{4}){4}", each) for each in made)


async def test_the_first_administrator_has_to_choose_a_password(access):
    empty = Access(store=type(access.store)())
    password = await first_administrator(empty.server)
    assert password is not None
    assert await first_administrator(empty.server) is None
    shown = await empty.follow(await empty.http.get("account"))
    shown = await empty.sign_in(shown, "admin", password)
    assert "Choose a password" in shown.text
    # nothing is open yet
    assert 'name="password"' in (await empty.follow(await empty.http.get("account"))).text
    shown = await empty.follow(await empty.post("password", fields_of(shown.text) | {"password": NEW, "again": NEW}))
    assert "Your account" in shown.text
    kept = await empty.store.user_named("admin")
    assert kept is not None
    assert not kept.must_change_password
    again = await empty.sign_in(await empty.follow(await empty.browser().get("account")), "admin", password)
    assert again.status_code == 403


@pytest.mark.parametrize(
    ("password", "again"),
    [("short", "short"), (NEW, "differs"), ("alice" * 4, "alice" * 4), ("abababababababab", "abababababababab")],
)
async def test_a_bad_password_is_not_taken_and_costs_nothing(access, password, again):
    one_time = await reset_password(access.server, a_user())
    shown = await access.sign_in(await access.follow(await access.http.get("account")), password=one_time)
    fields = fields_of(shown.text)
    refused = await access.post("password", fields | {"password": password, "again": again})
    assert refused.status_code == 400
    assert "cannot be your password" in refused.text
    taken = await access.follow(await access.post("password", fields | {"password": NEW, "again": NEW}))
    assert "Your account" in taken.text


async def test_a_one_time_password_ends(access):
    one_time = await reset_password(access.server, a_user())
    access.clock.advance(8 * 24 * 3600)
    shown = await access.sign_in(await access.follow(await access.http.get("account")), password=one_time)
    assert shown.status_code == 403


async def test_the_ticket_of_a_password_is_good_once(access):
    link = await link_for(access.server, a_user())
    shown = await access.http.get(link)
    fields = fields_of(shown.text) | {"password": NEW, "again": NEW}
    assert "Your account" in (await access.follow(await access.post("password", fields))).text
    assert (await access.post("password", fields)).status_code == 400
    assert (await access.http.get(link)).status_code == 400


async def test_a_link_lets_somebody_in_whose_name_others_have_locked(access):
    for _ in range(MOST_FAILURES + 1):
        await access.sign_in(await access.follow(await access.http.get("account")), password="wrong" * 4)
    locked = await access.sign_in(await access.follow(await access.http.get("account")))
    assert locked.status_code == 403
    shown = await access.http.get(await link_for(access.server, a_user()))
    shown = await access.follow(await access.post("password", fields_of(shown.text) | {"password": NEW, "again": NEW}))
    assert "Your account" in shown.text


async def test_a_link_asks_for_the_second_factor(access):
    secret = pyotp.random_base32()
    user = a_user(totp_secret=secret)
    await access.store.keep_user(user)
    shown = await access.http.get(await link_for(access.server, user))
    fields = fields_of(shown.text) | {"password": NEW, "again": NEW}
    assert (await access.post("password", fields | {"code": "000000"})).status_code == 400
    code = pyotp.TOTP(secret).at(int(access.clock.now))
    assert "Your account" in (await access.follow(await access.post("password", fields | {"code": code}))).text


async def test_the_second_factor_of_a_link_cannot_be_guessed_for_long(access):
    secret = pyotp.random_base32()
    user = a_user(totp_secret=secret)
    await access.store.keep_user(user)
    shown = await access.http.get(await link_for(access.server, user))
    fields = fields_of(shown.text) | {"password": NEW, "again": NEW}
    for _ in range(MOST_FAILURES):
        await access.post("password", fields | {"code": "000000"})
    code = pyotp.TOTP(secret).at(int(access.clock.now))
    assert (await access.post("password", fields | {"code": code})).status_code == 400


async def test_another_password_ends_what_was_opened_for_one_before(access):
    one_time = await reset_password(access.server, a_user())
    seen = await access.sign_in(await access.follow(await access.http.get("account")), password=one_time)
    link = await link_for(access.server, a_user())
    access.clock.advance(2)
    shown = await access.http.get(await link_for(access.server, a_user()))
    chosen = fields_of(shown.text) | {"password": NEW, "again": NEW}
    assert "Your account" in (await access.follow(await access.post("password", chosen))).text
    late = fields_of(seen.text) | {"password": f"{NEW} of a thief", "again": f"{NEW} of a thief"}
    assert (await access.post("password", late)).status_code == 400
    assert (await access.http.get(link)).status_code == 400


async def test_a_reset_ends_links_to_another_password(access):
    link = await link_for(access.server, a_user())
    access.clock.advance(2)
    await reset_password(access.server, a_user())
    assert (await access.http.get(link)).status_code == 400


async def test_nobody_is_signed_in_by_the_form_of_another_browser(access):
    shown = await access.http.get(await link_for(access.server, a_user()))
    fields = fields_of(shown.text) | {"password": NEW, "again": NEW}
    other = access.browser()
    await other.get("login?request=account", follow_redirects=True)
    refused = await other.post("password", data=fields)
    assert refused.status_code == 400
    assert "session" not in str(refused.headers.get("set-cookie"))
    assert "Your account" in (await access.follow(await access.post("password", fields))).text


async def test_a_reset_ends_sessions_grants_and_tokens(access):
    tokens = await access.tokens()
    access.server.verifier.verify(tokens["access_token"])
    access.clock.advance(2)
    await reset_password(access.server, a_user())
    with pytest.raises(Exception, match="revoked"):
        access.server.verifier.verify(tokens["access_token"])
    assert (await access.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert 'name="password"' in (await access.follow(await access.http.get("account"))).text


async def test_what_is_signed_in_to_after_that_is_good(access):
    await end_sessions(access.server, a_user())
    access.clock.advance(2)
    tokens = await access.tokens()
    assert access.server.verifier.verify(tokens["access_token"])
    assert (await access.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_second_factor_is_set_up_and_then_asked_for(access):
    shown = await account(access)
    key = form_of(shown.text, 'name="totp"')["totp"]
    refused = await do(access, shown, 'name="totp"', code="000000", do="totp")
    assert "did not work" in refused.text
    code = pyotp.TOTP(key).at(int(access.clock.now))
    done = await do(access, shown, 'name="totp"', code=code, do="totp")
    assert "is asked for when you sign in" in done.text
    other = access.browser()
    access.http = other
    assert (await account(access)).status_code == 403


async def test_a_passkey_is_made_and_signs_in(access):
    shown = await account(access)
    key = Authenticator(ORIGIN)
    credential = key.create(options_of(shown.text))
    made = await do(access, shown, 'data-passkey="create"', credential=credential, passkey_name="Blue key")
    assert "Blue key" in made.text
    access.http = access.browser()
    login = await access.open()
    fields = form_of(login.text, 'data-passkey="get"') | {"credential": key.get(options_of(login.text))}
    shown = await access.follow(await access.post("passkey", fields))
    assert answer_of(await access.send(shown, answer="allow"))["code"]
    # the answer of an authenticator is good once
    assert (await access.post("passkey", fields)).status_code in (400, 403)


async def passkey_of(access: Access) -> Authenticator:
    shown = await account(access)
    key = Authenticator(ORIGIN)
    await do(access, shown, 'data-passkey="create"', credential=key.create(options_of(shown.text)), passkey_name="k")
    access.http = access.browser()
    return key


@pytest.mark.parametrize(
    "client", [{"origin": "https://evil.test"}, {"type": "webauthn.create"}, {"challenge": "AAAA"}, {"challenge": 5}]
)
async def test_an_answer_for_another_page_does_not_sign_in(access, client):
    key = await passkey_of(access)
    login = await access.open()
    fields = form_of(login.text, 'data-passkey="get"') | {"credential": key.get(options_of(login.text), **client)}
    assert (await access.post("passkey", fields)).status_code == 403


async def test_a_key_that_did_not_recognise_its_owner_does_not_sign_in(access):
    key = await passkey_of(access)
    key.flags = PRESENT
    login = await access.open()
    fields = form_of(login.text, 'data-passkey="get"') | {"credential": key.get(options_of(login.text))}
    assert (await access.post("passkey", fields)).status_code == 403


async def test_a_key_whose_counter_goes_back_was_copied(access):
    key = await passkey_of(access)
    for _ in range(2):
        login = await access.open()
        fields = form_of(login.text, 'data-passkey="get"') | {"credential": key.get(options_of(login.text))}
        assert (await access.post("passkey", fields)).status_code == 303
        access.http = access.browser()
    key.count = 0
    login = await access.open()
    fields = form_of(login.text, 'data-passkey="get"') | {"credential": key.get(options_of(login.text))}
    assert (await access.post("passkey", fields)).status_code == 403


@pytest.mark.parametrize("credential", ["", "{}", "[]", '{"id": 5}', '{"id": "a\\u0000"}', "\x00", "{" * 2000])
async def test_what_is_no_answer_of_a_browser_is_refused(access, credential):
    login = await access.open()
    fields = form_of(login.text, 'data-passkey="get"') | {"credential": credential}
    assert (await access.post("passkey", fields)).status_code in (400, 403)
    shown = await account(access)
    assert (
        credential == "\0"
        or "did not work" in (await do(access, shown, 'data-passkey="create"', credential=credential)).text
    )


async def test_a_challenge_belongs_to_one_browser(access):
    key = await passkey_of(access)
    elsewhere = options_of((await access.open()).text)
    access.http = access.browser()
    login = await access.open()
    fields = form_of(login.text, 'data-passkey="get"') | {"credential": key.get(elsewhere)}
    assert (await access.post("passkey", fields)).status_code == 403


async def test_passkeys_are_removed_and_bounded(access):
    names = [encode(b"credential %d" % number) for number in range(MOST)]
    for name in names:
        await access.store.keep_passkey(Passkey(credential_id=name, user_id="u1", public_key="", name=f"k{name}"))
    shown = await account(access)
    full = await do(
        access, shown, 'data-passkey="create"', credential=Authenticator(ORIGIN).create(options_of(shown.text))
    )
    assert "did not work" in full.text
    await do(access, shown, f'value="{names[3]}"', do="remove")
    assert len(await access.store.passkeys("u1")) == MOST - 1
    await access.store.keep_passkey(Passkey(credential_id="theirs", user_id="u2", public_key=""))
    await do(access, shown, f'value="{names[4]}"', do="remove", passkey="theirs")
    assert await access.store.passkey("theirs") is not None


async def test_pages_with_passkeys_run_our_own_script_and_no_other(access):
    login = await access.open()
    assert "script-src 'self';" in login.headers["content-security-policy"]
    script = await access.http.get("passkeys.js")
    assert script.headers["content-type"].startswith("text/javascript")
    consent = await access.sign_in(login)
    assert "script-src 'none';" in consent.headers["content-security-policy"]
    assert "<script" not in consent.text


async def test_a_session_that_is_old_changes_nothing(access):
    shown = await account(access)
    access.clock.advance(1000)
    assert 'name="password"' in (await do(access, shown, 'name="totp"', code="1", do="totp")).text


async def test_a_form_of_another_browser_changes_nothing(access):
    shown = await account(access)
    access.http = access.browser()
    await account(access)
    assert (await do(access, shown, 'value="everywhere"', do="everywhere")).status_code == 400


async def test_signing_out_everywhere(access):
    shown = await account(access)
    access.clock.advance(2)
    assert "signed out" in (await do(access, shown, 'value="everywhere"', do="everywhere")).text
    assert 'name="password"' in (await access.follow(await access.http.get("account"))).text
    assert access.server.revocations.include("u1")


async def test_userinfo_tells_what_was_granted(access):
    tokens = await access.tokens(scope="openid profile fhirUser user/Patient.rs")
    shown = {"Authorization": f"Bearer {tokens['access_token']}"}
    told = await access.http.get("userinfo", headers=shown)
    assert told.json() == {"sub": "u1", "name": "Alice U.", "fhirUser": f"{FHIR}/Practitioner/1"}
    assert (await access.post("userinfo", headers=shown)).status_code == 200
    access.clock.advance(1)
    await end_sessions(access.server, a_user())
    assert (await access.http.get("userinfo", headers=shown)).status_code == 401


async def test_userinfo_is_for_tokens_of_persons_with_openid(access):
    narrow = (await access.tokens(scope="user/Patient.rs"))["access_token"]
    form = access.as_system() | {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    system = (await access.token(form)).json()["access_token"]
    for shown in ("", "Bearer", "Bearer x", f"Bearer {narrow}", f"Bearer {system}"):
        answer = await access.http.get("userinfo", headers={"Authorization": shown})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_bound_token_needs_its_key_at_userinfo(access):
    key = client_key("ES256")
    code = await access.code(scope="openid user/Patient.rs")
    answer = await access.token(access.redeemed(code), headers={"DPoP": access.proof(key)})
    token = answer.json()["access_token"]
    url, shown = f"{ISSUER}/userinfo", {"Authorization": f"DPoP {token}"}
    ath = encode(sha256(token.encode()).digest())
    assert (await access.http.get("userinfo", headers=shown)).status_code == 401
    proof = access.proof(key, url, htm="GET", ath=ath)
    assert (await access.http.get("userinfo", headers=shown | {"DPoP": proof})).status_code == 200
    assert (await access.http.get("userinfo", headers=shown | {"DPoP": proof})).status_code == 401


async def test_a_chosen_password_need_not_be_changed(access):
    user = a_user(must_change_password=True, password_until=5.0)
    await access.store.keep_user(user)
    changed = await choose_password(access.server, user, PASSWORD)
    assert changed is not None
    assert (changed.must_change_password, changed.password_until) == (False, 0)


async def test_a_lock_at_the_same_moment_is_not_lost(access):
    # each knows the person as they were before the other
    before = a_user()
    await end_sessions(access.server, before, is_active=False)
    await choose_password(access.server, before, NEW)
    await end_sessions(access.server, before, totp_secret="JBSWY3DPEHPK3PXP")
    kept = await access.store.user(before.user_id)
    assert kept is not None
    assert (kept.is_active, kept.totp_secret) == (False, "JBSWY3DPEHPK3PXP")
    assert kept.password_hash != before.password_hash


async def test_a_password_is_not_chosen_in_place_of_one_that_was_reset_meanwhile(access):
    before = a_user()
    one_time = await reset_password(access.server, before)
    assert await choose_password(access.server, before, NEW) is None
    shown = await access.sign_in(await access.follow(await access.http.get("account")), password=one_time)
    assert "Choose a password" in shown.text


def test_the_issuer_of_these_tests_can_have_passkeys():
    assert ISSUER.startswith(ORIGIN)
