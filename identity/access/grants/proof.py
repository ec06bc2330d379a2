"""Proof that whoever sends a request holds the key that its token is bound to (DPoP).

Spec: https://datatracker.ietf.org/doc/html/rfc9449#section-4.3
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from identity.access.clock import Clock
from identity.access.errors import InvalidTokenError
from identity.access.tokens.algorithms import KeyRefusedError
from identity.access.tokens.compact import encode, parse
from identity.access.tokens.jwk import public_jwk, read_key, thumbprint
from identity.access.tokens.reading import UnreadableError, read_json

FirstUse = Callable[[str, str, float, float], Awaitable[bool]]
FRESH = 60
"""Seconds for which a proof is good."""
_LONGEST_ID = 256
_PORTS: Final = {"https": 443, "http": 80}
_ESCAPED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")


class _Proof(msgspec.Struct, frozen=True, kw_only=True):
    jti: str
    htm: str
    htu: str
    iat: float
    ath: str | None = None


async def proven_key(
    proof: str, method: str, url: str, *, clock: Clock, first_use: FirstUse, access_token: str | None = None
) -> str:
    """Return the thumbprint of the key that made *proof*.

    Args:
        proof: the header ``DPoP``.
        method: of the request.
        url: of the request, without query and fragment.
        clock: the time.
        first_use: tells whether an id is met for the first time.
        access_token: the token that is shown with it, at a resource server.

    Raises:
        InvalidTokenError: it is no proof for this request, or was used before.
    """
    jws = parse(proof, frozenset({"dpop+jwt"}), frozenset({"alg", "typ", "jwk"}))
    try:
        key = read_key(jws.header.get("jwk"))
        claims = read_json(jws.payload, _Proof)
    except (KeyRefusedError, UnreadableError):
        raise InvalidTokenError("a proof has a public jwk in its header and the claims jti, htm, htu and iat") from None
    if jws.header.get("alg") != key.algorithm.name or not key.verify(jws.signed, jws.signature):
        raise InvalidTokenError("the key of the proof did not make its signature by its own algorithm")
    if claims.htm != method or not is_same_target(claims.htu, url):
        raise InvalidTokenError("the proof is for another request")
    if not abs(claims.iat - clock()) <= FRESH:
        raise InvalidTokenError(f"iat of the proof lies more than {FRESH} seconds away")
    if access_token is not None and not _is_of(claims, access_token):
        raise InvalidTokenError("the proof is for another token")
    print_of_key = thumbprint(public_jwk(key.key))
    if not 0 < len(claims.jti) <= _LONGEST_ID or "\0" in claims.jti:
        raise InvalidTokenError(f"jti of the proof has 1 to {_LONGEST_ID} characters")
    if not await first_use(f"dpop {print_of_key}", claims.jti, claims.iat + FRESH + 1, clock()):
        raise InvalidTokenError("the proof was used before")
    return print_of_key


def _is_of(claims: _Proof, access_token: str) -> bool:
    return claims.ath is not None and compare_digest(
        claims.ath.encode(), encode(sha256(access_token.encode()).digest()).encode()
    )


def is_same_target(htu: str, url: str) -> bool:
    """Tell whether *htu*, without query and fragment, is *url* after syntax- and scheme-based normalization.

    Spec: https://datatracker.ietf.org/doc/html/rfc3986#section-6.2.2
    """
    bare = htu.partition("#")[0].partition("?")[0]
    return bare == url or ((found := _normalized(bare)) is not None and found == _normalized(url))


def _normalized(url: str) -> tuple[str, str, int | None, str] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname or "", port, _ESCAPED.sub(_unescaped, parts.path) or "/"


def _unescaped(escaped: re.Match[str]) -> str:
    character = unquote(escaped[0])
    return character if _UNRESERVED.fullmatch(character) else escaped[0].upper()
