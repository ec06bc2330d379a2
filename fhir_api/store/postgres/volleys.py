"""Quick statements that several requests ask for at the same time, carried out in one go.

Requests of the same shape make the same statement with other arguments. Sent one behind the other without waiting for
answers, each costs PostgreSQL and the driver about half of what it costs alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
from stanforis.storage.connection import Connection
from stanforis.storage.gathering import Gatherer, up_to
from stanforis.storage.waiting import Waiting

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.store.postgres.session import numbered

Values = tuple[Any, ...]
Rows = list[asyncpg.Record]
RunEach = Callable[[str, Sequence[Values]], Awaitable[list[Rows]]]
"""Carries out a statement with each of several arguments; gives the rows of each, in order."""

MOST = 16
"""Runs of a statement in one go: each waits for all."""
PATIENCE = 0.005
"""Seconds after which those under way are no longer waited for."""
_MOST_KNOWN = 1024


class Volleys:
    """The quick statements of one tenant in one process."""

    def __init__(self, run_each: RunEach) -> None:
        self._run_each = run_each
        self._gatherers: dict[str, Gatherer[Values, Rows]] = {}

    async def fetch(self, statement: str, values: Values) -> Rows:
        """Return the rows of *statement* with *values*; raises what carrying it out raised."""
        gatherer = self._gatherers.get(statement)
        if gatherer is None:
            if len(self._gatherers) >= _MOST_KNOWN:
                self._gatherers.clear()
            gatherer = self._gatherers[statement] = self._gathering(statement)
        return await gatherer.ask(values)

    def _gathering(self, statement: str) -> Gatherer[Values, Rows]:
        async def carry_out(taken: list[Waiting[Values, Rows]]) -> None:
            try:
                answers = await self._run_each(statement, [waiting.work for waiting in taken])
            except Exception as error:
                if len(taken) == 1 or (isinstance(error, FhirError) and error.kind is ErrorKind.UNAVAILABLE):
                    raise
                await self._one_by_one(statement, taken)
            else:
                for waiting, rows in zip(taken, answers, strict=True):
                    waiting.tell(rows)

        return Gatherer(carry_out, up_to(MOST), PATIENCE)

    async def _one_by_one(self, statement: str, taken: Sequence[Waiting[Values, Rows]]) -> None:
        for waiting in taken:
            try:
                (rows,) = await self._run_each(statement, [waiting.work])
                waiting.tell(rows)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for it
                waiting.tell(error)


async def fetch_each(connection: Connection, context: str, statement: str, each: Sequence[Values]) -> list[Rows]:
    """Return the rows of a fenced *statement* for each of several arguments, from ``$2`` on.

    All are sent before the first is answered, and see what was stored when their turn came.
    """
    text = numbered(statement, len(each[0]))
    if text is None:
        return [await connection.fetch(statement, context, *values) for values in each]
    if len(each) == 1:
        return [await connection.fetch(text, context, *each[0], 0)]
    answers: list[Rows] = [[] for _ in each]
    for row in await connection.fetchmany(text, [(context, *values, place) for place, values in enumerate(each)]):
        answers[row[-1]].append(row)
    return answers
