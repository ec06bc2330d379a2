"""Signing in: passwords, second factors, attempts, cookies, forms, and what pages look like."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from identity.access.people import passwords, signing_in
from identity.access.people.passwords import hashed, is_right
from identity.access.people.signing_in import MOST_FAILURES, sign_in
from identity.access.web.texts import TEXTS, texts_for
from tests.support.access import PASSWORD, Access, a_user, answer_of, fields_of

_CHALLENGE = re.compile(r'data-options="[^"]*"')


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("nobody", PASSWORD),
        ("resting", PASSWORD),
        ("", ""),
        ("alice", PASSWORD * 40),
    ],
)
async def test_every_refusal_looks_the_same(access, name, password):
    await access.store.keep_user(a_user(user_id="u2", login_name="resting", is_active=False))
    shown = await access.open()
    refused = await access.sign_in(shown, name=name, password=password)
    assert refused.status_code == 403
    other = await access.sign_in(shown, name="alice", password="another wrong one")
    # Each page has a challenge of its own for passkeys.
    assert _CHALLENGE.sub("", refused.text) == _CHALLENGE.sub("", other.text)
    assert "__Host-session" not in access.http.cookies
    if name:
        assert name not in refused.text


async def test_a_password_is_compared_whoever_signs_in(access, monkeypatch):
    """The work, and so the time, does not depend on whether there is such a user."""
    compared = []

    async def counted(password, password_hash):
        compared.append(password_hash is None)
        return await is_right(password, password_hash)

    monkeypatch.setattr(signing_in, "is_right", counted)
    for name in ("alice", "nobody"):
        for _ in range(MOST_FAILURES + 2):
            await sign_in(access.server, name, "wrong", "", "::1")
    assert compared == [False] * 12 + [True] * 12


async def test_nobodys_password_costs_what_a_real_one_costs():
    parameters = [text.rsplit("$", 2)[0] for text in (passwords._NOBODYS, hashed(PASSWORD))]
    assert parameters[0] == parameters[1] == "$argon2id$v=19$m=19456,t=2,p=1"
    assert not await is_right("the password of nobody", None)


async def test_after_many_failures_the_right_password_does_not_help(access_store):
    access = await Access(access_store).set_up()
    for _ in range(MOST_FAILURES):
        assert await sign_in(access.server, "alice", "wrong", "", "1") is None
    assert await sign_in(access.server, " ALICE ", PASSWORD, "", "2") is None
    access.clock.advance(15 * 60 + 1)
    assert await sign_in(access.server, " ALICE ", PASSWORD, "", "2") is not None


async def test_who_signs_in_is_counted_anew(access):
    for _ in range(MOST_FAILURES - 1):
        await sign_in(access.server, "alice", "wrong", "", "1")
    assert await sign_in(access.server, "alice", PASSWORD, "", "1")
    assert await sign_in(access.server, "alice", "wrong", "", "1") is None
    assert await sign_in(access.server, "alice", PASSWORD, "", "1")


async def test_one_address_cannot_try_many_names(access, monkeypatch):
    monkeypatch.setattr(signing_in, "MOST_FROM_ADDRESS", 3)
    for number in range(3):
        await sign_in(access.server, f"name{number}", "wrong", "", "9")
    assert await sign_in(access.server, "alice", PASSWORD, "", "9") is None
    assert await sign_in(access.server, "alice", PASSWORD, "", "8")


async def test_a_second_factor_is_asked_and_used_once(access):
    secret = pyotp.random_base32()
    await access.store.keep_user(a_user(totp_secret=secret))
    code = pyotp.TOTP(secret).at(int(access.clock.now))
    for wrong in ("", "000000" if code != "000000" else "111111", code[:5], "é" * 6, pyotp.TOTP(secret).at(0)):
        assert await sign_in(access.server, "alice", PASSWORD, wrong, "1") is None
    assert await sign_in(access.server, "alice", "wrong", code, "1") is None
    found = await sign_in(access.server, "alice", PASSWORD, f"{code[:3]} {code[3:]}", "1")
    assert found is not None
    assert found.methods == ("pwd", "otp", "mfa")
    assert await sign_in(access.server, "alice", PASSWORD, code, "1") is None


async def test_a_second_factor_shows_in_the_token(access):
    secret = pyotp.random_base32()
    await access.store.keep_user(a_user(totp_secret=secret))
    shown = await access.sign_in(await access.open(), code=pyotp.TOTP(secret).at(int(access.clock.now)))
    code = answer_of(await access.send(shown, answer="allow"))["code"]
    token = (await access.token(access.redeemed(code))).json()["access_token"]
    assert access.server.verifier.verify(token).claims.identity.assurance == 2


@pytest.mark.parametrize("password", ["", "short", "x" * 513])
def test_a_password_has_a_sensible_length(password):
    with pytest.raises(ValueError, match="12 to 512"):
        hashed(password)


async def test_cookies_are_kept_from_scripts_and_other_sites(access):
    shown = await access.open()
    answered = await access.post("login", fields_of(shown.text) | {"name": "alice", "password": PASSWORD})
    for cookie in answered.headers.get_list("set-cookie"):
        assert re.fullmatch(r"__Host-\w+=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", cookie)


async def test_signing_in_gives_a_new_session(access):
    await access.sign_in(await access.open())
    first = access.http.cookies["__Host-session"]
    access.clock.advance(0.1)
    await access.sign_in(await access.open(prompt="login"))
    second = access.http.cookies["__Host-session"]
    assert first != second
    access.http.cookies.set("__Host-session", first, domain="access.test", path="/")
    other = access.browser()
    other.cookies.set("__Host-session", first)
    access.http = other
    assert 'name="password"' in (await access.open()).text


async def test_a_session_ends(access):
    await access.sign_in(await access.open())
    assert 'name="answer"' in (await access.open()).text
    access.clock.advance(12 * 3600)
    assert 'name="password"' in (await access.open()).text


async def test_a_session_that_was_made_up_is_none(access):
    access.http.cookies.set("__Host-session", "x" * 43)
    assert 'name="password"' in (await access.open()).text


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 22])
async def test_a_form_of_another_site_is_refused(access, token):
    """Signing somebody in under a stranger's name, choosing, allowing: none of it without our own form."""
    shown = await access.open(scope="patient/Patient.r")
    fields = fields_of(shown.text)
    login = {"name": "alice", "password": PASSWORD}
    assert (await access.post("login", fields | login | {"form": token})).status_code == 400
    shown = await access.sign_in(shown)
    assert (await access.post("patient", fields | {"form": token, "patient": "p1"})).status_code == 400
    await access.send(shown, patient="p1")
    assert (await access.post("consent", fields | {"form": token, "answer": "allow"})).status_code == 400
    assert (await access.post("logout", {"form": token})).status_code == 400


