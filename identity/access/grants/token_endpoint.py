"""The token endpoint: who asks, by which grant, with which proof.

Spec: https://datatracker.ietf.org/doc/html/rfc6749#section-3.2
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MappingProxyType

from identity.access.errors import InvalidTokenError, OAuthError, Refusal
from identity.access.grants import authorization_code, device
from identity.access.grants.client_authentication import authenticated_client
from identity.access.grants.client_credentials import issue_to_client
from identity.access.grants.exchange import exchange
from identity.access.grants.issuing import TokenResponse
from identity.access.grants.parameters import Parameters
from identity.access.grants.proof import proven_key
from identity.access.grants.refresh import refresh, with_holder
from identity.access.grants.server import Server
from identity.access.noting import Noted
from identity.access.store.records import Client, GrantType

_Issue = Callable[[Server, Client, Parameters, str | None], Awaitable[TokenResponse]]


async def _issue_to_client(server: Server, client: Client, parameters: Parameters, key: str | None) -> TokenResponse:
    return issue_to_client(server, client, parameters, key)


_GRANTS = MappingProxyType[GrantType, _Issue](
    {
        GrantType.AUTHORIZATION_CODE: authorization_code.redeem,
        GrantType.REFRESH_TOKEN: refresh,
        GrantType.CLIENT_CREDENTIALS: _issue_to_client,
        GrantType.DEVICE_CODE: device.redeem,
        GrantType.TOKEN_EXCHANGE: exchange,
    }
)


async def token(
    server: Server, parameters: Parameters, *, authorization: str | None = None, proof: str | None = None
) -> TokenResponse:
    """Return the answer of the token endpoint.

    Args:
        server: the authorization server.
        parameters: the form that was sent.
        authorization: the header of this name.
        proof: the header ``DPoP``.

    Raises:
        OAuthError: the request is refused.
    """
    try:
        answer, client = await _answered(server, parameters, authorization, proof)
    except OAuthError:
        await server.note(server.tenant, Noted("token", is_granted=False, client=parameters.get("client_id", "")))
        raise
    await server.note(server.tenant, Noted("token", is_granted=True, client=client.client_id))
    return answer


async def _answered(
    server: Server, parameters: Parameters, authorization: str | None, proof: str | None
) -> tuple[TokenResponse, Client]:
    name = parameters.required("grant_type")
    if name not in list(GrantType):
        raise OAuthError(Refusal.UNSUPPORTED_GRANT_TYPE, "grant_type is not one of this server's")
    if name == GrantType.REFRESH_TOKEN and authorization is None:
        parameters = await with_holder(server, parameters)
    client = await authenticated_client(server, parameters, authorization)
    if name not in client.grant_types:
        raise OAuthError(Refusal.UNAUTHORIZED_CLIENT, "the client is not registered for this grant_type")
    return await _GRANTS[GrantType(name)](server, client, parameters, await _key(server, client, proof)), client


async def _key(server: Server, client: Client, proof: str | None) -> str | None:
    if proof is None:
        if client.dpop_bound:
            raise OAuthError(Refusal.INVALID_DPOP_PROOF, "the client is registered for tokens that are bound to a key")
        return None
    url = server.endpoint("token")
    try:
        return await proven_key(proof, "POST", url, clock=server.clock, first_use=server.store.first_use)
    except InvalidTokenError as error:
        raise OAuthError(Refusal.INVALID_DPOP_PROOF, str(error)) from None
