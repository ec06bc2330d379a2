"""OpenTelemetry traces: off, and free, unless a collector is configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from stanforis.errors import OperatorError


class Tracing(Protocol):
    """Makes a span of each request."""

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[RequestSpan]:
        """Begin the span of a request; *headers* may carry the caller's ``traceparent``."""

    def close(self) -> None:
        """Send what was not sent yet."""


class RequestSpan(Protocol):
    """The span of one request."""

    def finish(self, route: str, status: int) -> None:
        """Name the span by the *route*'s template and note the *status*."""


class TracingUnavailableError(OperatorError):
    """Traces are configured, but the extra ``tracing`` is not installed."""


def configure_tracing(endpoint: str, service_name: str = "stanforis-fhir") -> Tracing | None:
    """Return what makes traces and sends them to *endpoint* (OTLP over HTTP); None when that is empty.

    Raises:
        TracingUnavailableError: the packages for it are missing.
    """
    if not endpoint:
        return None
    try:
        return _OpenTelemetry(endpoint, service_name)
    except ImportError as error:
        message = (
            "STANFORIS_TRACING_ENDPOINT is set, but OpenTelemetry is missing: pip install 'stanforis-health[tracing]'"
        )
        raise TracingUnavailableError(message) from error


class _OpenTelemetry:
    def __init__(self, endpoint: str, service_name: str) -> None:
        # Imported here because they cost memory and time that nobody without a collector should pay.
        from opentelemetry import propagate, trace  # noqa: PLC0415 - see above
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see above
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - see above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - see above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - see above

        self._provider = TracerProvider(resource=Resource.create({"service.name": service_name}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer = self._provider.get_tracer("stanforis")
        self._extract = propagate.extract
        self._server = trace.SpanKind.SERVER

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[RequestSpan]:
        parent = self._extract(headers)
        # Exceptions are not recorded: their text may repeat what the client sent.
        with self._tracer.start_as_current_span(
            method, parent, self._server, record_exception=False, set_status_on_exception=False
        ) as span:
            yield _Span(method, span)

    def close(self) -> None:
        self._provider.shutdown()


class _Named(Protocol):
    def update_name(self, name: str) -> None: ...

    def set_attribute(self, key: str, value: str | int) -> None: ...


class _Span:
    __slots__ = ("_method", "_span")

    def __init__(self, method: str, span: _Named) -> None:
        self._method = method
        self._span = span

    def finish(self, route: str, status: int) -> None:
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.request.method", self._method)
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
