"""Tokens that a system gets for itself (SMART Backend Services).

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
"""

from __future__ import annotations

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.grant import Grant
from identity.access.grants.issuing import TokenResponse, respond
from identity.access.grants.parameters import Parameters
from identity.access.grants.server import Server
from identity.access.scopes.resource_scope import Context
from identity.access.scopes.scope_set import read_scopes
from identity.access.store.records import Client, ClientAuthentication, new_id


def issue_to_client(server: Server, client: Client, parameters: Parameters, key: str | None) -> TokenResponse:
    """Return an access token for the client itself.

    Raises:
        OAuthError: the client cannot prove who it is (unauthorized_client), or nothing of the scope can be granted
            (invalid_scope).
    """
    if client.authentication == ClientAuthentication.NONE:
        raise OAuthError(Refusal.UNAUTHORIZED_CLIENT, "a public client gets no tokens for itself")
    asked = read_scopes(parameters.required("scope"))
    if asked.named or asked.contexts != {Context.SYSTEM}:
        raise OAuthError(Refusal.INVALID_SCOPE, "a client gets scopes that begin with system/ for itself, no others")
    scope = asked.shared_with(read_scopes(client.scope))
    if not scope:
        raise OAuthError(Refusal.INVALID_SCOPE, "nothing of the scope is registered for this client")
    grant = Grant(grant_id=new_id(), client_id=client.client_id, scope=str(scope), key=key)
    return respond(server, client, grant, client, scope=scope)
