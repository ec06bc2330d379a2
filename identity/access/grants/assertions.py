"""Signed statements of others: checked with a key we know, once, and only while fresh.

Spec: https://datatracker.ietf.org/doc/html/rfc7523#section-3 and
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from identity.access.clock import Clock
from identity.access.errors import InvalidTokenError
from identity.access.tokens.compact import MEMBERS, Jws, parse
from identity.access.tokens.jwk import VerificationKey
from identity.access.tokens.reading import UnreadableError, read_json

LONGEST = 300
"""Seconds for which an assertion may be good."""
SKEW = 5
"""Seconds by which clocks may differ."""
TYPES = frozenset({"jwt", "client-authentication+jwt", ""})


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of an assertion that are looked at."""

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: float
    jti: str
    iat: float | None = None
    nbf: float | None = None


def read_assertion(token: str) -> tuple[Jws, Assertion]:
    """Return an assertion's parts and claims, none of them verified.

    Raises:
        InvalidTokenError: it is no assertion.
    """
    jws = parse(token, TYPES, MEMBERS | {"jku"})
    try:
        return jws, read_json(jws.payload, Assertion)
    except UnreadableError:
        raise InvalidTokenError("an assertion has iss, sub, aud, exp and jti") from None


def verify_signature(jws: Jws, keys: Mapping[str, VerificationKey]) -> None:
    """Check that the key which the header names made the signature.

    Raises:
        InvalidTokenError: there is no such key, it is for another algorithm, or the signature is wrong.
    """
    key = keys.get(jws.header.get("kid", ""))
    if key is None or jws.header.get("alg") != key.algorithm.name or not key.verify(jws.signed, jws.signature):
        raise InvalidTokenError("no registered key made this signature by its own algorithm")


def check_times(assertion: Assertion, clock: Clock) -> None:
    """Check that *assertion* is good now and not for long.

    Raises:
        InvalidTokenError: it is not.
    """
    now = clock()
    if not now < assertion.exp <= now + LONGEST + SKEW:
        raise InvalidTokenError(f"exp has to lie ahead, by at most {LONGEST} seconds")
    if any(moment is not None and moment > now + SKEW for moment in (assertion.iat, assertion.nbf)):
        raise InvalidTokenError("iat or nbf lies ahead")


def claims_of(jws: Jws) -> dict[str, Any]:
    """Return the claims of a signed statement as they are.

    Raises:
        InvalidTokenError: they are no JSON object.
    """
    try:
        return read_json(jws.payload, dict[str, Any])
    except UnreadableError:
        raise InvalidTokenError("the claims are no JSON object") from None
