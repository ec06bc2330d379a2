"""A server without access control answers to the names of its own machine only.

A page of the world outside may have its own name lead to this machine once it is loaded (DNS rebinding); to the browser
both are then one site, and nothing but the ``Host`` header tells them apart.

Spec: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from stanforis.transport.shell import Application, Receive, Scope, Send

_HERE = re.compile(r"(?:(?:[a-z0-9-]+\.)*localhost\.?|127(?:\.\d{1,3}){3}|\[::1\])", re.IGNORECASE)
_PORT = re.compile(r":\d*\Z")
_REFUSED = (
    b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"security","diagnostics":"Without access '
    b'control this server answers to names of its own machine only, such as localhost; the header Host has another."}]}'
)


class OwnHost:
    """Wraps an ASGI application."""

    def __init__(self, app: Application, base_url: str) -> None:
        """Let *app* answer who calls it by a name of this machine, or by that in *base_url*."""
        self._app = app
        self._named = urlsplit(base_url).hostname

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI event stream."""
        if scope["type"] != "http" or all(self._is_own(value) for name, value in scope["headers"] if name == b"host"):
            await self._app(scope, receive, send)
            return
        headers: list[tuple[bytes, Any]] = [
            (b"content-type", b"application/fhir+json"),
            (b"content-length", b"%d" % len(_REFUSED)),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 421, "headers": headers})
        await send({"type": "http.response.body", "body": _REFUSED})

    def _is_own(self, header: bytes) -> bool:
        host = _PORT.sub("", header.decode("latin-1"))
        return not host or _HERE.fullmatch(host) is not None or host.lower() == self._named
