"""What the server tells about itself.

Spec: https://datatracker.ietf.org/doc/html/rfc8414 and
https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known
"""

from __future__ import annotations

from typing import Any

from identity.access.grants.pkce import METHOD
from identity.access.grants.server import Server
from identity.access.scopes.scope_set import NAMED
from identity.access.store.records import ClientAuthentication, GrantType

_CLIENT_ALGORITHMS = ["RS384", "ES384", "ES256"]
_CAPABILITIES = [
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
]


def authorization_server(server: Server) -> dict[str, Any]:
    """Return the metadata of the authorization server."""
    methods = [method.value for method in ClientAuthentication]
    return {
        "issuer": server.issuer,
        "authorization_endpoint": server.endpoint("authorize"),
        "pushed_authorization_request_endpoint": server.endpoint("par"),
        "token_endpoint": server.endpoint("token"),
        "introspection_endpoint": server.endpoint("introspect"),
        "revocation_endpoint": server.endpoint("revoke"),
        "device_authorization_endpoint": server.endpoint("device_authorization"),
        "registration_endpoint": server.endpoint("register"),
        "jwks_uri": server.endpoint("jwks"),
        "scopes_supported": [*sorted(NAMED), "patient/*.cruds", "user/*.cruds", "system/*.cruds"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [grant_type.value for grant_type in GrantType],
        "code_challenge_methods_supported": [METHOD],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": _CLIENT_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": methods[1:],
        "introspection_endpoint_auth_signing_alg_values_supported": _CLIENT_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": _CLIENT_ALGORITHMS,
        "dpop_signing_alg_values_supported": _CLIENT_ALGORITHMS,
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["en", "fr", "rw"],
    }


def openid_provider(server: Server) -> dict[str, Any]:
    """Return the metadata of the OpenID provider."""
    return authorization_server(server) | {
        "userinfo_endpoint": server.endpoint("userinfo"),
        "end_session_endpoint": server.endpoint("end_session"),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(server.keys.algorithms),
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "amr", "nonce", "fhirUser", "profile"],
        "prompt_values_supported": ["none", "login", "consent"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def smart_configuration(server: Server) -> dict[str, Any]:
    """Return the document ``.well-known/smart-configuration``, which stands under the FHIR base."""
    told = authorization_server(server)
    return told | {"capabilities": _CAPABILITIES}
