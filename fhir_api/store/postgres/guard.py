"""The guard in front of statements whose cost depends on what was asked: searches, criteria, histories.

See docs/decisions/0015-cost-limits.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import asyncpg
import orjson
from stanforis.storage.connection import Connection

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.store.limits import Limits, RequestClass, class_of
from fhir_api.store.postgres.lane import Lane
from fhir_api.store.postgres.session import ContextOf, Fetch, translated
from fhir_api.store.postgres.volleys import Rows, RunEach, Values, Volleys, fetch_each
from fhir_api.store.postgres.working import IsOnDisk, Run, always_works

Answer = TypeVar("Answer")
Connections = Callable[[], AbstractAsyncContextManager[Connection]]

COSTLY: Final = 1_000_000
"""Statements that the planner expects to cost more, in its units, share a few connections."""
SLOW_SECONDS: Final = 0.5
"""So do those that usually work longer, and those of which one does so just now."""
QUICK_SECONDS: Final = 0.02
"""Statements that usually work less than this are run in one go with others of their kind."""
_NEWS: Final = 0.25
"""How much the last run weighs in what is usual: one that was slow by chance is soon outweighed."""
_EXPECTED_SECONDS: Final = 60.0
"""How long a search is refused for what the planner expected: then it is asked again, as its statistics change."""
_MOST_KNOWN: Final = 4096


@dataclass(slots=True)
class _Known:
    """What is known of a statement.

    Attributes:
        cost: what the planner expects; None before it was asked.
        asked: when it was, by the guard's clock.
        usual: seconds that it usually works; None before it ran.
        slow: how many of its runs under way have worked too long.
    """

    cost: float | None = None
    asked: float = 0.0
    usual: float | None = None
    slow: int = 0

    def is_untried(self) -> bool:
        """Tell whether it has not run yet, and may be costly."""
        return self.usual is None

    def is_costly(self) -> bool:
        """Tell whether it is to run only beside few others."""
        return self.slow > 0 or (self.usual or 0.0) >= SLOW_SECONDS or (self.cost or 0.0) >= COSTLY

    def is_quick(self) -> bool:
        """Tell whether others lose next to nothing by waiting for it."""
        return self.usual is not None and self.usual < QUICK_SECONDS and not self.is_costly()

    def ran(self, seconds: float) -> None:
        """Learn how long a run worked."""
        self.usual = seconds if self.usual is None else self.usual + (seconds - self.usual) * _NEWS


class Guard:
    """Knows what statements cost; bounds their time, and how many of the costly ones run at once."""

    def __init__(
        self, limits: Limits, is_on_disk: IsOnDisk = always_works, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._is_on_disk = is_on_disk
        self._clock = clock
        self._untried, self._costly = (Lane(limits.costly_connections) for _ in range(2))
        self._known: dict[str, _Known] = {}

    async def bounded(
        self,
        own: RequestClass,
        connections: Connections,
        context: ContextOf,
        work: Callable[[Fetch], Awaitable[Answer]],
        volleys: Volleys | None = None,
    ) -> Answer:
        """Return what *work* makes of a guarded ``fetch`` on the pool; quick statements may be run by *volleys*.

        Raises:
            FhirError: TOO_COSTLY when it takes longer, or is expected to cost more, than its class may.
        """
        limit = self._limits.of[class_of(own)]

        async def fetch(statement: str, *arguments: Any) -> list[asyncpg.Record]:
            known = self._known.get(statement) or self._new(statement)
            self._refuse_beyond(limit.cost, known)
            if volleys is not None and known.is_quick():
                return await volleys.fetch(statement, arguments)
            (rows,) = await self._run(connections, context, limit.cost, statement, [arguments])
            return rows

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
                    return await connection.fetch(statement, await context(connection), *arguments)

        return await _in_time(self._limits.of[class_of(own)].seconds, work(fetch))

    def running(self, connections: Connections, context: ContextOf) -> RunEach:
        """Return what carries out quick statements in one go."""

        async def run_each(statement: str, each: Sequence[Values]) -> list[Rows]:
            return await self._run(connections, context, 0, statement, each)

        return run_each

    async def _run(
        self, connections: Connections, context: ContextOf, most: int, statement: str, each: Sequence[Values]
    ) -> list[Rows]:
        known = self._known.get(statement) or self._new(statement)
        run = Run(self._is_on_disk, self._clock)
        try:
            await self._wait(known, run)
            with translated():
                async with connections() as connection:
                    if known.cost is None:
                        known.cost = await _estimated(connection, statement, (await context(connection), *each[0]))
                        known.asked = self._clock()
                    # also where another asked while this one waited
                    self._refuse_beyond(most, known)
                    with self._watched(connection, known, run, len(each)):
                        return await fetch_each(connection, await context(connection), statement, each)
        finally:
            if run.lane is not None:
                run.lane.leave()

    async def _wait(self, known: _Known, run: Run) -> None:
        """Return when the run may begin, with a place if it needs one."""
        if known.is_untried() and await self._untried.enter(known.is_untried):
            run.lane = self._untried
        elif known.is_costly() and await self._costly.enter(known.is_costly):
            run.lane = self._costly

    def _turned_slow(self, known: _Known, run: Run) -> None:
        # while it still runs: others of its kind shall not take all connections meanwhile
        run.is_slow = True
        known.slow += 1
        if run.lane is None:
            self._costly.take()
            run.lane = self._costly
        elif run.lane is self._untried and self._costly.try_take():
            run.lane = self._costly
            self._untried.leave()

    def _refuse_beyond(self, most: int, known: _Known) -> None:
        if most and known.cost is not None and known.cost > most:
            if self._clock() - known.asked < _EXPECTED_SECONDS:
                raise too_costly("The search would cost more than the server allows.")
            known.cost = None

    def _new(self, statement: str) -> _Known:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        known = self._known[statement] = _Known()
        return known

    @contextmanager
    def _watched(self, connection: Connection, known: _Known, run: Run, count: int) -> Iterator[None]:
        """Learn what *count* runs of a statement in one go cost."""

        def look() -> None:
            if not run.is_slow and run.worked() >= SLOW_SECONDS:
                self._turned_slow(known, run)

        with run.watched(connection.get_server_pid(), look):
            try:
                yield
            finally:
                known.slow -= run.is_slow
                known.ran(run.worked() / count)


async def _estimated(connection: Connection, statement: str, values: tuple[Any, ...]) -> float:
    """Return what the planner expects a statement to cost, in its own units."""
    if statement.startswith("EXPLAIN "):
        return 0.0
    ((plan,),) = await connection.fetch(f"EXPLAIN (FORMAT JSON) {statement}", *values)
    return float(orjson.loads(plan)[0]["Plan"]["Total Cost"])


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
