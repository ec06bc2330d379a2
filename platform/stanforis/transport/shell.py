"""The shell around the application: limits by address, CORS, and headers that every answer has.

Spec: https://www.rfc-editor.org/rfc/rfc6585#section-4 (429), https://www.rfc-editor.org/rfc/rfc6797 (HSTS)
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from stanforis.errors import OperatorError
from stanforis.settings import PREFIX, Settings
from stanforis.transport.cors import Header, OriginError, Origins, WhoAllows, by_address, is_preflight
from stanforis.transport.limiting import Limiter

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_SIGN_IN = re.compile(r"(?:/t/[a-z0-9-]{1,63})?/auth/(?!jwks)")
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000")
_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""What an answer has unless the application says otherwise."""
_THROTTLED = (
    b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"throttled",'
    b'"diagnostics":"Too many requests came from this address; come again after a while."}]}'
)


ANSWERED = "stanforis:answered"
"""Where a scope has a list to which an application adds the number of the tenant whose answer it gives."""


class Shell:
    """Wraps an ASGI application."""

    def __init__(
        self, app: Application, settings: Settings, processes: int = 1, who_allows: WhoAllows = by_address
    ) -> None:
        """Wrap *app*, which is served by so many *processes*; its tenants let in the origins that *who_allows* gives.

        Raises:
            OperatorError: ``cors_origins`` cannot be read.
        """
        self._app = app
        self._addresses = Limiter(settings.address_limit, processes)
        self._sign_in = Limiter(settings.sign_in_limit, processes)
        try:
            self._origins = Origins(settings.cors_origins, who_allows)
        except OriginError as error:
            message = f"{PREFIX}CORS_ORIGINS has '{error}', expected are origins such as https://app.example.org."
            raise OperatorError(message) from None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI event stream."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: bytes = scope["raw_path"]
        headers = dict(scope["headers"])
        answered: list[int] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = self._origins.headers(headers.get(b"origin"), path, answered[0] if answered else None)
                if scope.get("scheme") == "https":
                    more.append(_HSTS)
                message["headers"] = _completed(message["headers"], more)
            await send(message)

        again = self._refuses(scope)
        if again:
            await _answer(sending, 429, _THROTTLED, [(b"retry-after", str(again).encode()), *_FHIR])
        elif is_preflight(scope["method"], headers):
            await _answer(send, 204, b"", self._origins.preflight(headers, path))
        else:
            scope[ANSWERED] = answered
            await self._app(scope, receive, sending)

    def _refuses(self, scope: Scope) -> int:
        """Return after how many seconds to come again; 0 where the request is granted."""
        client = scope.get("client")
        address = "" if client is None else _counted(client[0])
        if not address:
            return 0
        # the decoded path, by which the pages are found: what is percent-encoded is counted as well
        if _SIGN_IN.match(scope["path"]) and (again := self._sign_in.refuses(address)):
            return again
        return self._addresses.refuses(address)


_FHIR: list[Header] = [(b"content-type", b"application/fhir+json"), (b"cache-control", b"no-store")]


@lru_cache(maxsize=8192)
def _counted(address: str) -> str:
    """Return what an address is counted as: an IPv6 host may use all addresses of its network. This machine is not."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if found.is_loopback:
        return ""
    return address if found.version == 4 else found.exploded[:19]  # noqa: PLR2004 - the version's number


def _completed(given: Any, more: list[Header]) -> list[Header]:
    headers: list[Header] = [*given]
    names = {name for name, _ in headers}
    headers += [header for header in (*more, *_ALWAYS) if header[0] not in names or header[0] == b"vary"]
    return headers


async def _answer(send: Send, status: int, body: bytes, headers: list[Header]) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
