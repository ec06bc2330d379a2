"""Token exchange: a service that was called with a token gets one of its own to call further, in the caller's name.

Spec: https://datatracker.ietf.org/doc/html/rfc8693
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from identity.access.errors import InvalidTokenError, OAuthError, Refusal
from identity.access.grants.grant import Grant
from identity.access.grants.issuing import TokenResponse, respond
from identity.access.grants.parameters import Parameters
from identity.access.grants.server import Server
from identity.access.scopes.scope_set import ScopeSet, read_scopes
from identity.access.store.records import Client, ClientAuthentication, User
from identity.access.tokens.claims import AccessToken

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type's name
_MOST_ACTORS = 4


async def exchange(server: Server, client: Client, parameters: Parameters, key: str | None) -> TokenResponse:
    """Return an access token for the subject of another one, which says that *client* acts.

    It allows no more and lasts no longer than the token it is exchanged for, and dies with the same grant.

    Raises:
        OAuthError: the token is not good (invalid_grant), the audience not the client's (invalid_target), more is asked
            for than the token allows (invalid_scope), or what is asked for is not supported (invalid_request).
    """
    _check_supported(client, parameters)
    await server.refresh_revocations()
    claims = _subject(server, parameters["subject_token"], key)
    subject = await _owner(server, claims)
    grant = Grant(
        grant_id=claims.grant_id or claims.token_id,
        client_id=client.client_id,
        scope=str(_scope(claims, client, parameters)),
        user_id=subject.user_id if isinstance(subject, User) else "",
        patient=claims.patient,
        encounter=claims.encounter,
        methods=("mfa",) if claims.identity.assurance > 1 else (),
        key=key,
        actor=_actor(claims, client),
        audience=_audience(server, client, parameters),
    )
    answer = respond(server, client, grant, subject, until=claims.expires_at)
    return answer | {"issued_token_type": ACCESS_TOKEN}


def _check_supported(client: Client, parameters: Parameters) -> None:
    if client.authentication == ClientAuthentication.NONE:
        raise OAuthError(Refusal.UNAUTHORIZED_CLIENT, "a public client cannot act for others")
    parameters.required("subject_token")
    if parameters.required("subject_token_type") != ACCESS_TOKEN:
        raise OAuthError(Refusal.INVALID_REQUEST, f"subject_token_type has to be {ACCESS_TOKEN}")
    if parameters.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise OAuthError(Refusal.INVALID_REQUEST, f"requested_token_type has to be {ACCESS_TOKEN}")
    if "actor_token" in parameters or "actor_token_type" in parameters:
        raise OAuthError(Refusal.INVALID_REQUEST, "actor_token is not supported: the client itself is the actor")


def _subject(server: Server, token: str, key: str | None) -> AccessToken:
    try:
        return server.verifier.verify(token, key).claims
    except InvalidTokenError as error:
        raise OAuthError(Refusal.INVALID_GRANT, f"subject_token is refused: {error}") from None


async def _owner(server: Server, claims: AccessToken) -> User | Client:
    is_person = claims.identity.subject_type in ("person", "practitioner")
    find: Callable[[str], Awaitable[User | Client | None]] = server.store.user if is_person else server.store.client
    subject = await find(claims.subject)
    if subject is None or not subject.is_active:
        raise OAuthError(Refusal.INVALID_GRANT, "the subject may do nothing any more")
    return subject


def _scope(claims: AccessToken, client: Client, parameters: Parameters) -> ScopeSet:
    held = read_scopes(claims.scope)
    asked = read_scopes(parameters["scope"]) if "scope" in parameters else ScopeSet(resources=held.resources)
    if not held.covers(asked):
        raise OAuthError(Refusal.INVALID_SCOPE, "more than subject_token allows")
    scope = asked.shared_with(read_scopes(client.scope))
    if not scope.resources:
        raise OAuthError(Refusal.INVALID_SCOPE, "nothing of the scope is registered for this client")
    return ScopeSet(resources=scope.resources)


def _actor(claims: AccessToken, client: Client) -> dict[str, Any]:
    actor: dict[str, Any] = {"sub": client.client_id}
    if claims.actor is not None:
        actor["act"] = claims.actor
    depth, link = 0, actor
    while link:
        depth, link = depth + 1, link.get("act", {})
    if depth > _MOST_ACTORS:
        raise OAuthError(Refusal.INVALID_REQUEST, f"a token passes through {_MOST_ACTORS} services at most")
    return actor


def _audience(server: Server, client: Client, parameters: Parameters) -> str | None:
    audience = parameters.get("audience") or parameters.get("resource")
    if audience is None or audience == server.fhir_base:
        return None
    if audience not in client.audiences:
        raise OAuthError(Refusal.INVALID_TARGET, "audience is not one that is registered for this client")
    return audience
