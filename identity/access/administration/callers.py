"""Who may use the interface of administration: by scope, and by role.

Spec: https://datatracker.ietf.org/doc/html/rfc6750#section-3
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request

from identity.access.grants.server import Server
from identity.access.grants.showing import RefusedError, Shown, Verifies, verified
from identity.access.people.accounts import ADMINISTRATOR
from identity.access.scopes.scope_set import ACCESS_READ, ACCESS_WRITE, read_scopes
from identity.access.tokens.verifier import Verified

ROLES = frozenset({ADMINISTRATOR, "owner"})
_READING = ("GET", "HEAD")
_log = logging.getLogger("stanforis.administration")


class NotAllowedError(Exception):
    """The caller may not; :attr:`status` is 401 where nobody showed who they are."""

    def __init__(self, status: int, text: str, challenge: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.challenge = challenge


def allowed(server: Server, verifies: Verifies) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """Return what checks each request: reading needs ``access.read``, changing ``access.write``."""

    async def check(request: Request) -> None:
        claims = (await administrator(verifies, request, server.tenant)).claims
        if request.method not in _READING:
            route = request.scope["route"].path
            _log.info("administration: %s %s by %s", request.method, route, claims.identity.subject)

    return check


async def administrator(verifies: Verifies, request: Request, tenant: int) -> Verified:
    """Return what the access token of a request says, whose sender looks after *tenant*.

    Raises:
        NotAllowedError: nobody is known (401), or they may not (403).
    """
    found = await verified_caller(verifies, request)
    claims = found.claims
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
