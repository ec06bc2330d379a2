"""Logout that an app starts: whose session ends, and where the browser goes afterwards.

Spec: https://openid.net/specs/openid-connect-rpinitiated-1_0.html
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from identity.access.errors import InvalidTokenError, OAuthError, Refusal
from identity.access.grants.assertions import claims_of
from identity.access.grants.client_authentication import active_client
from identity.access.grants.parameters import Parameters
from identity.access.grants.redirect_uris import is_among
from identity.access.grants.server import Server
from identity.access.tokens.compact import parse


class Ending(NamedTuple):
    """What an app asks for.

    Attributes:
        user_id: whom the app knows to be signed in, by an id_token; None where it does not show one.
        back: where the browser goes afterwards; None: nowhere.
    """

    user_id: str | None
    back: str | None


async def read_ending(server: Server, parameters: Parameters) -> Ending:
    """Return what an app asks for.

    Raises:
        OAuthError: the id_token is none of this server, or the browser may not be sent there (invalid_request).
    """
    client_id, user_id = parameters.get("client_id"), None
    if "id_token_hint" in parameters:
        audience, user_id = _hint(server, parameters["id_token_hint"])
        if client_id not in (None, audience):
            raise OAuthError(Refusal.INVALID_REQUEST, "id_token_hint was issued to another application")
        client_id = audience
    return Ending(user_id, await _back(server, client_id, parameters))


def _hint(server: Server, token: str) -> tuple[str, str]:
    """Return to whom an id_token was issued, and about whom; it may have expired long ago."""
    try:
        jws = parse(token, frozenset({"jwt"}))
        key = server.keys.find(jws.header.get("kid", ""))
        claims = claims_of(jws)
        if key is None or jws.header.get("alg") != key.algorithm.name or not key.verify(jws.signed, jws.signature):
            raise InvalidTokenError("no key of this server made the signature")
    except InvalidTokenError:
        raise _no_hint() from None
    audience, subject = claims.get("aud"), claims.get("sub")
    if claims.get("iss") != server.issuer or not isinstance(audience, str) or not isinstance(subject, str):
        raise _no_hint()
    return audience, subject


async def _back(server: Server, client_id: str | None, parameters: Parameters) -> str | None:
    uri = parameters.get("post_logout_redirect_uri")
    if uri is None:
        return None
    client = None if client_id is None else await active_client(server, client_id)
    if client is None or not is_among(client.post_logout_redirect_uris, uri):
        raise OAuthError(
            Refusal.INVALID_REQUEST, "post_logout_redirect_uri is not one that the application registered for this"
        )
    state = parameters.get("state")
    return uri if state is None else f"{uri}{'&' if '?' in uri else '?'}{urlencode({'state': state})}"


def _no_hint() -> OAuthError:
    return OAuthError(Refusal.INVALID_REQUEST, "id_token_hint is no id_token of this server")
