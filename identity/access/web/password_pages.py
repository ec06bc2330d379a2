"""The page where a person chooses a password: after a one-time password, or by an administrator's link.

Spec: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
"""

from __future__ import annotations

from contextlib import suppress

from fastapi import Request, Response

from identity.access.grants.parameters import Parameters
from identity.access.grants.server import Server
from identity.access.people.accounts import choose_password
from identity.access.people.sessions import form_token
from identity.access.people.signing_in import SignedIn
from identity.access.people.way_in import close_way_in, shows_code, way_in
from identity.access.store.records import new_secret
from identity.access.web.cookies import browser_cookie, set_browser
from identity.access.web.pages import page
from identity.access.web.requests import check_form

_PASSWORD = ("pwd",)
_WITH_CODE = ("pwd", "otp", "mfa")


async def asked_by_link(request: Request, server: Server, query: Parameters) -> Response:
    """Return the page that a link leads to.

    Raises:
        OAuthError: the link is not good any more.
    """
    ticket = query.required("ticket")
    found, user = await way_in(server, ticket)
    return password_page(request, server, ticket, "account", needs_code=found.needs_code(user))


def password_page(
    request: Request, server: Server, ticket: str, handle: str, *, needs_code: bool = False, failed: bool = False
) -> Response:
    """Return the page, whose form only this browser can send: another's ticket must not sign it in as somebody else.

    Args:
        request: what is answered.
        server: the authorization server.
        ticket: shows who may choose.
        handle: what the person came for.
        needs_code: whether the second factor is asked for here.
        failed: whether what was sent before could not be taken.
    """
    browser = browser_cookie(request) or new_secret()
    shown = page(
        request,
        "password.html",
        status=400 if failed else 200,
        form=form_token(server, browser, _purpose(ticket)),
        ticket=ticket,
        handle=handle,
        needs_code=needs_code,
        failed=failed,
    )
    set_browser(shown, browser)
    return shown


def _purpose(ticket: str) -> str:
    return f"password {ticket}"


async def chosen(request: Request, server: Server, sent: Parameters) -> SignedIn | Response:
    """Return who has chosen a password and is signed in by that; or the page again.

    Raises:
        OAuthError: the ticket is not good any more, or the form was written for another browser.
    """
    ticket, handle = sent.required("ticket"), sent.get("request", "account")
    check_form(server, browser_cookie(request), _purpose(ticket), sent)
    found, user = await way_in(server, ticket)
    needs_code = found.needs_code(user)
    password = sent.get("password", "")
    is_good = password == sent.get("again") and (
        not needs_code or await shows_code(server, ticket, user, sent.get("code", ""))
    )
    changed = None
    if is_good:
        with suppress(ValueError):
            changed = await choose_password(server, user, password)
    if changed is None:
        return password_page(request, server, ticket, handle, needs_code=needs_code, failed=True)
    await close_way_in(server, ticket)
    return SignedIn(changed, found.methods or (_WITH_CODE if needs_code else _PASSWORD))
