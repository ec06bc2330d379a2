"""Pages where people look after their own account: password, second factor, passkeys, sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pyotp
from fastapi import APIRouter, Request, Response

from identity.access.grants.parameters import Parameters, read_parameters
from identity.access.grants.server import Server
from identity.access.people import passkeys
from identity.access.people.accounts import end_sessions
from identity.access.people.patients import NoPatients
from identity.access.people.sessions import Session, form_token
from identity.access.people.signing_in import SignedIn, is_code
from identity.access.people.way_in import open_way_in
from identity.access.store.records import User
from identity.access.web.cookies import session_cookie, set_session
from identity.access.web.pages import message, page
from identity.access.web.password_pages import asked_by_link, chosen, password_page
from identity.access.web.requests import check_form, form
from identity.access.web.signing_in_pages import People

_RECENT = 900
"""Seconds after signing in during which somebody may change what they sign in with."""
_SCRIPT = (Path(__file__).parent / "passkeys.js").read_bytes()
_Do = Callable[[People, Request, User, Parameters], Awaitable[Response | None]]


def account_pages(server: Server) -> APIRouter:
    """Return the routes."""
    people = People(server, NoPatients())
    router = APIRouter()

    @router.get("/account")
    async def account(request: Request) -> Response:
        return await _shown(people, request)

    @router.post("/account")
    async def change_account(request: Request) -> Response:
        return await _changed(people, request, await form(request))

    @router.get("/password")
    async def password(request: Request) -> Response:
        return await asked_by_link(request, server, read_parameters(request.url.query))

    @router.post("/password")
    async def choose_password(request: Request) -> Response:
        sent = await form(request)
        found = await chosen(request, server, sent)
        return await people.let_in(request, found, sent["request"]) if isinstance(found, SignedIn) else found

    @router.get("/passkeys.js")
    async def script() -> Response:
        headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
        return Response(_SCRIPT, headers=headers, media_type="text/javascript")

    return router


async def _shown(people: People, request: Request, *, failed: bool = False) -> Response:
    found = await _recently_in(people, request)
    if found is None:
        return people.leading("login", request="account")
    server, user, secret = people.server, found[1], session_cookie(request) or ""
    can = passkeys.is_possible(server)
    return page(
        request,
        "account.html",
        status=400 if failed else 200,
        form=form_token(server, secret, "account"),
        logout=form_token(server, secret, "logout"),
        user=user.name or user.login_name,
        failed=failed,
        totp_key=pyotp.random_base32() if user.totp_secret is None else "",
        passkey=await passkeys.registration_options(server, user, secret) if can else "",
        known=await server.store.passkeys(user.user_id),
    )


async def _recently_in(people: People, request: Request) -> tuple[Session, User] | None:
    """Return who signed in here a short while ago: a browser left alone must not change how its owner signs in."""
    found = await people.signed_in(request)
    is_recent = found is not None and people.server.clock() - found[0].auth_time <= _RECENT
    return found if is_recent else None


async def _changed(people: People, request: Request, sent: Parameters) -> Response:
    check_form(people.server, session_cookie(request), "account", sent)
    found = await _recently_in(people, request)
    do = _DO.get(sent.get("do", ""))
    if found is None or do is None:
        return people.leading("login", request="account")
    answered = await do(people, request, found[1], sent)
    return answered or people.leading("account")


async def _choose_password(people: People, request: Request, user: User, sent: Parameters) -> Response:
    del sent
    ticket = await open_way_in(people.server, user, _methods_of(await people.signed_in(request)))
    return password_page(request, people.server, ticket, "account")


async def _add_totp(people: People, request: Request, user: User, sent: Parameters) -> Response | None:
    key = sent.get("totp", "")
    if user.totp_secret is not None or not await is_code(people.server, user, key, sent.get("code", "")):
        return await _shown(people, request, failed=True)
    await people.server.store.change_user(user.user_id, {"totp_secret": key})
    return None


async def _add_passkey(people: People, request: Request, user: User, sent: Parameters) -> Response | None:
    browser, name = session_cookie(request) or "", sent.get("passkey_name", "")
    kept = await passkeys.register(people.server, user, browser, sent.get("credential", ""), name)
    return await _shown(people, request, failed=True) if kept is None else None


async def _remove_passkey(people: People, request: Request, user: User, sent: Parameters) -> Response | None:
    del request
    known = {each.credential_id for each in await people.server.store.passkeys(user.user_id)}
    if sent.get("passkey") in known:
        await people.server.store.drop_passkey(sent["passkey"])
    return None


async def _sign_out_everywhere(people: People, request: Request, user: User, sent: Parameters) -> Response:
    del sent
    await end_sessions(people.server, user)
    answered = message(request, "account", "signed_out")
    set_session(answered, None)
    return answered


def _methods_of(found: tuple[Session, User] | None) -> tuple[str, ...]:
    return () if found is None else found[0].methods


_DO: Mapping[str, _Do] = MappingProxyType(
    {
        "password": _choose_password,
        "totp": _add_totp,
        "passkey": _add_passkey,
        "remove": _remove_passkey,
        "everywhere": _sign_out_everywhere,
    }
)
