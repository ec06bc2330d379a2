"""The context of each request: the base URL that links are made with, and the tenant's store.

A Host header is the client's word, and links made from it would end up in caches and in other people's Bundles. It
counts only where the configured base is on this very machine, and the header names this machine too (``localhost`` for
``127.0.0.1``, or a forwarded port).
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

from fhir_api.interactions.context import Context

_LOOPBACK = re.compile(rb"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?")
_MOST = 64


class Contexts:
    """Gives the context of a request by its Host header."""

    def __init__(self, default: Context) -> None:
        """Give *default*, or if it is on loopback, one whose base URL has the loopback host that was asked for."""
        self._default = default
        self._base = urlsplit(default.base_url)
        self._follow_host = _LOOPBACK.fullmatch(self._base.netloc.encode()) is not None
        self._known: dict[bytes | None, Context] = {}

    def for_host(self, host: bytes | None) -> Context:
        """Return the context of a request sent to *host*."""
        known = self._known.get(host)
        return known if known is not None else self._made(host)

    def _made(self, host: bytes | None) -> Context:
        if not self._follow_host or host is None or not _LOOPBACK.fullmatch(host):
            return self._default
        context = replace(self._default, base_url=self._base._replace(netloc=host.decode()).geturl())
        if len(self._known) < _MOST:
            self._known[host] = context
        return context
