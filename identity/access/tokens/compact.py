"""Reading the compact form of a signed token, strictly, before anything in it is believed.

A header may have the members that the kind of token needs and no other: what would name a key elsewhere (``jku``,
``x5u``, ``jwk``, ``x5c``) or ask for processing (``crit``, ``b64``, ``zip``) is refused unread.

Spec: https://datatracker.ietf.org/doc/html/rfc7515#section-7.1
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from identity.access.errors import InvalidTokenError

LONGEST = 8192
"""Characters of the longest token that is looked at."""
MEMBERS = frozenset({"alg", "kid", "typ"})
_KID = re.compile(r"[A-Za-z0-9._~:-]{1,128}")
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Jws:
    """A token's parts.

    Attributes:
        header: members of the header; all texts but ``jwk``.
        payload: JSON of the claims, not read yet.
        signed: what the signature is over.
        signature: as it came.
    """

    header: Mapping[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes


def parse(token: str, typ: frozenset[str], members: frozenset[str] = MEMBERS) -> Jws:
    """Return the parts of *token*, whose header has a ``typ`` out of *typ* and no member beside *members*.

    Raises:
        InvalidTokenError: it has another form.
    """
    shape = _SHAPE.fullmatch(token) if len(token) <= LONGEST else None
    if shape is None:
        raise InvalidTokenError("a signed token has three parts of base64url, of which none is empty")
    header, payload, signature = shape.groups()
    read = _header(header)
    if not read.keys() <= members:
        raise InvalidTokenError(f"the header may have {', '.join(sorted(members))} and nothing else")
    # RFC 7515 section 4.1.9: the part before the slash may be left out, and case does not count.
    if str(read.get("typ", "")).lower().removeprefix("application/") not in typ:
        raise InvalidTokenError(f"typ of the header has to be {' or '.join(sorted(filter(None, typ)))}")
    return Jws(read, decode(payload), token[: shape.end(2)].encode(), decode(signature))


def encode(content: bytes) -> str:
    """Return *content* as base64url without padding."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return what *text*, base64url without padding, stands for.

    Raises:
        InvalidTokenError: it has an impossible length, or bits that mean nothing, by which one token had several texts.
    """
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except Base64Error:
        raise InvalidTokenError("a part of the token is no base64url") from None
    if encode(content) != text:
        raise InvalidTokenError("a part of the token is no base64url in the one form that it has")
    return content


@lru_cache(maxsize=256)
def _header(segment: str) -> Mapping[str, Any]:
    try:
        header = json.loads(decode(segment), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        raise InvalidTokenError("the header is no JSON object with each member once") from None
    if not isinstance(header, dict) or not all(isinstance(header.get(name, ""), str) for name in MEMBERS):
        raise InvalidTokenError("the header is no JSON object with texts")
    if "kid" in header and not _KID.fullmatch(header["kid"]):
        raise InvalidTokenError("kid of the header is no plain name of a key")
    return header


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members
