"""Redirect URIs: where answers of the authorization endpoint may go.

Spec: https://datatracker.ietf.org/doc/html/rfc9700#section-2.1, https://datatracker.ietf.org/doc/html/rfc8252#section-7
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from identity.access.errors import OAuthError, Refusal

_LOOPBACK = frozenset({"127.0.0.1", "[::1]", "localhost"})
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)+")
_URI = re.compile(r"[!-~]{1,500}")
# not localhost: whoever rules a machine's names may lead it elsewhere
_AT_PORT = re.compile(r"(?P<host>http://(?:127\.0\.0\.1|\[::1\]))(?::(?P<port>[0-9]{1,5}))?(?P<rest>(?:/[!-~]*)?)")
_LAST_PORT = 65_535


def check_redirect_uri(uri: str) -> None:
    """Check that *uri* may be registered.

    Raises:
        OAuthError: it is neither https, nor loopback, nor of a scheme that belongs to one app (invalid_redirect_uri).
    """
    try:
        parts = urlsplit(uri)
        host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
    except ValueError:
        parts, host = urlsplit(""), ""
    is_web = parts.scheme == "https" and host != ""
    is_local = parts.scheme == "http" and host in _LOOPBACK
    is_private = _PRIVATE_SCHEME.fullmatch(parts.scheme) is not None and uri.startswith(f"{parts.scheme}:/")
    if not _URI.fullmatch(uri) or "#" in uri or "@" in parts.netloc or not (is_web or is_local or is_private):
        raise OAuthError(
            Refusal.INVALID_REDIRECT_URI, "a redirect URI is https, http on loopback, or of an app's own scheme"
        )


def is_among(registered: Iterable[str], uri: str) -> bool:
    """Tell whether *uri* is one of those *registered*: character by character, or on loopback but for the port.

    Spec: https://datatracker.ietf.org/doc/html/rfc8252#section-7.3
    """
    known = tuple(registered)
    if uri in known:
        return True
    asked = _AT_PORT.fullmatch(uri)
    if asked is None or int(asked["port"] or 0) > _LAST_PORT:
        return False
    others = (_AT_PORT.fullmatch(each) for each in known)
    return any(each is not None and each.group("host", "rest") == asked.group("host", "rest") for each in others)
