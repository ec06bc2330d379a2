"""The FHIR server as the adapter sees it: spoken to in process, through its own front door.

So a message passes the same checks as any other client's request, is audited as one, and belongs to the same tenant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple, Protocol

from fhir_api.model import exact_json

Json = dict[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""

_JSON = b"application/fhir+json"


class Answer(NamedTuple):
    """What the server said.

    Attributes:
        status: HTTP status.
        resource: what it sent; empty where nothing.
    """

    status: int
    resource: Json


class FhirServer(Protocol):
    """Carries out requests for one tenant."""

    async def send(self, method: str, url: str, body: Json | None = None) -> Answer:
        """Carry out a request; *url* is relative to the FHIR base, such as ``Patient?identifier=a|1`` or empty."""
        ...


class InProcess:
    """Speaks with an ASGI application of this process."""

    def __init__(
        self, application: Application, base: str, authorization: Callable[[], str] | None = None, purpose: str = ""
    ) -> None:
        """Send requests below the path *base*, each with the header that *authorization* gives, for a *purpose*."""
        self._application = application
        self._base = base
        self._authorization = authorization
        self._purpose = purpose

    async def send(self, method: str, url: str, body: Json | None = None) -> Answer:
        """Carry out a request."""
        raw = b"" if body is None else exact_json.written(body)
        exchange = _Exchange(raw)
        await self._application(self._scope(method, url), exchange.receive, exchange.send)
        return Answer(exchange.status, exact_json.read(exchange.body) if exchange.body else {})

    def _scope(self, method: str, url: str) -> Scope:
        path, _, query = url.partition("?")
        path = f"{self._base}/{path}" if path else self._base
        headers = [(b"accept", _JSON), (b"content-type", _JSON), (b"prefer", b"return=minimal")]
        if self._authorization is not None:
            headers.append((b"authorization", self._authorization().encode()))
        if self._purpose:
            headers.append((b"x-purpose-of-use", self._purpose.encode()))
        return {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
        }


class _Exchange:
    """One request's body on its way in, and its answer."""

    def __init__(self, body: bytes) -> None:
        self._request = body
        self._parts: list[bytes] = []
        self.status = 0

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    async def receive(self) -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": self._request, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self._parts.append(message.get("body", b""))
