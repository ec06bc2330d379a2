"""Putting claims into a signed token."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from identity.access.errors import OAuthError, Refusal
from identity.access.tokens.claims import LARGEST, AccessToken
from identity.access.tokens.compact import encode
from identity.access.tokens.keys import SigningKey

ACCESS_TOKEN = "at+jwt"  # noqa: S105 - a media type
_encode = msgspec.json.Encoder().encode


def signed_access_token(claims: AccessToken, key: SigningKey) -> str:
    """Return *claims* as an access token.

    Raises:
        OAuthError: it would be larger than :data:`~identity.access.tokens.claims.LARGEST` (invalid_scope).
    """
    token = signed(_encode(claims), key, ACCESS_TOKEN)
    if len(token) > LARGEST:
        raise OAuthError(Refusal.INVALID_SCOPE, f"more scopes than fit into a token of {LARGEST} characters")
    return token


def signed_claims(claims: dict[str, Any], key: SigningKey, typ: str = "JWT") -> str:
    """Return *claims* as a token with the given ``typ``."""
    return signed(_encode(claims), key, typ)


def signed(payload: bytes, key: SigningKey, typ: str) -> str:
    """Return *payload* with header and signature, in the compact form."""
    header = json.dumps({"alg": key.algorithm.name, "kid": key.public.kid, "typ": typ}, separators=(",", ":"))
    content = f"{encode(header.encode())}.{encode(payload)}"
    return f"{content}.{encode(key.sign(content.encode()))}"
