"""What can be refused, in the words of the specifications."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Error codes that clients of the authorization server see.

    Spec: https://datatracker.ietf.org/doc/html/rfc6749#section-5.2 and the extensions that each name tells.
    """

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    INVALID_DPOP_PROOF = "invalid_dpop_proof"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    UNSUPPORTED_TOKEN_TYPE = "unsupported_token_type"  # noqa: S105 - an error code
    ACCESS_DENIED = "access_denied"
    LOGIN_REQUIRED = "login_required"
    CONSENT_REQUIRED = "consent_required"
    AUTHORIZATION_PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - an error code
    INVALID_REDIRECT_URI = "invalid_redirect_uri"
    INVALID_CLIENT_METADATA = "invalid_client_metadata"
    INVALID_SOFTWARE_STATEMENT = "invalid_software_statement"
    UNAPPROVED_SOFTWARE_STATEMENT = "unapproved_software_statement"


class OAuthError(Exception):
    """A request to the authorization server was refused.

    Attributes:
        refusal: the code that the client is told.
        description: what was found and what was expected; never a secret, never what a person typed.
    """

    def __init__(self, refusal: Refusal, description: str) -> None:
        super().__init__(f"{refusal.value}: {description}")
        self.refusal = refusal
        self.description = description


class UnavailableError(Exception):
    """The store cannot answer at the moment; the same request may succeed later."""


class InvalidTokenError(Exception):
    """A signed token cannot be trusted; the text says why and never repeats it."""
