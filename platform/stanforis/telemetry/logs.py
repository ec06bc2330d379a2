"""Log lines on standard error: JSON, one object a line, without anything a request said about a patient.

A line about a request names the route's template, never its ids or its query. A line about a fault names the type of
the exception and the places in the code it passed, never its text, which may repeat what the client sent.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeAlias

import orjson

_ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_NEWLINE = orjson.OPT_APPEND_NEWLINE
_MOST_PLACES = 30


class RequestLog:
    """Writes a line for each finished request."""

    def __init__(self, *, enabled: bool = True, text: bool = False, descriptor: int = 2) -> None:
        """Write to the file *descriptor*, as *text* for a person or as JSON; nothing when not *enabled*."""
        self._enabled = enabled
        self._text = text
        self._descriptor = descriptor

    def write(self, request_id: str, method: str, route: str, status: int, seconds: float, sent: int) -> None:
        """Write the line of one request.

        Args:
            request_id: see :func:`stanforis.telemetry.request_id`.
            method: HTTP method.
            route: the route's template, such as ``/{type}/{id}``; never the path itself.
            status: HTTP status.
            seconds: from the request's head to the end of the answer.
            sent: bytes of the answer's body.
        """
        if not self._enabled:
            return
        now = datetime.now(UTC)
        if self._text:
            line = (
                f"{now:%H:%M:%S.%f} {status} {method} {route} {seconds * 1000:.1f} ms {sent} B {request_id}\n".encode()
            )
        else:
            line = orjson.dumps(
                {
                    "time": now,
                    "level": "info",
                    "event": "request",
                    "request_id": request_id,
                    "method": method,
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1000, 2),
                    "bytes": sent,
                },
                option=_NEWLINE,
            )
        # One system call a line: lines of several processes do not mix, and none waits in a buffer when one is killed.
        os.write(self._descriptor, line)


class JsonFormatter(logging.Formatter):
    """Turns records of the standard library's logging into JSON lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            "process": record.process,
        }
        if record.exc_info:
            line["fault"] = fault(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    """Turns records into lines for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        created = datetime.fromtimestamp(record.created, UTC)
        line = f"{created:%H:%M:%S.%f} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        if record.exc_info:
            found = fault(record.exc_info)
            line += "".join(f"\n  {place}" for place in [found.get("type", ""), *found.get("places", [])])
        return line


def fault(exc_info: _ExcInfo) -> dict[str, Any]:
    """Return the exception's type and the places it passed, innermost last, without its text."""
    kind, _, trace = exc_info
    if kind is None:
        return {}
    frames = traceback.extract_tb(trace)[-_MOST_PLACES:]
    return {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "places": [f"{f.filename}:{f.lineno} {f.name}" for f in frames],
    }


def resolved_format(log_format: str) -> str:
    """Return ``json`` or ``text``; ``auto`` becomes text when standard error is a terminal."""
    if log_format != "auto":
        return log_format
    return "text" if sys.stderr.isatty() else "json"


def configure_logging(level: str = "info", log_format: str = "json") -> None:
    """Send every record of the standard library's logging to standard error in *log_format* (``json`` or ``text``)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextFormatter() if log_format == "text" else JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Their chatter about starts, stops and connections says nothing that the supervisor and the request lines do not.
    for name in ("alembic", "asyncio", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
