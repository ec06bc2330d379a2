"""The authorization code: handed out when a person agreed, good once, for the client that asked.

Spec: https://datatracker.ietf.org/doc/html/rfc6749#section-4.1.2
"""

from __future__ import annotations

from typing import Any

import msgspec

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.authorization_request import AuthorizationRequest
from identity.access.grants.grant import Grant
from identity.access.grants.issuing import TokenResponse, end_grant, respond, start_family
from identity.access.grants.parameters import Parameters
from identity.access.grants.pkce import check_verifier
from identity.access.grants.server import Server
from identity.access.scopes.scope_set import read_scopes
from identity.access.store.records import Client, Ticket, TicketKind, User, digest, new_grant_id, new_secret


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What a person agreed to.

    Attributes:
        scope: what is allowed; never more than was asked for.
        auth_time: when the person signed in, seconds since 1970.
        methods: how the person was recognised.
        patient: logical id of the patient in context.
        encounter: logical id of the encounter in context.
        launch: further members of the launch context.
    """

    scope: str
    auth_time: int
    methods: tuple[str, ...]
    patient: str | None = None
    encounter: str | None = None
    launch: dict[str, Any] = {}


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    grant: Grant
    redirect_uri: str
    challenge: str


async def hand_out(server: Server, request: AuthorizationRequest, user: User, agreement: Agreement) -> str:
    """Return a code for what *user* agreed to.

    Raises:
        OAuthError: less was asked for, or the user may not allow it (invalid_scope).
    """
    scope = read_scopes(agreement.scope)
    if not read_scopes(request.scope).covers(scope) or scope.narrowed_to(read_scopes(user.scope)) != scope:
        raise OAuthError(Refusal.INVALID_SCOPE, "more than was asked for, or than the person may allow")
    grant = Grant(
        grant_id=new_grant_id(),
        client_id=request.client_id,
        scope=str(scope),
        user_id=user.user_id,
        patient=agreement.patient,
        encounter=agreement.encounter,
        launch=agreement.launch,
        auth_time=agreement.auth_time,
        methods=agreement.methods,
        nonce=request.nonce,
        key=request.key,
    )
    code = new_secret()
    body = msgspec.json.encode(_Code(grant=grant, redirect_uri=request.redirect_uri, challenge=request.challenge))
    expires_at = server.clock() + server.lifetimes.code
    await server.store.keep_ticket(Ticket(kind=TicketKind.CODE, digest=digest(code), body=body, expires_at=expires_at))
    return code


async def redeem(server: Server, client: Client, parameters: Parameters, key: str | None) -> TokenResponse:
    """Return the tokens for a code.

    Args:
        server: the authorization server.
        client: who redeems.
        parameters: the form that was sent.
        key: thumbprint of the key whose holding was proven.

    Raises:
        OAuthError: the code is unknown, used, expired, of another client or request (invalid_grant). A code that is
            used again takes all tokens with it that came of its first use.
    """
    secret = parameters.required("code")
    ticket, good = await server.store.spend(TicketKind.CODE, digest(secret), server.clock())
    if ticket is None:
        raise _refused()
    code = msgspec.json.decode(ticket.body, type=_Code)
    if not good:
        await end_grant(server, code.grant.grant_id)
        raise _refused()
    if code.grant.client_id != client.client_id or parameters.get("redirect_uri") != code.redirect_uri:
        raise _refused()
    check_verifier(parameters, code.challenge)
    if code.grant.key not in (None, key):
        raise OAuthError(Refusal.INVALID_DPOP_PROOF, "the code is bound to another key")
    user = await server.store.user(code.grant.user_id)
    if user is None or not user.lets(code.grant.auth_time):
        raise _refused()
    grant = msgspec.structs.replace(code.grant, key=key)
    answer = respond(server, client, grant, user)
    token = await start_family(server, client, grant)
    await server.refresh_revocations()
    if server.revocations.include(grant.grant_id):
        # The code came a second time meanwhile, before there was a family that could end.
        await server.store.end_family(grant.grant_id)
        raise _refused()
    return answer if token is None else answer | {"refresh_token": token}


def _refused() -> OAuthError:
    return OAuthError(Refusal.INVALID_GRANT, "the code is unknown, used, expired or of another request")
