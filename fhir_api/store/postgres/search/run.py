"""Carrying out a search: one statement for the page, one for each further thing that is asked (total, includes)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.query import Clause, Query, Total
from fhir_api.store.port import Page
from fhir_api.store.postgres.reads import stored_versions
from fhir_api.store.postgres.search import includes, totals
from fhir_api.store.postgres.search.order import NEWEST_FIRST, Start
from fhir_api.store.postgres.search.places import leading_inside
from fhir_api.store.postgres.search.statements import Search
from fhir_api.store.postgres.search.walks import MANY
from fhir_api.store.postgres.session import Fetch
from fhir_api.store.postgres.types import type_names
from fhir_api.store.postgres.writes import Indexing

FREQUENT = 2000
"""From so many starting points on, following references costs more than testing resources until a page is full."""


async def page(fetch: Fetch, query: Query, indexing: Indexing) -> Page:
    """Return one page of a search; see :class:`fhir_api.store.port.Reader`."""
    query = replace(query, clauses=await leading_inside(fetch, query.clauses))
    total = await _total(fetch, query, indexing)
    if query.count == 0:
        return Page([], total=total)
    search = await _chosen(fetch, query, indexing)
    rows = await fetch(search.page(), *search.arguments.values)
    placed = await search.placed(rows)
    shown = placed[: query.count]
    more = search.order.cursor(shown[-1][0], search.began(rows)) if len(placed) > query.count else None
    matches = stored_versions(row for _, row in shown)
    included: list[StoredVersion] = []
    if query.includes and matches:
        # the last key of every order is the resource's number
        numbered = [(place[-1], version) for (place, _), version in zip(shown, matches, strict=True)]
        included = await includes.follow(fetch, indexing, numbered, query)
    return Page(matches, more, total, included)


async def _chosen(fetch: Fetch, query: Query, indexing: Indexing) -> Search:
    """Return the search, walking its type when following references would mean following very many."""
    search = Search(query, indexing)
    rival = search.rival()
    if rival is not None:
        (row,) = await fetch(search.count_of(rival), *search.arguments.values)
        return Search(query, indexing, driver=rival if row[0] < MANY else None)
    if not search.follows:
        return search
    if query.cursor is not None and search.is_chain:
        # what was found frequent or not at the first page stays so
        return Search(query, indexing, walks=Start.read(query.cursor).order != NEWEST_FIRST.name)
    (row,) = await fetch(search.probe(FREQUENT), *search.arguments.values)
    return Search(query, indexing, walks=row[0] >= FREQUENT)


async def _total(fetch: Fetch, query: Query, indexing: Indexing) -> int | None:
    if query.total is Total.NONE and query.count > 0:
        return None
    search = Search(replace(query, cursor=None, sort=()), indexing)
    return await totals.total(fetch, search.total(), search.arguments.values, query.total)


async def matching_keys(
    fetch: Fetch, resource_type: str, clauses: Sequence[Clause], limit: int, indexing: Indexing
) -> list[ResourceKey]:
    """Return up to *limit* keys of current resources that match."""
    search = Search(Query((resource_type,), await leading_inside(fetch, clauses)), indexing)
    rows = await fetch(search.keys(limit), *search.arguments.values)
    return [ResourceKey(type_names()[type_id], logical_id) for type_id, logical_id in rows]
