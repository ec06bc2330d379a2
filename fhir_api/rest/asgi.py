"""The FHIR endpoint as a plain ASGI application.

Spec: https://asgi.readthedocs.io/en/latest/specs/www.html, https://hl7.org/fhir/R4/http.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import perf_counter

from stanforis.telemetry import Metrics, RequestLog, Tracing, request_id
from stanforis.transport.shell import ANSWERED

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.rest.body import prepared
from fhir_api.rest.dispatch import find, not_allowed
from fhir_api.rest.encoding import takes_gzip
from fhir_api.rest.entrance import Admitted, Entrance, Head, Outcome
from fhir_api.rest.errors import broken_off, failure, refusal
from fhir_api.rest.locating import locate
from fhir_api.rest.negotiation import JSON, presentation
from fhir_api.rest.receiving import ClientDisconnectedError, Receive, Scope, Send, received_body
from fhir_api.rest.rendering import rendered
from fhir_api.rest.request import Pair, Request, header_map, path_segments, query_pairs
from fhir_api.rest.response import Body, Response
from fhir_api.rest.wiring import Api, Route

_log = logging.getLogger(__name__)
TENANT_KEY = "stanforis:tenant"
"""Where a scope says which tenant its address names."""
ASKED_KEY = "stanforis:asked"
"""Where such a scope has the path as it was sent."""
_UNROUTED = "(none)"
_CLIENT_LEFT = 499
_LONGEST_HEADER = 16 * 1024


class Exchange:
    """One request and what becomes known of it on its way.

    Attributes:
        scope, headers, identity: of the request.
        route: what answers; None until it is found.
        presentation: how the answer looks.
        method: HTTP verb as sent.
        head: how the request begins; None until it is read.
        admitted: whoever was let in; None until then.
        request: as the route sees it; None until it is ready.
        error: why it was refused; None where it was not.
    """

    __slots__ = (
        "admitted",
        "error",
        "head",
        "headers",
        "identity",
        "method",
        "presentation",
        "request",
        "route",
        "scope",
    )

    def __init__(self, scope: Scope) -> None:
        """Begin with the request's head."""
        self.scope = scope
        self.headers = header_map(scope["headers"])
        self.identity = request_id(self.headers.get(b"x-request-id"))
        self.method: str = scope["method"]
        self.presentation = JSON
        self.head: Head | None = None
        self.admitted: Admitted | None = None
        self.route: Route | None = None
        self.request: Request | None = None
        self.error: FhirError | None = None

    @property
    def path(self) -> str:
        """Template of the route that answers, for logs and metrics."""
        return _UNROUTED if self.route is None else self.route.path

    def ends(self, response: Response) -> Outcome:
        """Return what became of the request, now that *response* is to be sent."""
        return Outcome(self.identity, self.head, self.route, self.request, response, self.error)


