"""Logs, metrics and traces, none of which ever holds data of a patient."""

from stanforis.telemetry.logs import RequestLog, configure_logging, resolved_format
from stanforis.telemetry.metrics import Metrics
from stanforis.telemetry.request_ids import request_id
from stanforis.telemetry.tracing import Tracing, configure_tracing

__all__ = [
    "Metrics",
    "RequestLog",
    "Tracing",
    "configure_logging",
    "configure_tracing",
    "request_id",
    "resolved_format",
]
