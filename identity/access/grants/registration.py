"""Dynamic registration: an application registers itself with a statement of somebody we trust.

What the statement says wins over what the application says of itself. Name, scope, grant types and redirect URIs stand
in the statement, and so do the keys of an application that acts without a person: a statement is no secret, and whoever
finds one must not get more than the application it was made for.

Spec: https://datatracker.ietf.org/doc/html/rfc7591
"""

from __future__ import annotations

from typing import Any

import msgspec

from identity.access.errors import InvalidTokenError, OAuthError, Refusal
from identity.access.grants.assertions import claims_of, verify_signature
from identity.access.grants.redirect_uris import check_redirect_uri
from identity.access.grants.server import Server, no_fetching
from identity.access.scopes.scope_set import read_scopes
from identity.access.store.records import Client, ClientAuthentication, GrantType, digest, new_id, new_secret
from identity.access.tokens.algorithms import KeyRefusedError
from identity.access.tokens.compact import parse
from identity.access.tokens.jwk import read_key_set
from identity.access.tokens.reading import UnreadableError, read_json

_STATED = frozenset({"client_name", "scope", "grant_types", "redirect_uris"})
_WITHOUT_PERSON = frozenset({GrantType.CLIENT_CREDENTIALS.value, GrantType.TOKEN_EXCHANGE.value})


class _Metadata(msgspec.Struct, frozen=True, kw_only=True):
    client_name: str
    scope: str
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ("authorization_code",)
    token_endpoint_auth_method: str = "none"  # noqa: S105 - a method's name
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    dpop_bound_access_tokens: bool = False
    id_token_signed_response_alg: str = "ES256"  # noqa: S105 - an algorithm


async def register(server: Server, document: bytes) -> dict[str, Any]:
    """Register the application that *document* (JSON) describes and return what it was registered as.

    Raises:
        OAuthError: no statement of somebody we trust comes with it, or what it says cannot be.
    """
    metadata = _metadata(server, document)
    secret = new_secret() if metadata.token_endpoint_auth_method == ClientAuthentication.SECRET_BASIC else None
    client = _client(server, metadata, secret)
    await server.store.keep_client(client)
    return _answer(server, client, secret)


def _metadata(server: Server, document: bytes) -> _Metadata:
    try:
        said = read_json(document, dict[str, Any])
    except UnreadableError:
        raise _impossible("expected is a JSON object") from None
    statement = said.pop("software_statement", None)
    if not isinstance(statement, str):
        raise OAuthError(Refusal.INVALID_SOFTWARE_STATEMENT, "software_statement is required")
    try:
        return msgspec.convert(said | _stated(server, statement), _Metadata)
    except msgspec.ValidationError:
        raise _impossible("a member is missing or of another type") from None


def _stated(server: Server, statement: str) -> dict[str, Any]:
    try:
        jws = parse(statement, frozenset({"jwt", "software-statement+jwt", ""}))
        if jws.header.get("kid") not in server.statement_keys:
            raise OAuthError(Refusal.UNAPPROVED_SOFTWARE_STATEMENT, "nobody we trust signed software_statement")
        verify_signature(jws, server.statement_keys)
        claims = claims_of(jws)
    except InvalidTokenError as error:
        raise OAuthError(Refusal.INVALID_SOFTWARE_STATEMENT, f"software_statement is refused: {error}") from None
    expires_at = claims.get("exp")
    if not isinstance(expires_at, int | float) or not server.clock() < expires_at:
        raise OAuthError(Refusal.INVALID_SOFTWARE_STATEMENT, "software_statement has no exp, or has expired")
    # it is no secret: whoever finds it must not register the application with another tenant
    if claims.get("aud") != server.issuer:
        raise OAuthError(Refusal.INVALID_SOFTWARE_STATEMENT, "aud of software_statement has to be the issuer's URL")
    missing = _STATED - claims.keys()
    if _WITHOUT_PERSON.intersection(_texts(claims.get("grant_types"))) and not {"jwks", "jwks_uri"} & claims.keys():
        missing |= {"jwks"}
    if missing:
        raise OAuthError(Refusal.INVALID_SOFTWARE_STATEMENT, f"software_statement has to tell {min(missing)}")
    return claims


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _client(server: Server, metadata: _Metadata, secret: str | None) -> Client:
    try:
        authentication = ClientAuthentication(metadata.token_endpoint_auth_method)
        grant_types = frozenset(GrantType(each) for each in metadata.grant_types)
    except ValueError:
        raise _impossible("grant_types or token_endpoint_auth_method has a value that is not known") from None
    for uri in metadata.redirect_uris:
        check_redirect_uri(uri)
    if GrantType.AUTHORIZATION_CODE in grant_types and not metadata.redirect_uris:
        raise OAuthError(Refusal.INVALID_REDIRECT_URI, "redirect_uris are required for authorization_code")
    _check_keys(server, metadata, authentication)
    if metadata.id_token_signed_response_alg not in server.keys.algorithms:
        raise _impossible("id_token_signed_response_alg is not one that this server signs by")
    return Client(
        client_id=new_id(),
        name=metadata.client_name[:200],
        authentication=authentication,
        grant_types=grant_types,
        scope=str(read_scopes(metadata.scope)),
        redirect_uris=metadata.redirect_uris,
        secret_digest=None if secret is None else digest(secret),
        jwks=metadata.jwks,
        jwks_uri=metadata.jwks_uri,
        dpop_bound=metadata.dpop_bound_access_tokens,
        id_token_algorithm=metadata.id_token_signed_response_alg,
    )


def _check_keys(server: Server, metadata: _Metadata, authentication: ClientAuthentication) -> None:
    has_keys = (metadata.jwks is not None) + (metadata.jwks_uri is not None)
    if has_keys != (authentication == ClientAuthentication.PRIVATE_KEY_JWT):
        raise _impossible("private_key_jwt goes with either jwks or jwks_uri, other methods with neither")
    if metadata.jwks_uri is not None and (
        server.fetch_keys is no_fetching or not metadata.jwks_uri.startswith("https://")
    ):
        raise _impossible("jwks_uri is not supported here: send jwks")
    if metadata.jwks is not None:
        try:
            read_key_set(metadata.jwks)
        except KeyRefusedError as error:
            raise _impossible(f"jwks cannot be used: {error}") from None


def _answer(server: Server, client: Client, secret: str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(server.clock()),
        "client_name": client.name,
        "scope": client.scope,
        "redirect_uris": client.redirect_uris,
        "grant_types": sorted(client.grant_types),
        "response_types": ["code"] if GrantType.AUTHORIZATION_CODE in client.grant_types else [],
        "token_endpoint_auth_method": client.authentication,
        "dpop_bound_access_tokens": client.dpop_bound,
        "id_token_signed_response_alg": client.id_token_algorithm,
    }
    if client.jwks is not None:
        answer["jwks"] = client.jwks
    return answer if secret is None else answer | {"client_secret": secret, "client_secret_expires_at": 0}


def _impossible(description: str) -> OAuthError:
    return OAuthError(Refusal.INVALID_CLIENT_METADATA, description)
