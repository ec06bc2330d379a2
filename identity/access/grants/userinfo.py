"""Who the person is, told to whoever shows the person's access token.

Spec: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo
"""

from __future__ import annotations

from typing import Any

from identity.access.errors import InvalidTokenError
from identity.access.grants.proof import proven_key
from identity.access.grants.server import Server
from identity.access.scopes.scope_set import FHIR_USER, OPENID, PROFILE, read_scopes


async def userinfo(server: Server, method: str, authorization: str | None, proof: str | None) -> dict[str, Any]:
    """Return the claims about the person.

    Args:
        server: the authorization server.
        method: of the request.
        authorization: the header of this name.
        proof: the header ``DPoP``.

    Raises:
        InvalidTokenError: the token is not good, or not a person's with the scope ``openid``.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() not in ("bearer", "dpop") or not token:
        raise InvalidTokenError("an access token is needed")
    claims = server.verifier.verify(token, await _key(server, method, token, proof)).claims
    named = read_scopes(claims.scope).named
    user = await server.store.user(claims.subject) if OPENID in named else None
    if user is None or not user.lets(claims.issued_at):
        raise InvalidTokenError("the token is not a person's with the scope openid")
    told: dict[str, Any] = {"sub": user.user_id}
    if PROFILE in named:
        told["name"] = user.name
    if FHIR_USER in named and user.fhir_user:
        told["fhirUser"] = f"{server.fhir_base}/{user.fhir_user}"
    return told


async def _key(server: Server, method: str, token: str, proof: str | None) -> str | None:
    if proof is None:
        return None
    url, first_use = server.endpoint("userinfo"), server.store.first_use
    return await proven_key(proof, method, url, clock=server.clock, first_use=first_use, access_token=token)
