"""Who the client is, at every endpoint that clients call themselves.

Spec: https://datatracker.ietf.org/doc/html/rfc6749#section-2.3
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from hmac import compare_digest
from urllib.parse import unquote_plus

from identity.access.errors import InvalidTokenError, OAuthError, Refusal
from identity.access.grants.assertions import Assertion, check_times, read_assertion, verify_signature
from identity.access.grants.parameters import Parameters
from identity.access.grants.server import Server
from identity.access.store.records import Client, ClientAuthentication, digest
from identity.access.tokens.algorithms import KeyRefusedError
from identity.access.tokens.jwk import VerificationKey, read_key_set

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_TOKEN_ID = 256


async def authenticated_client(server: Server, parameters: Parameters, authorization: str | None) -> Client:
    """Return the client that a request comes from.

    Args:
        server: the authorization server.
        parameters: the form that was sent.
        authorization: the header of this name.

    Raises:
        OAuthError: it does not prove who it is, by the one way it is registered for (invalid_client).
    """
    if "client_secret" in parameters:
        raise OAuthError(Refusal.INVALID_REQUEST, "a client's secret is sent in the header Authorization only")
    if "client_assertion" in parameters:
        if authorization is not None:
            raise OAuthError(Refusal.INVALID_REQUEST, "a client proves who it is in one way, not in two")
        return await _by_assertion(server, parameters)
    if authorization is not None:
        return await _by_secret(server, parameters, authorization)
    client = await active_client(server, parameters.required("client_id"))
    if client is None or client.authentication != ClientAuthentication.NONE:
        raise _refused()
    return client


async def active_client(server: Server, client_id: str) -> Client | None:
    """Return the client with this id if it may do anything."""
    if "\0" in client_id:
        # No id has one, and PostgreSQL takes no text with one.
        return None
    client = await server.store.client(client_id)
    return client if client is not None and client.is_active else None


async def _by_secret(server: Server, parameters: Parameters, authorization: str) -> Client:
    client_id, secret = _basic(authorization)
    _check_same(parameters, client_id)
    client = await active_client(server, client_id)
    if client is None or client.authentication != ClientAuthentication.SECRET_BASIC or client.secret_digest is None:
        raise _refused()
    if not compare_digest(digest(secret), client.secret_digest):
        raise _refused()
    return client


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        name, colon, secret = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise _refused() from None
    if scheme.lower() != "basic" or not colon:
        raise _refused()
    # RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    return unquote_plus(name), unquote_plus(secret)


async def _by_assertion(server: Server, parameters: Parameters) -> Client:
    if parameters.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError(Refusal.INVALID_REQUEST, f"client_assertion_type has to be {ASSERTION_TYPE}")
    try:
        jws, assertion = read_assertion(parameters["client_assertion"])
        _check_same(parameters, assertion.sub)
        client = await active_client(server, assertion.sub)
        if client is None or client.authentication != ClientAuthentication.PRIVATE_KEY_JWT:
            raise _refused()
        # SMART 2.2: where the header tells a place of keys, it is the registered one; no other is ever asked.
        if "jku" in jws.header and jws.header["jku"] != client.jwks_uri:
            raise InvalidTokenError("jku is not the registered URL of the client's keys")
        verify_signature(jws, await _keys(server, client))
        await _check_claims(server, assertion)
    except InvalidTokenError as error:
        raise OAuthError(Refusal.INVALID_CLIENT, f"client_assertion is refused: {error}") from None
    return client


async def _check_claims(server: Server, assertion: Assertion) -> None:
    if assertion.iss != assertion.sub:
        raise InvalidTokenError("iss and sub have to be the client's id")
    # One audience only: an assertion that is good for two servers can be used by the one at the other.
    if assertion.aud not in (server.endpoint("token"), server.issuer, (server.endpoint("token"),), (server.issuer,)):
        raise InvalidTokenError("aud has to be the token endpoint's URL or the issuer, alone")
    check_times(assertion, server.clock)
    if not 0 < len(assertion.jti) <= _LONGEST_TOKEN_ID or "\0" in assertion.jti:
        raise InvalidTokenError(f"jti has 1 to {_LONGEST_TOKEN_ID} characters")
    until = assertion.exp + 1
    if not await server.store.first_use(f"client {assertion.sub}", assertion.jti, until, server.clock()):
        raise InvalidTokenError("jti was used before")


async def _keys(server: Server, client: Client) -> Mapping[str, VerificationKey]:
    jwks = client.jwks if client.jwks_uri is None else await server.fetch_keys(client.jwks_uri)
    try:
        return read_key_set(jwks)
    except KeyRefusedError:
        raise InvalidTokenError("the client's keys cannot be had or used") from None


def _check_same(parameters: Parameters, client_id: str) -> None:
    if parameters.get("client_id", client_id) != client_id:
        raise OAuthError(Refusal.INVALID_REQUEST, "client_id differs from the client that was authenticated")


def _refused() -> OAuthError:
    return OAuthError(Refusal.INVALID_CLIENT, "the client is unknown, or did not prove who it is as registered")
