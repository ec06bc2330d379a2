"""Carrying out a search: one statement for the page, one for each further thing that is asked (total, includes)."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from msgspec.structs import replace

from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.clause_trees import with_values
from fhir_api.search.query import AnyClause, Clause, HasClause, Query, Total, ValueClause
from fhir_api.search.types.ranges import has_ranges
from fhir_api.store.port import Criteria, Page
from fhir_api.store.postgres.reads import stored_versions
from fhir_api.store.postgres.search import by_identifier, includes, places, rarer, totals
from fhir_api.store.postgres.search.along import Way, way_of, way_of_order
from fhir_api.store.postgres.search.by_name import in_order, sorts_by_name, unordered
from fhir_api.store.postgres.search.counts import Counts
from fhir_api.store.postgres.search.long_texts import comparing_long_texts
from fhir_api.store.postgres.search.order import Start
from fhir_api.store.postgres.search.pointed_at import way_from
from fhir_api.store.postgres.search.statements import Search
from fhir_api.store.postgres.search.together import together
from fhir_api.store.postgres.search.written import Noted, Written
from fhir_api.store.postgres.session import Fetch
from fhir_api.store.postgres.types import type_names
from fhir_api.store.postgres.writes import Indexing


async def page(fetch: Fetch, query: Query, indexing: Indexing, counts: Counts, written: Written) -> Page:
    """Return one page of a search, see :class:`fhir_api.store.port.Reader`.

    *counts* keeps what is counted, *written* the statements of pages.
    """
    total, by_name = None, sorts_by_name(query)
    found = await written.found(fetch, query)
    if found is None:
        asked, noted = query, Noted(fetch)
        query = replace(query, clauses=await _for_tables(noted, query.clauses, indexing))
        query = replace(query, clauses=await together(noted, query, indexing))
        links = places.links(query.clauses)
        if links and (query.count == 0 or query.total is not Total.NONE):
            query, links = replace(query, clauses=await places.leading_inside(noted, query.clauses)), []
        total = await _total(noted, query, indexing, counts)
        if query.count == 0:
            return Page([], total=total)
        found = await _found(noted, unordered(query) if by_name else query, indexing, counts, links)
        if not by_name and not links:
            written.keep(asked, found[0], noted.asked)
    search, rows = found
    placed = await search.placed(fetch, rows)
    order, began = search.order, search.began(rows)
    if by_name:
        (order, placed), began = await in_order(query, placed, indexing), None
    shown = placed[: query.count]
    more = order.cursor(shown[-1][0], began) if len(placed) > query.count else None
    matches = stored_versions(row for _, row in shown)
    included: list[StoredVersion] = []
    if query.includes and matches:
        # the last key of every order is the resource's number
        numbered = [(place[-1], version) for (place, _), version in zip(shown, matches, strict=True)]
        included = await includes.follow(fetch, indexing, numbered, query)
    return Page(matches, more, total, included)


async def _for_tables(fetch: Fetch, clauses: Sequence[Clause], indexing: Indexing) -> tuple[Clause, ...]:
    """Return *clauses* as the tables can answer them: with long texts compared, and ranges apart from numbers."""
    compared = await comparing_long_texts(fetch, clauses, indexing)
    return tuple(with_values(clause, _with_ranges) for clause in compared)


def _with_ranges(clause: ValueClause) -> Clause:
    if clause.parameter.type not in {"number", "quantity"} or not has_ranges(clause.parameter):
        return clause
    return AnyClause((clause, replace(clause, modifier="range")))


async def _found(
    fetch: Fetch, query: Query, indexing: Indexing, counts: Counts, links: Sequence[int]
) -> tuple[Search, list[asyncpg.Record]]:
    """Return the search with the rows of its page; *links* are still to be looked up."""
    search, asked = await _chosen(fetch, query, indexing, counts, links)
    if asked is None:
        if search.rivals:
            search, rows = await rarer.found(fetch, query, indexing, links)
        else:
            rows = await fetch(search.page(links), *search.arguments.values)
        if not links:
            return search, rows
        inside = rows[0]["inside"] if rows else await places.asked(fetch, links)
        if not inside:
            return search, rows
    else:
        inside = asked["inside"]
        if not inside:
            return search, await fetch(search.page(), *search.arguments.values)
    led = await places.leading_on(fetch, query.clauses, inside)
    return await _found(fetch, replace(query, clauses=led), indexing, counts, ())


async def _chosen(
    fetch: Fetch, query: Query, indexing: Indexing, counts: Counts, links: Sequence[int]
) -> tuple[Search, asyncpg.Record | None]:
    """Return the search, going the way that counting says costs least, and the row that was asked about *links*."""
    search = Search(query, indexing)
    if search.pointing is not None:
        return await _from_sources(fetch, search, search.pointing, indexing, counts), None
    chain = search.chain
    if chain is None:
        return search, None
    if query.cursor is not None:
        # what was found frequent or not at the first page stays so, but for ways that lead to the same order
        way = way_of_order(Start.read(query.cursor).order)
        if way is not Way.NEWEST_FIRST or not search.has_other_starts:
            return Search(query, indexing, way=way), None
    row, counted = None, counts.get(chain)
    if counted is None:
        (row,) = await fetch(search.probe(chain, links), *search.arguments.values)
        counted = counts.keep(chain, row["n"])
    may = query.cursor is None and search.may_go_by_target(chain)
    way = way_of(chain, counted[0], by_target=may, has_others=search.has_other_starts)
    return Search(query, indexing, way=way), row


async def _from_sources(fetch: Fetch, search: Search, clause: HasClause, indexing: Indexing, counts: Counts) -> Search:
    counted = counts.get(clause)
    if counted is None:
        (row,) = await fetch(search.sources(clause), *search.arguments.values)
        counted = counts.keep(clause, row["n"], row["about"])
    return Search(search.query, indexing, pointing=way_from(*counted))


async def _total(fetch: Fetch, query: Query, indexing: Indexing, counts: Counts) -> int | None:
    if query.total is Total.NONE and query.count > 0:
        return None
    asked = (query.resource_types, query.clauses)
    known = counts.get(asked) if query.total is Total.ESTIMATE else None
    if known is not None:
        return int(known[0])
    search = await rarer.beginning_at_the_rarest(fetch, replace(query, cursor=None, sort=()), indexing)
    total = await totals.total(fetch, search.total(), search.arguments.values, query.total)
    if query.total is Total.ESTIMATE and total >= totals.COUNTED:
        counts.keep(asked, total)
    return total


async def matching_keys(
    fetch: Fetch, resource_type: str, clauses: Sequence[Clause], limit: int, indexing: Indexing
) -> list[ResourceKey]:
    """Return up to *limit* keys of current resources that match."""
    compared = await _for_tables(fetch, clauses, indexing)
    search = Search(Query((resource_type,), await places.leading_inside(fetch, compared)), indexing)
    rows = await fetch(search.keys(limit), *search.arguments.values)
    return [ResourceKey(type_names()[row[0]], row[1]) for row in rows]


async def matching_keys_of(
    fetch: Fetch, asked: Sequence[Criteria], limit: int, indexing: Indexing
) -> list[list[ResourceKey]]:
    """Return up to *limit* keys for each of several criteria: identifiers by one statement, others one by one."""
    rows = [by_identifier.row_of(criteria, indexing.encoder.hasher) for criteria in asked]
    found = iter(await by_identifier.look(fetch, [row for row in rows if row is not None], limit) if any(rows) else ())
    return [
        await matching_keys(fetch, criteria.resource_type, criteria.clauses, limit, indexing)
        if row is None
        else next(found)
        for criteria, row in zip(asked, rows, strict=True)
    ]
