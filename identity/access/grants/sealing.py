"""Refresh tokens: what was granted travels in them, sealed, so that little has to be kept of a grant.

A token is the grant's id, a secret that is good once, and the sealed grant, which only its own id opens.
"""

from __future__ import annotations

import os
from hashlib import sha256
from hmac import digest as hmac_digest

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from identity.access.errors import InvalidTokenError
from identity.access.grants.grant import Grant
from identity.access.grants.server import Server
from identity.access.tokens.compact import decode, encode

_NONCE = 12
LONGEST = 8192
"""Characters of the longest refresh token that is looked at."""


def refresh_token(server: Server, grant: Grant, secret: str) -> str:
    """Return a refresh token of *grant*."""
    nonce = os.urandom(_NONCE)
    sealed = _cipher(server).encrypt(nonce, msgspec.json.encode(grant), grant.grant_id.encode())
    return f"{grant.grant_id}.{secret}.{encode(nonce + sealed)}"


def opened(server: Server, token: str) -> tuple[Grant, str]:
    """Return the grant of a refresh token and its secret, which may have been used before.

    Raises:
        InvalidTokenError: this server never sealed such a token.
    """
    grant_id, _, rest = token.partition(".")
    secret, _, sealed = rest.partition(".")
    try:
        if len(token) > LONGEST or not token.isascii():
            raise InvalidTokenError("the refresh token is too long")
        content = decode(sealed)
        grant = _cipher(server).decrypt(content[:_NONCE], content[_NONCE:], grant_id.encode())
        return msgspec.json.decode(grant, type=Grant), secret
    except (InvalidTag, ValueError, msgspec.DecodeError):
        raise InvalidTokenError("this server made no such refresh token") from None


def _cipher(server: Server) -> AESGCM:
    return AESGCM(hmac_digest(server.secret, f"refresh tokens\0{server.tenant}".encode(), sha256))