async def test_a_form_belongs_to_one_browser_and_one_request(access):
    mine = await access.sign_in(await access.open())
    fields = fields_of(mine.text)
    handle = parse_qs(urlsplit(str((await access.open(state="other")).url)).query)["request"][0]
    assert (await access.post("consent", fields | {"request": handle, "answer": "allow"})).status_code == 400
    theirs = access.browser()
    assert (await theirs.post("consent", data=fields | {"answer": "allow"})).status_code == 400


async def test_without_cookies_nobody_is_sent_in_circles(access):
    opened = await access.http.get("authorize", params=access.asked())
    access.http.cookies.clear()
    again = await access.http.get(opened.headers["location"])
    access.http.cookies.clear()
    assert (await access.http.get(again.headers["location"])).status_code == 400


async def test_pages_are_safe_to_show(access):
    shown = await access.open()
    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.test;" in policy
    assert "unsafe" not in policy
    assert shown.text.count("<script") == shown.text.count('<script src="passkeys.js" defer></script>')
    expected = {
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    assert expected.items() <= dict(shown.headers).items()


async def test_what_people_typed_is_never_markup(access):
    await access.store.keep_user(a_user(name="<i>Alice</i>"))
    shown = await access.sign_in(await access.open())
    assert "&lt;i&gt;Alice" in shown.text
    shown = await access.open(scope="launch/patient patient/Patient.r")
    found = await access.send(shown, search='"><b>x')
    assert "&#34;&gt;&lt;b&gt;x" in found.text


async def test_patients_are_searched_without_their_names_in_a_url(access):
    shown = await access.sign_in(await access.open(scope="launch/patient patient/Patient.r"))
    assert 'method="get"' not in shown.text
    found = await access.send(shown, search="mugi")
    assert "Mugisha" in found.text
    assert "Uwase" not in found.text
    assert 'role="status"' in (await access.send(shown, search="nobody")).text
    assert 'name="answer"' in (await access.send(found, patient="p2")).text


async def test_each_field_has_a_label_and_each_page_a_language(access):
    pages = [await access.open(scope="patient/Patient.r")]
    pages.append(await access.sign_in(pages[-1]))
    pages.append(await access.send(pages[-1], patient="p1"))
    pages.append(await access.http.get("device"))
    for shown in pages:
        assert re.search(r'<html lang="en">.*<title>[^<]+</title>.*<h1>[^<]+</h1>', shown.text, re.DOTALL)
        for name in re.findall(r'<input id="(\w+)"', shown.text):
            assert f'<label for="{name}">' in shown.text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("rw", "rw"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en;q=0.5, rw;q=0.9", "rw"),
        ("sw, de", "en"),
        ("*", "en"),
        ("fr;q=0", "en"),
        ("fr;q=x", "en"),
        ("," * 600, "en"),
    ],
)
def test_pages_speak_the_language_asked_for(header, language):
    assert texts_for(header)["language"] == language


@pytest.mark.parametrize(
    ("header", "preferred", "language"),
    [("", ("rw", "fr"), "rw"), ("sw", ("sw", "fr-RW"), "fr"), ("en", ("rw",), "en"), ("de", ("de",), "en")],
)
def test_pages_speak_the_tenants_language_where_the_browser_asks_for_none_of_ours(header, preferred, language):
    assert texts_for(header, preferred=preferred)["language"] == language


def test_no_language_lacks_a_text():
    names = [set(texts) for texts in TEXTS.values()]
    assert names[0] == names[1] == names[2]
    assert all(text for texts in TEXTS.values() for text in texts.values())


@pytest.mark.parametrize("language", TEXTS)
async def test_the_way_is_the_same_in_every_language(access, language):
    access.http.headers["accept-language"] = language
    shown = await access.open(scope="openid offline_access user/*.rs user/Patient.cud")
    assert TEXTS[language]["password"] in shown.text
    shown = await access.sign_in(shown)
    assert TEXTS[language]["asks"] in shown.text
    assert TEXTS[language]["offline"] in shown.text
    assert "code" in answer_of(await access.send(shown, answer="allow"))
