"""Who may use the interface of administration: by scope, and by role.

Spec: https://datatracker.ietf.org/doc/html/rfc6750#section-3
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request

from identity.access.errors import InvalidTokenError
from identity.access.grants.proof import proven_key
from identity.access.grants.server import Server
from identity.access.people.accounts import ADMINISTRATOR
from identity.access.scopes.scope_set import ACCESS_READ, ACCESS_WRITE, read_scopes
from identity.access.tokens.verifier import Verified

ROLES = frozenset({ADMINISTRATOR, "owner"})
Verify = Callable[[str, str | None], Verified]
_log = logging.getLogger("stanforis.administration")


class NotAllowedError(Exception):
    """The caller may not; :attr:`status` is 401 where nobody showed who they are."""

    def __init__(self, status: int, text: str, challenge: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.challenge = challenge


def allowed(server: Server, verify: Verify) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """Return what checks each request: reading needs ``access.read``, changing ``access.write``."""

    async def check(request: Request) -> None:
        verified = await verified_caller(server, verify, request)
        claims = verified.claims
        needed = ACCESS_READ if request.method in ("GET", "HEAD") else ACCESS_WRITE
        named = read_scopes(claims.scope).named
        if not named & {needed, ACCESS_WRITE}:
            challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
            raise NotAllowedError(403, f"The scope {needed} is needed.", challenge)
        if claims.identity.tenant != server.tenant or not ROLES & set(claims.identity.roles):
            raise NotAllowedError(403, f"The role {ADMINISTRATOR} of this tenant is needed.")
        if request.method not in ("GET", "HEAD"):
            route = request.scope["route"].path
            _log.info("administration: %s %s by %s", request.method, route, claims.identity.subject)

    return check


async def verified_caller(server: Server, verify: Verify, request: Request) -> Verified:
    """Return what the access token of a request says.

    Raises:
        NotAllowedError: there is none, or it is not good (401).
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in ("bearer", "dpop") or not token:
        raise NotAllowedError(401, "An access token is needed.", "Bearer")
    try:
        return verify(token, await _key(server, request, token))
    except InvalidTokenError as error:
        raise NotAllowedError(401, f"The access token is refused: {error}.", 'Bearer error="invalid_token"') from None


async def _key(server: Server, request: Request, token: str) -> str | None:
    proof = request.headers.get("dpop")
    if proof is None:
        return None
    url = str(request.url.replace(query="", fragment=""))
    first_use = server.store.first_use
    return await proven_key(proof, request.method, url, clock=server.clock, first_use=first_use, access_token=token)
