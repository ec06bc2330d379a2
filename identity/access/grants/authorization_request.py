"""The authorization request: what is asked, by whom, and where the answer may go.

Nothing is sent to a redirect URI before it was found among those the client registered; only then errors travel there.

Spec: https://datatracker.ietf.org/doc/html/rfc6749#section-4.1.1, https://datatracker.ietf.org/doc/html/rfc9126 and
https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

import msgspec

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.client_authentication import active_client
from identity.access.grants.parameters import Parameters
from identity.access.grants.pkce import read_challenge
from identity.access.grants.redirect_uris import is_among
from identity.access.grants.server import Server
from identity.access.scopes.resource_scope import Context
from identity.access.scopes.scope_set import LAUNCH, ScopeSet, read_scopes
from identity.access.store.records import Client, GrantType, Ticket, TicketKind, digest, new_secret

REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
_OF_THE_CLIENT = ("client_assertion", "client_assertion_type", "client_secret")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_PROMPTS = frozenset({"none", "login", "consent"})


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An authorization request that was checked.

    Attributes:
        client_id: who asks.
        redirect_uri: where the answer goes; one that the client registered.
        scope: what is asked for, as far as the client may have it.
        challenge: of PKCE.
        state: what the client wants back.
        nonce: what the client wants to see in the id_token.
        launch: the launch context that an EHR made.
        prompt: ``none``, ``login``, ``consent``.
        max_age: seconds since the person last signed in, at most.
        key: thumbprint of the key that the code is bound to (DPoP).
        asked_at: when it arrived, seconds since 1970.
        patient: logical id of the patient whom the person chose.
    """

    client_id: str
    redirect_uri: str
    scope: str
    challenge: str
    state: str | None = None
    nonce: str | None = None
    launch: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    key: str | None = None
    asked_at: float = 0
    patient: str | None = None

    def answer(self, issuer: str, **members: str) -> str:
        """Return the URL that takes an answer to the client (RFC 9207: with ``iss``)."""
        return answer_url(self.redirect_uri, self.state, issuer, members)


class AuthorizationRefusedError(Exception):
    """An authorization request was refused, and the client may be told.

    Attributes:
        url: where the browser is sent with the refusal.
        refusal: what the client is told there.
    """

    def __init__(self, url: str, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.url = url
        self.refusal = refusal


def answer_url(redirect_uri: str, state: str | None, issuer: str, members: dict[str, str]) -> str:
    """Return *redirect_uri* with an answer in its query."""
    query = members | ({} if state is None else {"state": state}) | {"iss": issuer}
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(query)}"


async def push(server: Server, client: Client, parameters: Parameters) -> dict[str, object]:
    """Keep an authorization request that a client sent itself; returns what it is called.

    Raises:
        OAuthError: the request is refused.
    """
    if "request_uri" in parameters:
        raise OAuthError(Refusal.INVALID_REQUEST, "a pushed request does not refer to another one")
    kept = Parameters({name: parameters[name] for name in parameters if name not in _OF_THE_CLIENT})
    redirect_uri = _redirect_uri(client, kept)
    await _read(server, client, redirect_uri, kept)
    secret = new_secret()
    body = msgspec.json.encode(dict(kept) | {"client_id": client.client_id})
    await _keep(server, TicketKind.PUSHED, secret, body, server.lifetimes.pushed)
    return {"request_uri": REQUEST_URI + secret, "expires_in": server.lifetimes.pushed}


async def begin(server: Server, parameters: Parameters) -> str:
    """Check an authorization request and keep it; returns the handle it goes by until the person has answered.

    Raises:
        OAuthError: client or redirect URI are not known; the person is told, nobody else.
        AuthorizationRefusedError: anything else is refused; the client is told.
    """
    meant = await _pushed(server, parameters) if "request_uri" in parameters else parameters
    client = await active_client(server, meant.required("client_id"))
    if client is None or GrantType.AUTHORIZATION_CODE not in client.grant_types:
        raise OAuthError(Refusal.UNAUTHORIZED_CLIENT, "the application is not known here")
    redirect_uri = _redirect_uri(client, meant)
    try:
        request = await _read(server, client, redirect_uri, meant)
    except OAuthError as error:
        members = {"error": error.refusal.value, "error_description": error.description}
        url = answer_url(redirect_uri, meant.get("state"), server.issuer, members)
        raise AuthorizationRefusedError(url, error.refusal) from None
    handle = new_secret()
    await _keep(server, TicketKind.REQUEST, handle, msgspec.json.encode(request), server.lifetimes.request)
    return handle


async def request_under_way(server: Server, handle: str) -> AuthorizationRequest:
    """Return the request with this handle.

    Raises:
        OAuthError: there is none (any more).
    """
    ticket = await server.store.ticket(TicketKind.REQUEST, digest(handle), server.clock())
    if ticket is None:
        raise OAuthError(Refusal.INVALID_REQUEST, "the request was answered, has expired or never was")
    return msgspec.json.decode(ticket.body, type=AuthorizationRequest)


