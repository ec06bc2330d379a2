"""What is answered beside FHIR, in the request log and in metrics: sign-in, tokens, administration.

A line names the route's template and nothing of the URL, whose parts may be secrets or names of people.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from stanforis.telemetry import Metrics, RequestLog, request_id

from fhir_api.rest.receiving import Receive, Scope, Send
from fhir_api.rest.request import header_map
from identity.access.hosting.mounts import ROUTE_KEY

Answering = Callable[[Scope, Receive, Send], Awaitable[bool | None]]
"""An application that may return False, and then has sent nothing."""
_UNROUTED = "(none)"
_CLIENT_LEFT = 499


class Recording:
    """Writes down what became of requests that others answer."""

    def __init__(self, metrics: Metrics, request_log: RequestLog) -> None:
        """Write to *metrics* and *request_log*."""
        self._metrics = metrics
        self._request_log = request_log

    async def answered(
        self,
        application: Callable[[Scope, Receive, Send], Awaitable[bool | None]],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> bool:
        """Let *application* answer a request and write it down; False, and nothing is, where it gave no answer."""
        started, status, sent = perf_counter(), _CLIENT_LEFT, 0
        identity = request_id(header_map(scope["headers"]).get(b"x-request-id"))

        async def sending(message: Any) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", identity.encode())]}
            sent += len(message.get("body", b""))
            await send(message)

        is_answered = False
        try:
            is_answered = await application(scope, receive, sending) is not False
        finally:
            if is_answered or status != _CLIENT_LEFT:
                self._write(identity, scope, status, perf_counter() - started, sent)
        return is_answered

    def _write(self, identity: str, scope: Scope, status: int, seconds: float, sent: int) -> None:
        route = scope.get(ROUTE_KEY, _UNROUTED)
        self._metrics.observe_request(route, scope["method"], status, seconds)
        self._request_log.write(identity, scope["method"], route, status, seconds, sent)
