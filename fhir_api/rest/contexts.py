"""The context of each request: the base URL that links are made with, and the tenant's store."""

from __future__ import annotations

from msgspec.structs import replace

from fhir_api.interactions.context import Context
from identity.access.hosting.addresses import at_host

_MOST = 64


class Contexts:
    """Gives the context of a request by its Host header."""

    def __init__(self, default: Context) -> None:
        """Give *default*, or if it is on loopback, one whose base URL has the loopback host that was asked for."""
        self._default = default
        self._known: dict[bytes | None, Context] = {}

    def for_host(self, host: bytes | None) -> Context:
        """Return the context of a request sent to *host*; see :func:`at_host`."""
        known = self._known.get(host)
        return known if known is not None else self._made(host)

    def _made(self, host: bytes | None) -> Context:
        base_url = at_host(self._default.base_url, (host or b"").decode("latin-1"))
        is_default = base_url == self._default.base_url
        context = self._default if is_default else replace(self._default, base_url=base_url)
        if len(self._known) < _MOST:
            self._known[host] = context
        return context
