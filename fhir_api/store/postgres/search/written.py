"""Statements of first pages that were written lately.

Clients ask the same again and again: for the list that everybody begins their day with, for a patient who is here now.
To write the statement of a page costs this process about a tenth of what the whole search does.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, NamedTuple

import asyncpg
from stanforis.recent import Recent

from fhir_api.search.query import Query, Total
from fhir_api.store.postgres.search.statements import Search
from fhir_api.store.postgres.session import Fetch

_MOST: Final = 512
_MOST_VALUES: Final = 64
"""Statements that are remembered, and values of one, or of one list in it: thousands of them are seldom asked again."""


class Noted:
    """A fetch that remembers the statements it was asked for."""

    def __init__(self, fetch: Fetch) -> None:
        self.asked: list[str] = []
        self._fetch = fetch

    async def __call__(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """See :data:`fhir_api.store.postgres.session.Fetch`."""
        self.asked.append(statement)
        return await self._fetch(statement, *arguments)


class _Statement(NamedTuple):
    search: Search
    text: str


class Written:
    """What one process wrote for the searches of all tenants: what differs between them is not in a statement."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Recent[Hashable, _Statement] = Recent(_MOST)

    async def found(self, fetch: Fetch, query: Query) -> tuple[Search, list[asyncpg.Record]] | None:
        """Return the search with the rows of its page; None where its statement is not known."""
        key = _key(query)
        known = None if key is None else self._known.get(key)
        if known is None:
            return None
        return known.search, await fetch(known.text, *known.search.arguments.values)

    def keep(self, query: Query, search: Search, asked: list[str]) -> None:
        """Remember how *search* finds the first page of *query*, unless it was decided by what is stored.

        *asked* are all statements that it was asked by.
        """
        key = _key(query)
        if key is not None and len(asked) == 1 and search.has_one_way and _is_small(search.arguments.values):
            self._known.keep(key, _Statement(search, asked[0]))


def _key(query: Query) -> Hashable:
    """Return what the statement of a first page depends on; None where a total or a further page is asked for."""
    if query.cursor is not None or query.count == 0 or query.total is not Total.NONE:
        return None
    return query.resource_types, query.clauses, query.sort, query.count


def _is_small(values: list[Any]) -> bool:
    return len(values) <= _MOST_VALUES and all(
        len(value) <= _MOST_VALUES for value in values if isinstance(value, (list, bytes))
    )
