"""Who may use the interface of administration: by scope, and by role.

Spec: https://datatracker.ietf.org/doc/html/rfc6750#section-3
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from stanforis.transport.refusals import NotAllowedError

from identity.access.administration.recording import CALLER
from identity.access.grants.server import Server
from identity.access.grants.showing import RefusedError, Shown, Verifies, verified
from identity.access.people.accounts import ADMINISTRATOR
from identity.access.scopes.scope_set import ACCESS_READ, ACCESS_WRITE, read_scopes
from identity.access.tokens.verifier import Verified

__all__ = ["ROLES", "NotAllowedError", "administrator", "allowed", "verified_caller"]

ROLES = frozenset({ADMINISTRATOR, "owner"})
_READING = ("GET", "HEAD")


def allowed(server: Server, verifies: Verifies) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """Return what checks each request: reading needs ``access.read``, changing ``access.write``."""

    async def check(request: Request) -> None:
        await administrator(verifies, request, server.tenant)

    return check


async def administrator(verifies: Verifies, request: Request, tenant: int) -> Verified:
    """Return what the access token of a request says, whose sender looks after *tenant*.

    Raises:
        NotAllowedError: nobody is known (401), or they may not (403).
    """
    found = await verified_caller(verifies, request)
    claims = request.scope[CALLER] = found.claims
    needed = ACCESS_READ if request.method in _READING else ACCESS_WRITE
    if not read_scopes(claims.scope).named & {needed, ACCESS_WRITE}:
        challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
        raise NotAllowedError(403, f"The scope {needed} is needed.", challenge)
    if claims.identity.tenant != tenant or not ROLES & set(claims.identity.roles):
        raise NotAllowedError(403, f"The role {ADMINISTRATOR} of this tenant is needed.")
    return found


async def verified_caller(verifies: Verifies, request: Request) -> Verified:
    """Return what the access token of a request says.

    Raises:
        NotAllowedError: there is none, or it is not good (401).
    """
    headers = request.headers
    shown = Shown(
        ", ".join(headers.getlist("authorization")),
        ", ".join(headers.getlist("dpop")),
        request.method,
        request.scope["raw_path"].decode("latin-1"),
        headers.get("host", ""),
    )
    try:
        return await verified(verifies, shown)
    except RefusedError as error:
        raise NotAllowedError(401, str(error), error.challenge) from None
