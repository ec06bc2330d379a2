"""Tokens for a device without a browser: a person types its code elsewhere.

Spec: https://datatracker.ietf.org/doc/html/rfc8628
"""

from __future__ import annotations

import secrets

import msgspec

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.grant import Grant
from identity.access.grants.issuing import TokenResponse, respond, start_family
from identity.access.grants.parameters import Parameters
from identity.access.grants.server import Server
from identity.access.scopes.resource_scope import Context
from identity.access.scopes.scope_set import LAUNCH, LAUNCH_ENCOUNTER, LAUNCH_PATIENT, read_scopes
from identity.access.store.records import Client, Ticket, TicketKind, User, digest, new_grant_id, new_secret

# Consonants that are told apart in any handwriting; no vowels, so that no words come about (RFC 8628 section 6.1).
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH = 8
_INTERVAL = 5
_DENIED = "denied"


class DeviceRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a device asks for, and what became of it.

    Attributes:
        client_id: who asks.
        scope: what for.
        expires_at: seconds since 1970.
        grant: what a person allowed, ``denied``, or None while nobody answered.
    """

    client_id: str
    scope: str
    expires_at: float
    grant: Grant | str | None = None


async def begin(server: Server, client: Client, parameters: Parameters) -> dict[str, object]:
    """Return a code for the device and one for the person.

    Raises:
        OAuthError: nothing of the scope can be granted this way (invalid_scope).
    """
    asked = read_scopes(parameters.required("scope"))
    scope = asked.shared_with(read_scopes(client.scope))
    without_person = asked.named & {LAUNCH, LAUNCH_PATIENT, LAUNCH_ENCOUNTER} or asked.contexts - {Context.USER}
    if not scope or without_person:
        raise OAuthError(Refusal.INVALID_SCOPE, "a device gets scopes that begin with user/, no launch context")
    device_code, user_code = new_secret(), "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    expires_at = server.clock() + server.lifetimes.device
    request = DeviceRequest(client_id=client.client_id, scope=str(scope), expires_at=expires_at)
    await _keep(server, digest(device_code), request)
    kept = Ticket(
        kind=TicketKind.DEVICE, digest=_user_digest(user_code), body=digest(device_code).encode(), expires_at=expires_at
    )
    await server.store.keep_ticket(kept)
    shown = f"{user_code[:4]}-{user_code[4:]}"
    return {
        "device_code": device_code,
        "user_code": shown,
        "verification_uri": server.endpoint("device"),
        "verification_uri_complete": f"{server.endpoint('device')}?user_code={shown}",
        "expires_in": server.lifetimes.device,
        "interval": _INTERVAL,
    }


async def asked_with(server: Server, user_code: str) -> tuple[str, DeviceRequest] | None:
    """Return the request that goes by the code a person typed, and the name it is kept under."""
    link = await server.store.ticket(TicketKind.DEVICE, _user_digest(user_code), server.clock())
    if link is None:
        return None
    name = link.body.decode()
    ticket = await server.store.ticket(TicketKind.DEVICE, name, server.clock())
    return None if ticket is None else (name, msgspec.json.decode(ticket.body, type=DeviceRequest))


async def answer(
    server: Server, user_code: str, user: User, *, allow: bool, auth_time: int, methods: tuple[str, ...]
) -> bool:
    """Note what the person answered; False when the code is not (or no longer) known."""
    found = await asked_with(server, user_code)
    if found is None:
        return False
    name, request = found
    _, good = await server.store.spend(TicketKind.DEVICE, _user_digest(user_code), server.clock())
    scope = read_scopes(request.scope).narrowed_to(read_scopes(user.scope))
    grant = Grant(
        grant_id=new_grant_id(),
        client_id=request.client_id,
        scope=str(scope),
        user_id=user.user_id,
        auth_time=auth_time,
        methods=methods,
    )
    if good:
        await _keep(server, name, msgspec.structs.replace(request, grant=grant if allow and scope else _DENIED))
    return good


async def redeem(server: Server, client: Client, parameters: Parameters, key: str | None) -> TokenResponse:
    """Return the tokens for a device code once a person has allowed it.

    Raises:
        OAuthError: nobody has answered yet, the device asks too often, it was denied, or the code is not good.
    """
    name, now = digest(parameters.required("device_code")), server.clock()
    ticket = await server.store.ticket(TicketKind.DEVICE, name, now)
    if ticket is None:
        raise OAuthError(Refusal.EXPIRED_TOKEN, "the code is unknown, used or expired")
    request = msgspec.json.decode(ticket.body, type=DeviceRequest)
    if request.client_id != client.client_id:
        raise OAuthError(Refusal.INVALID_GRANT, "the code is another client's")
    if request.grant is None:
        is_early = not await server.store.first_use(f"poll {name}", "poll", now + _INTERVAL - 1, now)
        refusal = Refusal.SLOW_DOWN if is_early else Refusal.AUTHORIZATION_PENDING
        raise OAuthError(refusal, "nobody has answered yet")
    _, good = await server.store.spend(TicketKind.DEVICE, name, now)
    user = None if isinstance(request.grant, str) else await server.store.user(request.grant.user_id)
    if isinstance(request.grant, str) or user is None or not user.lets(request.grant.auth_time) or not good:
        raise OAuthError(Refusal.ACCESS_DENIED, "the person did not allow it")
    grant = msgspec.structs.replace(request.grant, key=key)
    response = respond(server, client, grant, user)
    token = await start_family(server, client, grant)
    return response if token is None else response | {"refresh_token": token}


def _user_digest(user_code: str) -> str:
    letters = "".join(letter for letter in user_code.upper() if letter in _LETTERS)
    return digest(f"user code {letters}")


async def _keep(server: Server, name: str, request: DeviceRequest) -> None:
    body = msgspec.json.encode(request)
    await server.store.keep_ticket(
        Ticket(kind=TicketKind.DEVICE, digest=name, body=body, expires_at=request.expires_at)
    )
