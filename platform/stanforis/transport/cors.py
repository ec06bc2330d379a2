"""Cross-origin requests: which web applications may call from a browser, tenant by tenant.

No answer ever allows credentials: whoever calls shows a token, which the browser does not send by itself.

Spec: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Header = tuple[bytes, bytes]

_ORIGIN = re.compile(r"(?:(?P<tenant>[a-z0-9-]{1,63})@)?(?P<origin>\*|https?://[^/?#@\s,]+)")
_TENANT = re.compile(rb"/t/([a-z0-9-]{1,63})/")
_PUBLIC = re.compile(rb"(?:/t/[a-z0-9-]{1,63})?(?:/fhir/metadata|/[a-z]+/\.well-known/.*|/\.well-known/.*|/auth/jwks)")
_EVERY_TENANT = ""
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS = (
    b"Accept, Authorization, Content-Type, DPoP, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer, "
    b"X-Break-Glass, X-Purpose-Of-Use, X-Request-Id"
)
_EXPOSED = b"Content-Location, DPoP-Nonce, ETag, Last-Modified, Location, Retry-After, WWW-Authenticate, X-Request-Id"
_MAX_AGE = b"600"
_VARY: Header = (b"vary", b"Origin")


class OriginError(ValueError):
    """What is given is no list of origins."""


class Origins:
    """Which origins may call which tenants."""

    def __init__(self, text: str = "") -> None:
        """Read ``https://a.example, clinic@https://b.example``; ``*`` is any origin.

        Raises:
            OriginError: a part of it is neither.
        """
        self._allowed: dict[str, set[bytes]] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = _ORIGIN.fullmatch(part)
            if match is None:
                raise OriginError(part)
            self._allowed.setdefault(match["tenant"] or _EVERY_TENANT, set()).add(match["origin"].lower().encode())

    def allows(self, origin: bytes, path: bytes) -> bool:
        """Tell whether scripts of *origin* may read what is at *path*; documents for everybody always may be."""
        if _PUBLIC.fullmatch(path):
            return True
        match = _TENANT.match(path)
        tenants = (_EVERY_TENANT, match[1].decode() if match else "default")
        return any(not {origin.lower(), b"*"}.isdisjoint(self._allowed.get(tenant, ())) for tenant in tenants)

    def preflight(self, headers: Mapping[bytes, bytes], path: bytes) -> list[Header]:
        """Return the headers that answer the question whether a request may be sent; without leave there are none."""
        origin = headers.get(b"origin", b"")
        if not self.allows(origin, path):
            return [_VARY]
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _HEADERS),
            (b"access-control-max-age", _MAX_AGE),
            _VARY,
        ]

    def headers(self, origin: bytes | None, path: bytes) -> list[Header]:
        """Return what an answer says to a browser about its *origin*."""
        if origin is None or not self.allows(origin, path):
            return [_VARY] if self._allowed else []
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED), _VARY]


def is_preflight(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether a request only asks whether another may be sent."""
    return method == "OPTIONS" and b"origin" in headers and b"access-control-request-method" in headers
