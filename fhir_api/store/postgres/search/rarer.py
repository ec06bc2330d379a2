"""Starting at the rarer of several codes, once it is seen that the first one alone is too frequent.

A page of two frequent codes is mostly full after a few rows of either. So the rows of the first are tried; only where
that does not fill the page is it counted which is rarer, up to a bound. Where none is rare, the rows of one are read
into a set, which costs a small part of asking for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from fhir_api.search.query import Clause, Query
from fhir_api.store.postgres.search.statements import Search
from fhir_api.store.postgres.session import Fetch
from fhir_api.store.postgres.writes import Indexing

TRIED: Final = 1000
"""So many rows of each value of the first criterion are tried."""
COUNTED: Final = 5000
"""From so many rows on, which are more than are tried, a criterion is frequent."""
CROWD: Final = 100_000
"""Of frequent ones so many rows are counted: a set of the rarest costs least."""


class _Counted(NamedTuple):
    """What counting told.

    Attributes:
        first: how many rows the first criterion has, up to ``COUNTED``.
        driver: where to start.
        known: the criterion whose rows are read into a set, if all are frequent.
    """

    first: int
    driver: Clause
    known: Clause | None


async def found(
    fetch: Fetch, query: Query, indexing: Indexing, links: Sequence[int]
) -> tuple[Search, list[asyncpg.Record]]:
    """Return a search that has rivals, with the rows of its page."""
    search = Search(query, indexing, most=TRIED)
    rows = await fetch(search.page(links), *search.arguments.values)
    # what was changed since the walk began comes beside the rows that were tried
    tried = sum(row["former_updated"] is None for row in rows) if search.start is not None else len(rows)
    if tried > query.count:
        return search, rows
    counted = await _counted(fetch, query, indexing)
    if counted.first <= TRIED:
        return search, rows
    search = Search(query, indexing, driver=counted.driver, known=counted.known)
    return search, await fetch(search.page(links), *search.arguments.values)


async def beginning_at_the_rarest(fetch: Fetch, query: Query, indexing: Indexing) -> Search:
    """Return the search that starts where fewest rows are, if there is a choice."""
    search = Search(query, indexing)
    if not search.rivals:
        return search
    counted = await _counted(fetch, query, indexing)
    return Search(query, indexing, driver=counted.driver, known=counted.known)


async def _counted(fetch: Fetch, query: Query, indexing: Indexing) -> _Counted:
    clauses, numbers = await _numbers(fetch, query, indexing, COUNTED)
    least = numbers.index(min(numbers))
    if numbers[least] < COUNTED:
        return _Counted(numbers[0], clauses[least], None)
    _, more = await _numbers(fetch, query, indexing, CROWD)
    known = clauses[more.index(min(more))]
    return _Counted(numbers[0], next(each for each in clauses if each is not known), known)


async def _numbers(fetch: Fetch, query: Query, indexing: Indexing, most: int) -> tuple[list[Clause], list[int]]:
    """Return where the search could start, and how many rows there are, up to *most*."""
    search = Search(query, indexing)
    clauses = [search.first, *search.rivals]
    (row,) = await fetch(search.counts(clauses, most), *search.arguments.values)
    return clauses, [row[place] for place in range(len(clauses))]