class FhirEndpoint:
    """Answers every request below the FHIR base."""

    def __init__(
        self,
        api: Api,
        entrance: Entrance,
        metrics: Metrics,
        request_log: RequestLog,
        *,
        tracing: Tracing | None = None,
        prefix: str = "/fhir",
        body_limit: int = 64 * 1024 * 1024,
        url_limit: int = 8192,
    ) -> None:
        """Answer whoever *entrance* lets in, below the path *prefix*.

        Bodies have up to *body_limit* bytes, URLs up to *url_limit*.
        """
        self._api = api
        self._entrance = entrance
        self._metrics = metrics
        self._request_log = request_log
        self._tracing = tracing
        self._prefix = len(prefix)
        self._body_limit = body_limit
        self._url_limit = url_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if self._tracing is None:
            await self._exchange(scope, receive, send)
            return
        text = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracing.request(scope["method"], text) as span:
            span.finish(*await self._exchange(scope, receive, send))

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> tuple[str, int]:
        started = perf_counter()
        exchange = Exchange(scope)
        try:
            response = await self._response(exchange, receive)
            await self._entrance.left(exchange.admitted, exchange.ends(response))
            status, sent = await self._send(exchange, response, send)
        except ClientDisconnectedError:
            status, sent = _CLIENT_LEFT, 0
        seconds = perf_counter() - started
        self._metrics.observe_request(exchange.path, exchange.method, status, seconds)
        self._request_log.write(exchange.identity, exchange.method, exchange.path, status, seconds, sent)
        return exchange.path, status

    async def _response(self, exchange: Exchange, receive: Receive) -> Response:
        try:
            return await self._answer(exchange, receive)
        except FhirError as error:
            exchange.error = error
            return refusal(error)
        except ClientDisconnectedError:
            raise
        except asyncio.CancelledError:
            # Only a stop does this, to what is still in hand when its time is over; the client is owed an answer.
            return broken_off()
        except Exception:  # noqa: BLE001 - a client sees no fault but as a 500 with its id
            _log.exception("request %s failed", exchange.identity)
            return failure(exchange.identity)

    async def _answer(self, exchange: Exchange, receive: Receive) -> Response:
        scope, headers, method = exchange.scope, exchange.headers, exchange.method
        _check_lengths(headers)
        segments, query = self._target(scope)
        exchange.head = head = _head(exchange, segments, query)
        verb = "GET" if method == "HEAD" else method
        accept = headers.get(b"accept")
        looks = presentation(None if accept is None else accept.decode("latin-1"), query)
        if looks is not None:
            exchange.presentation = looks
        exchange.admitted = admitted = await self._entrance.admit(head)
        if (answered := scope.get(ANSWERED)) is not None:
            answered.append(admitted.context.caller.tenant)
        node = find(self._api, segments)
        route = node.routes.get(verb)
        if route is None:
            return not_allowed(node, method)
        exchange.route = route
        if looks is None and not (verb == "GET" and segments[:1] == ("Binary",)):
            raise refuse(
                ErrorKind.NOT_ACCEPTABLE, "Accept allows neither application/fhir+json nor application/fhir+xml."
            )
        exchange.request = request = Request(verb, segments, query, headers)
        if route.takes is None:
            return await route.handler(self._api, admitted.context, request)
        raw = await received_body(receive, headers, self._body_limit)
        try:
            exchange.request = request = prepared(route.takes, request, raw)
            return await route.handler(self._api, admitted.context, request)
        except FhirError as error:
            raise locate(error, request, raw) from None

    def _target(self, scope: Scope) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """Return path segments below the base and query parameters."""
        path: bytes = scope["raw_path"]
        query: bytes = scope["query_string"]
        if len(path) + len(query) > self._url_limit:
            diagnostics = f"The URL is longer than {self._url_limit} bytes; POST a long search to _search."
            raise refuse(ErrorKind.URI_TOO_LONG, diagnostics)
        if not (path.isascii() and query.isascii()):
            raise refuse(ErrorKind.MALFORMED, "The URL has characters that have to be percent-encoded.")
        segments = path_segments(path[self._prefix :].decode("ascii"))
        return segments, query_pairs(query.decode("ascii")) if query else ()

    async def _send(self, exchange: Exchange, response: Response, send: Send) -> tuple[int, int]:
        """Send an answer; returns its status and the bytes of its body."""
        gzip = takes_gzip(exchange.headers.get(b"accept-encoding"))
        try:
            headers, body = await rendered(response, exchange.presentation, gzip=gzip)
        except FhirError as error:
            # Stored while checks were off, it has what XML cannot say.
            response = refusal(FhirError(ErrorKind.NOT_ACCEPTABLE, *error.issues))
            headers, body = await rendered(response, JSON, gzip=False)
        except Exception:  # noqa: BLE001 - a client sees no fault but as a 500 with its id
            _log.exception("request %s failed", exchange.identity)
            response = failure(exchange.identity)
            headers, body = await rendered(response, JSON, gzip=False)
        headers.append((b"x-request-id", exchange.identity.encode()))
        version = response.version
        if version is not None and response.located and exchange.admitted is not None:
            location = f"{exchange.admitted.context.base_url}/{version.key}/_history/{version.version_id}"
            headers.append((b"location", location.encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        sent = await _send_body(b"" if exchange.method == "HEAD" else body, send)
        return response.status, sent


def _head(exchange: Exchange, segments: tuple[str, ...], query: tuple[Pair, ...]) -> Head:
    scope = exchange.scope
    client = scope.get("client")
    return Head(
        scope["method"],
        scope.get(ASKED_KEY, scope["raw_path"]).decode("ascii"),
        segments,
        query,
        exchange.headers,
        None if client is None else client[0],
        tenant=scope.get(TENANT_KEY),
        identity=exchange.identity,
    )


def _check_lengths(headers: Mapping[bytes, bytes]) -> None:
    for name, value in headers.items():
        if len(value) > _LONGEST_HEADER:
            shown = name[:40].decode("latin-1")
            raise refuse(
                ErrorKind.MALFORMED, f"The header {shown} is longer than {_LONGEST_HEADER} bytes.", code="too-long"
            )


async def _send_body(body: Body, send: Send) -> int:
    if isinstance(body, bytes):
        await send({"type": "http.response.body", "body": body})
        return len(body)
    sent = 0
    async for part in body:
        sent += len(part)
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    return sent
