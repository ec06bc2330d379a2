"""The same search asked by several requests at the same time, carried out once for all of them.

Dashboards that refresh together, lists that everybody looks at, clients that lost patience and ask again: each waits
for the page that all of them get.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from stanforis.recent import Recent
from stanforis.storage.gathering import Gatherer
from stanforis.storage.waiting import Waiting

from fhir_api.search.query import Query
from fhir_api.store.port import Page

Find = Callable[[], Awaitable[Page]]
"""Carries out a search from its beginning."""

PATIENCE = 0.005
"""Seconds after which a search under way is no longer waited for by those that came behind it."""
_MOST_KNOWN = 256


class Alike:
    """The searches of one tenant in one process."""

    def __init__(self) -> None:
        self._alone: set[_Asked] = set()
        self._gatherers: Recent[_Asked, Gatherer[Find, Page]] = Recent(_MOST_KNOWN)

    async def page(self, query: Query, find: Find) -> Page:
        """Return what *find* gives for *query*, or another that was asked for the same, and began after this came."""
        if query.visible is not None:
            # what its includes may show is a mapping: such searches are not compared
            return await find()
        asked = _Asked(query)
        gatherer = self._gatherers.get(asked)
        if gatherer is not None:
            return await gatherer.ask(find)
        if asked in self._alone:
            return await self._gatherers.keep(asked, Gatherer(_once, list, PATIENCE)).ask(find)
        self._alone.add(asked)
        try:
            return await find()
        finally:
            self._alone.discard(asked)


class _Asked:
    """A query whose hash is worked out once: there may be thousands of values in it."""

    __slots__ = ("_hash", "_query")

    def __init__(self, query: Query) -> None:
        self._query = query
        self._hash = hash(query)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self._hash == other._hash and self._query == other._query


async def _once(taken: list[Waiting[Find, Page]]) -> None:
    page = await taken[0].work()
    for waiting in taken:
        waiting.tell(page)
