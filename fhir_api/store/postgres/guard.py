"""The guard in front of statements whose cost depends on what was asked: searches, criteria, histories.

See docs/decisions/0015-cost-limits.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import asyncpg
import orjson
from stanforis.storage.pool import Connection

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.store.limits import Limits, RequestClass, class_of
from fhir_api.store.postgres.session import ContextOf, Fetch, translated

Answer = TypeVar("Answer")
Connections = Callable[[], AbstractAsyncContextManager[Connection]]

COSTLY: Final = 1_000_000
"""Statements that the planner expects to cost more, in its units, share a few connections."""
SLOW_SECONDS: Final = 0.5
"""So do those that once ran longer."""
_FORGIVEN_SECONDS: Final = 60.0
_MOST_KNOWN: Final = 4096


@dataclass(slots=True)
class _Known:
    """What is known of a statement.

    Attributes:
        cost: what the planner expected when the statement was new.
        slow_until: on the clock of the event loop; it counts as slow so long.
    """

    cost: float
    slow_until: float = 0.0


class Guard:
    """Knows what statements cost; bounds their time, and how many of the costly ones run at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._few = asyncio.Semaphore(limits.costly_connections)
        self._known: dict[str, _Known] = {}

    async def bounded(
        self,
        own: RequestClass,
        connections: Connections,
        context: ContextOf,
        work: Callable[[Fetch], Awaitable[Answer]],
    ) -> Answer:
        """Return what *work* makes of a guarded ``fetch`` on the pool.

        Raises:
            FhirError: TOO_COSTLY when it takes longer, or is expected to cost more, than its class may.
        """
        limit = self._limits.of[class_of(own)]

        async def fetch(statement: str, *arguments: Any) -> list[asyncpg.Record]:
            return await self._fetch(connections, context, limit.cost, statement, arguments)

        return await _in_time(limit.seconds, work(fetch))

    async def in_transaction(
        self,
        own: RequestClass,
        connections: Connections,
        context: ContextOf,
        work: Callable[[Fetch], Awaitable[Answer]],
    ) -> Answer:
        """Return what *work* makes of a ``fetch`` on the transaction's connection; it never waits for others."""

        async def fetch(statement: str, *arguments: Any) -> list[asyncpg.Record]:
            with translated():
                async with connections() as connection:
                    return await connection.fetch(statement, context(connection), *arguments)

        return await _in_time(self._limits.of[class_of(own)].seconds, work(fetch))

    async def _fetch(
        self, connections: Connections, context: ContextOf, most: int, statement: str, arguments: tuple[Any, ...]
    ) -> list[asyncpg.Record]:
        known = self._known.get(statement)
        with translated():
            if known is not None and known.cost < COSTLY and known.slow_until < asyncio.get_running_loop().time():
                async with connections() as connection:
                    return await self._watched(connection, known, statement, (context(connection), *arguments))
            # what is new may be costly
            async with self._few, connections() as connection:
                known = known or await self._estimated(connection, statement, (context(connection), *arguments))
                if most and known.cost > most:
                    raise too_costly("The search would cost more than the server allows.")
                return await self._watched(connection, known, statement, (context(connection), *arguments))

    async def _estimated(self, connection: Connection, statement: str, arguments: tuple[Any, ...]) -> _Known:
        if statement.startswith("EXPLAIN "):
            return _Known(0.0)
        ((plan,),) = await connection.fetch(f"EXPLAIN (FORMAT JSON) {statement}", *arguments)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        known = self._known[statement] = _Known(orjson.loads(plan)[0]["Plan"]["Total Cost"])
        return known

    async def _watched(
        self, connection: Connection, known: _Known, statement: str, arguments: tuple[Any, ...]
    ) -> list[asyncpg.Record]:
        loop = asyncio.get_running_loop()

        def mark() -> None:
            known.slow_until = loop.time() + _FORGIVEN_SECONDS

        # marked while it still runs: others of its kind shall not take all connections meanwhile
        timer = loop.call_later(SLOW_SECONDS, mark)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            timer.cancel()


async def _in_time(seconds: float, work: Awaitable[Answer]) -> Answer:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise too_costly(f"The request took longer than the {seconds:g} seconds that the server allows it.") from None


def too_costly(what: str) -> FhirError:
    """Make the error of a search that is too costly, with a hint."""
    hint = (
        "Narrow it: name a patient, a range of dates or a rarer code; leave out '_total=accurate', '_sort' and "
        "':contains'; ask for one type at a time."
    )
    return refuse(ErrorKind.TOO_COSTLY, f"{what} {hint}")
