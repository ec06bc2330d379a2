"""Proof Key for Code Exchange, by SHA-256 only.

Spec: https://datatracker.ietf.org/doc/html/rfc7636
"""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.parameters import Parameters
from identity.access.tokens.compact import encode

METHOD = "S256"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def read_challenge(parameters: Parameters) -> str:
    """Return the challenge of an authorization request.

    Raises:
        OAuthError: there is none, or by another method (invalid_request).
    """
    challenge = parameters.get("code_challenge", "")
    if parameters.get("code_challenge_method") != METHOD or not _CHALLENGE.fullmatch(challenge):
        raise OAuthError(Refusal.INVALID_REQUEST, "code_challenge with code_challenge_method=S256 is required")
    return challenge


def check_verifier(parameters: Parameters, challenge: str) -> None:
    """Check that the client which redeems a code is the one that asked for it.

    Raises:
        OAuthError: ``code_verifier`` is missing or another (invalid_grant).
    """
    verifier = parameters.get("code_verifier", "")
    made = encode(sha256(verifier.encode()).digest())
    if not _VERIFIER.fullmatch(verifier) or not compare_digest(made, challenge):
        raise OAuthError(Refusal.INVALID_GRANT, "code_verifier does not belong to the code")
