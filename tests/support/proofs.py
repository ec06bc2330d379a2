"""Tokens that are bound to a key, and proofs that whoever shows them holds it (RFC 9449)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from typing import Any

from identity.access.tokens.algorithms import ALGORITHMS
from identity.access.tokens.claims import Confirmation
from identity.access.tokens.compact import encode
from identity.access.tokens.jwk import public_jwk, thumbprint
from identity.access.tokens.keys import SigningKey

DEVICE = SigningKey(ALGORITHMS["ES256"].generate(), ALGORITHMS["ES256"], 0, 2**40)
OTHER = SigningKey(ALGORITHMS["ES256"].generate(), ALGORITHMS["ES256"], 0, 2**40)
_numbers = count()


def proof(token: str, url: str, method: str = "GET", *, key: SigningKey = DEVICE, **changed: Any) -> str:
    """Return what proves that whoever shows *token* holds *key*."""
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": public_jwk(key.private.public_key())}
    ath = encode(sha256(token.encode()).digest())
    claims = {"jti": f"p{next(_numbers)}", "htm": method, "htu": url, "iat": time.time(), "ath": ath} | changed
    content = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
    return f"{content}.{encode(key.sign(content.encode()))}"


def bound(issue: Callable[..., str], scope: str, **claims: Any) -> str:
    """Return a token that is bound to ``DEVICE``."""
    confirmation = Confirmation(jkt=thumbprint(public_jwk(DEVICE.private.public_key())))
    return issue(scope, confirmation=confirmation, **claims)


def shown(token: str, url: str, method: str = "GET", **changed: Any) -> dict[str, str]:
    """Return the headers that show *token* with a proof for this request."""
    return {"authorization": f"DPoP {token}", "dpop": proof(token, url, method, **changed)}
