"""Requests without pause over several connections: wrk where it is installed, else a client of our own."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_MEDIA_TYPE = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Requests:
    """What is asked in turn.

    Attributes:
        method: HTTP verb.
        paths: one after another; each connection begins at the first.
        bodies: one for each path, or a single one; empty for none.
        content_type: of the bodies.
    """

    method: str
    paths: Sequence[str]
    bodies: Sequence[bytes] = ()
    content_type: str = _MEDIA_TYPE

    def body(self, number: int) -> bytes:
        """Return the body of the *number*-th request."""
        return self.bodies[number % len(self.bodies)] if self.bodies else b""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it.

    Attributes:
        requests: answered.
        per_second: answered a second.
        p50_ms: half of the answers took at most so long.
        p99_ms: 99 of 100 did.
        errors: answers with a status of 400 or above, and broken connections.
        client: what sent the requests.
    """

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    client: str


def load(base: str, requests: Requests, *, connections: int, seconds: float) -> Load:
    """Send *requests* to *base* for *seconds*."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return asyncio.run(_own(base, requests, connections, seconds))
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as script:
        script.write(_lua(urlsplit(base).path, requests))
    try:
        command = [wrk, "-t2", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "-s", script.name, base]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own words
    finally:
        Path(script.name).unlink()
    return _read(output)


def _lua(prefix: str, requests: Requests) -> str:
    paths = ", ".join(json.dumps(prefix + path) for path in requests.paths)
    bodies = ", ".join(f"[==[{body.decode()}]==]" for body in requests.bodies)
    return f"""
local paths, bodies, n = {{ {paths} }}, {{ {bodies} }}, 0
local headers = {{ ["Content-Type"] = "{requests.content_type}", ["Accept"] = "{_MEDIA_TYPE}" }}
request = function()
  n = n + 1
  local body = nil
  if #bodies > 0 then body = bodies[n % #bodies + 1] end
  return wrk.format("{requests.method}", paths[n % #paths + 1], headers, body)
end
"""


def _read(output: str) -> Load:
    """Read what wrk printed."""

    def number(pattern: str) -> float:
        found = re.search(pattern, output)
        return float(found[1]) if found else 0.0

    def milliseconds(percent: int) -> float:
        found = re.search(rf"\s{percent}%\s+([\d.]+)(us|ms|s|m)\b", output)
        return float(found[1]) * _MILLISECONDS[found[2]] if found else 0.0

    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    broken = sum(map(int, socket_errors.groups())) if socket_errors else 0
    return Load(
        int(number(r"(\d+) requests in")),
        number(r"Requests/sec:\s+([\d.]+)"),
        milliseconds(50),
        milliseconds(99),
        int(number(r"Non-2xx or 3xx responses: (\d+)")) + broken,
        "wrk",
    )


async def _own(base: str, requests: Requests, connections: int, seconds: float) -> Load:
    deadline = time.monotonic() + seconds
    times: list[float] = []
    errors = 0

    async def connection() -> None:
        nonlocal errors
        parts = urlsplit(base)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        number = 0
        while (begin := time.monotonic()) < deadline:
            path, body = requests.paths[number % len(requests.paths)], requests.body(number)
            head = (
                f"{requests.method} {parts.path}{path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: {_MEDIA_TYPE}\r\n"
                f"Content-Type: {requests.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            errors += await _answer(reader)
            times.append(time.monotonic() - begin)
            number += 1
        writer.close()
        await writer.wait_closed()

    begin = time.monotonic()
    await asyncio.gather(*(connection() for _ in range(connections)))
    taken = time.monotonic() - begin
    times.sort()
    p50, p99 = times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3
    return Load(len(times), len(times) / taken, p50, p99, errors, "asyncio")


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer; return 1 when it is an error, else 0."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = re.search(rb"content-length: *(\d+)", head)
    if length is not None:
        await reader.readexactly(int(length[1]))
    elif b"chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return int(head.split(b" ", 2)[1] >= b"400")
