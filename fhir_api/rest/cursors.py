"""Signed, stateless page cursors: a place in one tenant's one query, good until it expires.

A cursor is ``base64url(expiry, position, tag)``. The tag (HMAC-SHA256, shortened) covers tenant, query, expiry and
position, so a cursor opens nothing but the next page of the very search it was given out for.

Spec: https://hl7.org/fhir/R4/http.html#paging
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from stanforis.recent import Recent

from fhir_api.model.errors import ErrorKind, FhirError, refuse

CURSOR_PARAMETER = "_cursor"
LIFETIME = 24 * 3600
"""Seconds a cursor is good for where nothing else is said."""

_EXPIRY_BYTES = 5
_TAG_BYTES = 16
_MOST_TENANTS = 256


class Cursors:
    """Makes and reads the cursors of one tenant."""

    def __init__(
        self, secret: bytes, tenant: str, now: Callable[[], float] = time.time, lifetime: int = LIFETIME
    ) -> None:
        """Derive the tenant's key from *secret*, which all workers share.

        *now* gives seconds since 1970, *lifetime* is the seconds that a cursor is good for.
        """
        self._key = hmac_digest(secret, b"page cursor\0" + tenant.encode(), "sha256")
        self._now = now
        self._lifetime = lifetime

    def seal(self, query: bytes, position: bytes) -> str:
        """Return the cursor of *position* in *query*."""
        payload = int(self._now() + self._lifetime).to_bytes(_EXPIRY_BYTES, "big") + position
        return _encoded(payload + self._tag(query, payload))

    def open(self, query: bytes, cursor: str) -> bytes:
        """Return the position that *cursor* stands for.

        Raises:
            FhirError: MALFORMED if it was not made here for this tenant and *query*, or if it expired.
        """
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError:
            raise _bad_cursor() from None
        payload, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
        # Base64 leaves bits of the last character unused: only the one spelling that was given out is taken.
        is_ours = _encoded(raw) == cursor and compare_digest(tag, self._tag(query, payload))
        if not is_ours or len(payload) < _EXPIRY_BYTES:
            raise _bad_cursor()
        if int.from_bytes(payload[:_EXPIRY_BYTES], "big") < self._now():
            raise refuse(ErrorKind.MALFORMED, f"{CURSOR_PARAMETER} has expired; search again.", code="expired")
        return payload[_EXPIRY_BYTES:]

    def _tag(self, query: bytes, payload: bytes) -> bytes:
        # The query's hash has a fixed length, so no part can be moved into another.
        return hmac_digest(self._key, sha256(query).digest() + payload, "sha256")[:_TAG_BYTES]


class TenantCursors:
    """Gives the cursors of each tenant."""

    def __init__(self, secret: bytes, lifetime: int = LIFETIME) -> None:
        """Derive every tenant's key from *secret*, which all workers share; *lifetime* is in seconds."""
        self._secret = secret
        self._lifetime = lifetime
        self._known = Recent[int, Cursors](_MOST_TENANTS)

    def of(self, tenant: int) -> Cursors:
        """Return the cursors of *tenant*."""
        known = self._known.get(tenant)
        return known or self._known.keep(tenant, Cursors(self._secret, str(tenant), lifetime=self._lifetime))


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bad_cursor() -> FhirError:
    return refuse(ErrorKind.MALFORMED, f"{CURSOR_PARAMETER} was not given out for this search.", code="value")
