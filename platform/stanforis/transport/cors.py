"""Cross-origin requests: which web applications may call from a browser, tenant by tenant.

No answer ever allows credentials: whoever calls shows a token, which the browser does not send by itself.

Of which tenant an answer is may only be known from its token, which the question ahead (preflight) does not have. So
below ``/fhir`` that question is answered with yes if any tenant lets the origin in. That gives away nothing: the answer
itself, which only the browser keeps from the page, says yes or no for the tenant that it is of.

Spec: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

Header = tuple[bytes, bytes]

_ORIGIN = re.compile(r"(?:(?P<tenant>[a-z0-9-]{1,63})@)?(?P<origin>\*|https?://[^/?#@\s,]+)")
_TENANT = re.compile(rb"/t/([a-z0-9-]{1,63})/")
_PUBLIC = re.compile(
    rb"(?:/t/[a-z0-9-]{1,63})?(?:/fhir/metadata|/[a-z]+/\.well-known/.*|/\.well-known/.*"
    rb"|/auth/(?:jwks|par|revoke|token|userinfo))"
)
_BY_TOKEN = re.compile(rb"/fhir(?:/.*)?")
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


class Allowing(NamedTuple):
    """The tenants that an answer may be of.

    Attributes:
        names: in addresses.
        origins: which they let in, in small letters; ``*``: any.
    """

    names: Collection[str]
    origins: Collection[bytes]


WhoAllows = Callable[[str | None, int | None], Allowing]
"""Gives the tenants that are meant by the name or number in an address, or by the number of the tenant that answered;
both None: by a token that nobody has seen yet."""


def by_address(name: str | None, answered: int | None) -> Allowing:
    """Return the tenant that an address names, where tenants have no origins of their own."""
    del answered
    return Allowing((name or "default",), ())


def require_origin(text: str) -> None:
    """Raise :class:`OriginError` unless *text* is an origin, or ``*`` for any."""
    match = _ORIGIN.fullmatch(text)
    if match is None or match["tenant"]:
        raise OriginError(text)


class Origins:
    """Which origins may call which tenants."""

    def __init__(self, text: str = "", who_allows: WhoAllows = by_address) -> None:
        """Read ``https://a.example, clinic@https://b.example``; ``*`` is any origin.

        Raises:
            OriginError: a part of it is neither.
        """
        self._allowed: dict[str, set[bytes]] = {}
        self._who_allows = who_allows
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = _ORIGIN.fullmatch(part)
            if match is None:
                raise OriginError(part)
            self._allowed.setdefault(match["tenant"] or _EVERY_TENANT, set()).add(match["origin"].lower().encode())

    def allows(self, origin: bytes, path: bytes, answered: int | None = None) -> bool:
        """Tell whether scripts of *origin* may read what is at *path*; documents for everybody always may be.

        *answered* is the number of the tenant whose answer it is, where that is known.
        """
        if _PUBLIC.fullmatch(path):
            return True
        asked = {origin.lower(), b"*"}
        allowing = self._meant(path, answered)
        configured = (self._allowed.get(name, ()) for name in (_EVERY_TENANT, *allowing.names))
        return not asked.isdisjoint(allowing.origins) or any(not asked.isdisjoint(each) for each in configured)

    def _meant(self, path: bytes, answered: int | None) -> Allowing:
        match = _TENANT.match(path)
        if match is not None:
            return self._who_allows(match[1].decode(), None)
        return self._who_allows(None if _BY_TOKEN.fullmatch(path) else "default", answered)

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

    def headers(self, origin: bytes | None, path: bytes, answered: int | None = None) -> list[Header]:
        """Return what an answer says to a browser about its *origin*; *answered* as for :meth:`allows`."""
        if origin is None or not self.allows(origin, path, answered):
            return [_VARY]
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED), _VARY]


def is_preflight(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether a request only asks whether another may be sent."""
    return method == "OPTIONS" and b"origin" in headers and b"access-control-request-method" in headers
