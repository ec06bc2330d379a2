"""The page where a person chooses a password: after a one-time password, or by an administrator's link.

Spec: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
"""

from __future__ import annotations

from fastapi import Request, Response

from identity.access.grants.parameters import Parameters
from identity.access.grants.server import Server
from identity.access.people.accounts import end_sessions, set_password
from identity.access.people.signing_in import SignedIn, has_code
from identity.access.people.way_in import close_way_in, way_in
from identity.access.web.pages import page

_PASSWORD = ("pwd",)
_WITH_CODE = ("pwd", "otp", "mfa")


async def asked_by_link(request: Request, server: Server, query: Parameters) -> Response:
    """Return the page that a link leads to.

    Raises:
        OAuthError: the link is not good any more.
    """
    ticket = query.required("ticket")
    found, user = await way_in(server, ticket)
    needs_code = not found.methods and user.totp_secret is not None
    return password_page(request, ticket, "account", needs_code=needs_code)


def password_page(
    request: Request, ticket: str, handle: str, *, needs_code: bool = False, failed: bool = False
) -> Response:
    """Return the page.

    Args:
        request: what is answered.
        ticket: shows who may choose.
        handle: what the person came for.
        needs_code: whether the second factor is asked for here.
        failed: whether what was sent before could not be taken.
    """
    return page(
        request,
        "password.html",
        status=400 if failed else 200,
        ticket=ticket,
        handle=handle,
        needs_code=needs_code,
        failed=failed,
    )


async def chosen(request: Request, server: Server, sent: Parameters) -> SignedIn | Response:
    """Return who has chosen a password and is signed in by that; or the page again.

    Raises:
        OAuthError: the ticket is not good any more.
    """
    ticket, handle = sent.required("ticket"), sent.get("request", "account")
    found, user = await way_in(server, ticket)
    needs_code = not found.methods and user.totp_secret is not None
    password = sent.get("password", "")
    is_good = password == sent.get("again") and (not needs_code or await has_code(server, user, sent.get("code", "")))
    if is_good:
        try:
            changed = set_password(user, password)
        except ValueError:
            is_good = False
    if not is_good:
        return password_page(request, ticket, handle, needs_code=needs_code, failed=True)
    await close_way_in(server, ticket)
    methods = found.methods or (_WITH_CODE if needs_code else _PASSWORD)
    return SignedIn(await end_sessions(server, changed), methods)
