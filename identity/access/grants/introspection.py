"""Asking about a token, and revoking one.

Spec: https://datatracker.ietf.org/doc/html/rfc7662 and https://datatracker.ietf.org/doc/html/rfc7009
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

import msgspec

from identity.access.errors import InvalidTokenError, OAuthError, Refusal
from identity.access.grants.grant import Grant
from identity.access.grants.issuing import end_grant
from identity.access.grants.parameters import Parameters
from identity.access.grants.sealing import opened
from identity.access.grants.server import Server
from identity.access.store.records import Client, ClientAuthentication, Family, short_digest
from identity.access.tokens.claims import AccessToken

_INACTIVE = {"active": False}


async def introspect(server: Server, client: Client, parameters: Parameters) -> dict[str, Any]:
    """Return what a token says, or only that it is not active.

    A client learns about its own tokens; a resource server about all of them.

    Raises:
        OAuthError: the client proves nothing about itself (invalid_client).
    """
    if client.authentication == ClientAuthentication.NONE:
        raise OAuthError(Refusal.INVALID_CLIENT, "a public client cannot ask about tokens")
    token = parameters.required("token")
    await server.refresh_revocations()
    claims = _access_token(server, token)
    found = None if claims is not None else await _newest_of(server, token)
    family = None if found is None else found[0]
    owner = claims.client_id if claims is not None else family.client_id if family is not None else None
    if owner is None or not (client.may_introspect or owner == client.client_id):
        return _INACTIVE
    if claims is not None:
        kind = "Bearer" if claims.confirmation is None else "DPoP"
        members: dict[str, Any] = msgspec.to_builtins(claims)
        return {"active": True, "token_type": kind} | members
    return _INACTIVE if found is None else _told(server, *found)


async def revoke(server: Server, client: Client, parameters: Parameters) -> None:
    """Revoke a token; with a refresh token goes the whole grant. An unknown token is as good as revoked.

    Raises:
        OAuthError: the token is another client's (unauthorized_client).
    """
    token = parameters.required("token")
    claims = _access_token(server, token)
    if claims is not None:
        _check_owner(client, claims.client_id)
        await server.revoke(claims.token_id, claims.expires_at)
        return
    try:
        grant, _ = opened(server, token)
    except InvalidTokenError:
        return
    # Also by a token that was used up: whoever has one of the family may end it, and reuse would end it anyway.
    _check_owner(client, grant.client_id)
    await end_grant(server, grant.grant_id)


def _check_owner(client: Client, owner: str) -> None:
    if client.client_id != owner:
        raise OAuthError(Refusal.UNAUTHORIZED_CLIENT, "the token is another client's")


def _access_token(server: Server, token: str) -> AccessToken | None:
    try:
        return server.verifier.read(token).claims
    except InvalidTokenError:
        return None


async def _newest_of(server: Server, token: str) -> tuple[Family, Grant] | None:
    try:
        grant, secret = opened(server, token)
    except InvalidTokenError:
        return None
    family = await server.store.family(grant.grant_id, server.clock())
    is_newest = family is not None and compare_digest(family.current, short_digest(secret))
    return (family, grant) if family is not None and is_newest else None


def _told(server: Server, family: Family, grant: Grant) -> dict[str, Any]:
    return {
        "active": True,
        "iss": server.issuer,
        "sub": family.user_id,
        "client_id": family.client_id,
        "scope": grant.scope,
        "exp": family.expires_at,
    }
