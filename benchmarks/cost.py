"""What a piece of work costs: CPU of this process and of a PostgreSQL backend, pages touched."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from fhir_api.store.postgres.arrays import PackedBigints

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection


_LEAST = 3
"""Requests that are measured even if they take longer than they may."""
_LONGEST = 10.0
"""Seconds after which a measurement ends in any case."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one request, on average.

    Attributes:
        postgres_ms: CPU of the backend.
        client_ms: CPU of this process.
        p50_ms: half of the requests took at most so long, one at a time.
        p99_ms: 99 of 100 did.
        requests: how many were measured.
    """

    postgres_ms: float
    client_ms: float
    p50_ms: float
    p99_ms: float
    requests: int


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that the main thread of a process has used, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


async def cost(work: Callable[[int], Awaitable[object]], backend: int, *, seconds: float, warm_up: int = 8) -> Cost:
    """Repeat ``work(n)`` for about *seconds* and return what one costs.

    Args:
        work: one request; *n* counts up, so that each can ask for something else.
        backend: process id of the PostgreSQL backend that serves it, and nothing else meanwhile.
        seconds: of wall-clock time.
        warm_up: requests before the measurement, fewer when they take longer than it.
    """
    begin = time.perf_counter()
    for number in range(warm_up):
        await work(number)
        if time.perf_counter() - begin > seconds:
            break
    times: list[float] = []
    postgres, client, begin = cpu_seconds(backend), time.process_time(), time.perf_counter()
    before = begin
    while before - begin < seconds or (len(times) < _LEAST and before - begin < _LONGEST):
        await work(warm_up + len(times))
        now = time.perf_counter()
        times.append(now - before)
        before = now
    count = len(times)
    used = cpu_seconds(backend) - postgres, time.process_time() - client
    times.sort()
    return Cost(
        used[0] / count * 1e3, used[1] / count * 1e3, times[count // 2] * 1e3, times[int(count * 0.99)] * 1e3, count
    )


async def pages(connection: Connection, statements: list[tuple[str, tuple[Any, ...]]]) -> int:
    """Return how many pages of tables and indexes the statements touch, by their generic plans."""
    touched = 0
    for number, (statement, arguments) in enumerate(statements):
        name = f"bench_{number}"
        await connection.execute(f"PREPARE {name} AS {statement}")
        values = f"({', '.join(map(literal, arguments))})" if arguments else ""
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE {name}{values}")
        await connection.execute(f"DEALLOCATE {name}")
        plan = json.loads(text)[0]["Plan"]
        touched += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return touched


def literal(value: Any) -> str:
    """Return an argument as SQL text."""
    match value:
        case None:
            return "NULL"
        case bool() | int() | float():
            return str(value)
        case PackedBigints(numbers=numbers):
            return literal(list(numbers))
        case bytes():
            return f"'\\x{value.hex()}'"
        case list() | tuple():
            return quoted("{" + ",".join(_member(member) for member in value) + "}")
        case _:
            return quoted(str(value))


def _member(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def quoted(text: str) -> str:
    """Return *text* as an SQL string."""
    return "'" + text.replace("'", "''") + "'"