async def choose_patient(server: Server, handle: str, patient: str) -> None:
    """Note in the request under way which patient the person chose.

    Raises:
        OAuthError: there is no such request.
    """
    request = msgspec.structs.replace(await request_under_way(server, handle), patient=patient)
    lifetime = request.asked_at + server.lifetimes.request - server.clock()
    await _keep(server, TicketKind.REQUEST, handle, msgspec.json.encode(request), lifetime)


async def finish(server: Server, handle: str) -> None:
    """Use the request up: it is answered once only.

    Raises:
        OAuthError: it was answered before.
    """
    _, good = await server.store.spend(TicketKind.REQUEST, digest(handle), server.clock())
    if not good:
        raise OAuthError(Refusal.INVALID_REQUEST, "the request was answered, has expired or never was")


def _redirect_uri(client: Client, parameters: Parameters) -> str:
    redirect_uri = parameters.required("redirect_uri")
    if not is_among(client.redirect_uris, redirect_uri):
        raise OAuthError(Refusal.INVALID_REQUEST, "redirect_uri is not one that the application registered")
    return redirect_uri


async def _pushed(server: Server, parameters: Parameters) -> Parameters:
    name = parameters["request_uri"]
    ticket, good = None, False
    if name.startswith(REQUEST_URI):
        secret = name.removeprefix(REQUEST_URI)
        ticket, good = await server.store.spend(TicketKind.PUSHED, digest(secret), server.clock())
    if ticket is None or not good:
        raise OAuthError(Refusal.INVALID_REQUEST, "request_uri is not one of this server, was used or has expired")
    pushed = Parameters(msgspec.json.decode(ticket.body, type=dict[str, str]))
    if parameters.required("client_id") != pushed["client_id"]:
        raise OAuthError(Refusal.INVALID_REQUEST, "request_uri belongs to another application")
    return pushed


async def _read(server: Server, client: Client, redirect_uri: str, parameters: Parameters) -> AuthorizationRequest:
    if parameters.required("response_type") != "code":
        raise OAuthError(Refusal.UNSUPPORTED_RESPONSE_TYPE, "response_type has to be code")
    for name in ("request", "registration", "claims"):
        if name in parameters:
            raise OAuthError(Refusal.INVALID_REQUEST, f"{name} is not supported")
    if parameters.get("response_mode", "query") != "query":
        raise OAuthError(Refusal.INVALID_REQUEST, "response_mode has to be query")
    scope = _scope(client, parameters)
    _check_audience(server, scope, parameters)
    if (LAUNCH in scope.named) != ("launch" in parameters):
        raise OAuthError(Refusal.INVALID_REQUEST, "the scope launch and the parameter launch go together")
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        scope=str(scope),
        challenge=read_challenge(parameters),
        state=parameters.get("state"),
        nonce=parameters.get("nonce"),
        launch=parameters.get("launch"),
        prompt=_prompt(parameters),
        max_age=_max_age(parameters),
        key=_key(parameters),
        asked_at=server.clock(),
    )


def _scope(client: Client, parameters: Parameters) -> ScopeSet:
    asked = read_scopes(parameters.required("scope"))
    scope = asked.shared_with(read_scopes(client.scope))
    if not scope or Context.SYSTEM in asked.contexts:
        raise OAuthError(Refusal.INVALID_SCOPE, "nothing of the scope can be granted in a person's name")
    return scope


def _check_audience(server: Server, scope: ScopeSet, parameters: Parameters) -> None:
    audience = parameters.get("aud") or parameters.get("resource")
    if audience is None and scope.resources:
        raise OAuthError(Refusal.INVALID_REQUEST, "aud has to be the FHIR base URL that tokens are for")
    if audience is not None and audience.rstrip("/") != server.fhir_base:
        raise OAuthError(Refusal.INVALID_TARGET, "aud is not the FHIR base URL of this server")


def _prompt(parameters: Parameters) -> frozenset[str]:
    prompt = frozenset(filter(None, parameters.get("prompt", "").split(" ")))
    if not prompt <= _PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise OAuthError(Refusal.INVALID_REQUEST, "prompt is none, or login and consent")
    return prompt


def _max_age(parameters: Parameters) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise OAuthError(Refusal.INVALID_REQUEST, "max_age is a number of seconds")
    return int(text)


def _key(parameters: Parameters) -> str | None:
    key = parameters.get("dpop_jkt")
    if key is not None and not _THUMBPRINT.fullmatch(key):
        raise OAuthError(Refusal.INVALID_REQUEST, "dpop_jkt is the SHA-256 thumbprint of a key")
    return key


async def _keep(server: Server, kind: TicketKind, secret: str, body: bytes, lifetime: float) -> None:
    expires_at = server.clock() + lifetime
    await server.store.keep_ticket(Ticket(kind=kind, digest=digest(secret), body=body, expires_at=expires_at))
