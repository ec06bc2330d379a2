"""How a store says what it does for a search: for operators.

See docs/search.md.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from fhir_api.search.query import Query


class IndexUse(Struct, frozen=True):
    """What an index does for a search.

    Attributes:
        parameters: codes of the search parameters it was asked for; empty where it serves the resources themselves.
        table: what is looked up.
        index: its name.
        condition: what is looked up in it, with ``$1`` and so on for values.
        rows: how many rows it gave in all.
        buffers: pages that were read for it, cached or not.
    """

    parameters: tuple[str, ...]
    table: str
    index: str
    condition: str
    rows: float
    buffers: int


class ExplainedStatement(Struct, frozen=True):
    """One statement of a search.

    Attributes:
        sql: its text, with ``$1`` and so on for values.
        served: what its indexes do.
        plan: as PostgreSQL gives it by ``EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)``.
    """

    sql: str
    served: list[IndexUse]
    plan: Any


@runtime_checkable
class Explaining(Protocol):
    """A store that can explain."""

    async def explain(self, query: Query) -> list[ExplainedStatement]:
        """Carry out a search for the sake of its plans; return its statements in order."""
