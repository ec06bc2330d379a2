"""Refresh tokens: each is good once and brings its successor; one that comes again ends them all.

Spec: https://datatracker.ietf.org/doc/html/rfc9700#section-4.14
"""

from __future__ import annotations

from identity.access.errors import InvalidTokenError, OAuthError, Refusal
from identity.access.grants.grant import Grant
from identity.access.grants.issuing import TokenResponse, end_grant, respond
from identity.access.grants.parameters import Parameters
from identity.access.grants.sealing import opened, refresh_token
from identity.access.grants.server import Server
from identity.access.scopes.scope_set import ScopeSet, read_scopes
from identity.access.store.records import Client, Family, User, new_secret, short_digest


async def refresh(server: Server, client: Client, parameters: Parameters, key: str | None) -> TokenResponse:
    """Return new tokens for a refresh token.

    Args:
        server: the authorization server.
        client: who refreshes.
        parameters: the form that was sent.
        key: thumbprint of the key whose holding was proven.

    Raises:
        OAuthError: the token is not the newest of a living family of this client (invalid_grant), or more is asked for
            than was granted (invalid_scope).
    """
    grant, secret = _opened(server, parameters.required("refresh_token"))
    family = await server.store.family(grant.grant_id, server.clock())
    if family is None or family.client_id != client.client_id:
        raise _refused()
    if grant.key != key:
        raise OAuthError(Refusal.INVALID_DPOP_PROOF, "the token is bound to another key, or to none")
    user = await _granter(server, family, grant)
    # What cannot be granted is refused before the token is used up.
    scope = _scope(grant, client, user, parameters)
    successor = new_secret()
    kept = (short_digest(secret), short_digest(successor))
    _, good = await server.store.rotate(grant.grant_id, *kept, server.clock())
    if not good:
        await end_grant(server, grant.grant_id)
        raise _refused()
    answer = respond(server, client, grant, user, scope=scope)
    return answer | {"refresh_token": refresh_token(server, grant, successor)}


async def with_holder(server: Server, parameters: Parameters) -> Parameters:
    """Return a form with the ``client_id`` of the refresh token's client where it says nothing of who sends it.

    Public SMART apps send nothing but the token; it is of one client only, which has to have no means to prove itself.

    Raises:
        OAuthError: there is no such token (invalid_grant).

    Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#request-7
    """
    if not parameters.keys().isdisjoint({"client_id", "client_assertion"}):
        return parameters
    grant, _ = _opened(server, parameters.required("refresh_token"))
    family = await server.store.family(grant.grant_id, server.clock())
    if family is None:
        raise _refused()
    return Parameters({**parameters, "client_id": family.client_id})


def _opened(server: Server, token: str) -> tuple[Grant, str]:
    try:
        return opened(server, token)
    except InvalidTokenError:
        raise _refused() from None


async def _granter(server: Server, family: Family, grant: Grant) -> User:
    user = await server.store.user(family.user_id)
    if user is None or not user.lets(grant.auth_time):
        await end_grant(server, family.grant_id)
        raise _refused()
    return user


def _scope(grant: Grant, client: Client, user: User, parameters: Parameters) -> ScopeSet:
    granted = read_scopes(grant.scope)
    asked = read_scopes(parameters["scope"]) if "scope" in parameters else granted
    if not granted.covers(asked):
        raise OAuthError(Refusal.INVALID_SCOPE, "more than was granted")
    # What client or person have lost since is lost here, too.
    scope = asked.shared_with(read_scopes(client.scope)).narrowed_to(read_scopes(user.scope))
    if not scope:
        raise OAuthError(Refusal.INVALID_SCOPE, "nothing is left of what was granted")
    return scope


def _refused() -> OAuthError:
    return OAuthError(
        Refusal.INVALID_GRANT, "the refresh token is unknown, used, expired, revoked or of another client"
    )
