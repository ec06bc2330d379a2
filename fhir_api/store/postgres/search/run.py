"""Carrying out a search: one statement for the page, one for each further thing that is asked (total, includes).

Ids are put in order and limited first, bodies are fetched last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.query import Clause, LastUpdatedClause, Parameter, Query, Total
from fhir_api.store.port import Page
from fhir_api.store.postgres.reads import VERSION_COLUMNS, stored_versions
from fhir_api.store.postgres.search import includes
from fhir_api.store.postgres.search.conditions import Candidate, Conditions
from fhir_api.store.postgres.search.drivers import Chosen, Sets, choose
from fhir_api.store.postgres.search.order import LAST_UPDATED, MARKER, Order, newest_first, sorted_by
from fhir_api.store.postgres.search.rows import KEYED, Keys
from fhir_api.store.postgres.session import Fetch, fenced
from fhir_api.store.postgres.statement import Arguments
from fhir_api.store.postgres.types import type_names, type_numbers
from fhir_api.store.postgres.writes import Indexing

_RESOURCE = Candidate("b.rid", "b.low", "b.id_hash")
_ROW = Candidate("d.rid", "d.low", None)


class Search:
    """One search on its way to SQL."""

    def __init__(self, query: Query, indexing: Indexing) -> None:
        self.query = query
        self.arguments = Arguments()
        self._definitions = indexing.definitions
        self._conditions = Conditions(self.arguments, indexing)
        self._sets = Sets(self._conditions, query.resource_types or tuple(type_numbers()))
        self._chosen: Chosen = choose(query.clauses)
        self.order = self._order()

    def _order(self) -> Order:
        sort = self.query.sort
        if not sort:
            if self._chosen.driver is not None:
                return newest_first()
            return LAST_UPDATED if len(self.query.resource_types) == 1 else MARKER
        first = sort[0]
        if len(sort) == 1 and first.parameter is not None and self._is_primary_date(first.parameter):
            return newest_first(descending=first.descending)
        if len(sort) == 1 and first.parameter is None and first.code == "_lastUpdated" and first.descending:
            return LAST_UPDATED
        return sorted_by(sort, self.arguments)

    def _is_primary_date(self, parameter: Parameter) -> bool:
        return self._definitions.primary_date(parameter.resource_type) == parameter

    def page(self) -> str:
        """Return the statement of one page and one resource more."""
        limit = self.arguments.bind(self.query.count + 1)
        keys = self._walkable_keys()
        ids = self._walked(keys, limit) if keys else self._sorted(limit)
        columns = ", ".join(f"p.k{n}" for n in range(len(self.order.keys)))
        inner = (
            f"SELECT r.*, {columns} FROM ({ids}) p JOIN fhir.resource r ON r.tenant_id = c.tenant AND r.rid = p.rid "
            f"ORDER BY {self.order.by('p')} LIMIT {limit}"
        )
        outer = ", ".join(f"x.k{n}" for n in range(len(self.order.keys)))
        return f"{fenced(f'{VERSION_COLUMNS}, {outer}', inner)} ORDER BY {self.order.by('x')}"

    def _walkable_keys(self) -> Keys | None:
        """Return the driver's keyed rows when they lie in the wanted order."""
        if self._chosen.driver is None or self.order.name not in {"low", "low+"} or len(self.query.resource_types) != 1:
            return None
        return self._sets.keys(self._chosen.driver)

    def _walked(self, keys: Keys, limit: str) -> str:
        """Read each value's rows in order and stop as soon as a page is full."""
        tests = [self._conditions.holds(clause, _ROW) for clause in self._chosen.others]
        if self.query.cursor is not None:
            tests.append(self.order.behind(self.query.cursor, self.arguments, ("d.low", "d.rid")))
        direction = " DESC" if self.order.keys[0].descending else ""
        found = (
            f"SELECT d.low, d.rid FROM fhir.{keys.table} d WHERE d.tenant_id = c.tenant AND d.param = {keys.parameter} "
            f"AND d.{KEYED[keys.table]} = h.hash{''.join(f' AND {test}' for test in tests)} "
            f"ORDER BY d.low{direction}, d.rid{direction} LIMIT {limit}"
        )
        return (
            f"SELECT DISTINCT w.low AS k0, w.rid AS k1, w.rid FROM unnest({keys.hashes}) h(hash) "
            f"CROSS JOIN LATERAL ({found}) w ORDER BY w.low{direction}, w.rid{direction} LIMIT {limit}"
        )

    def _sorted(self, limit: str) -> str:
        """Read the whole set, or walk a type, and sort."""
        behind = [self.order.behind(self.query.cursor, self.arguments)] if self.query.cursor is not None else []
        where = self._matches(behind)
        return f"SELECT b.rid, {self.order.columns()} FROM {where} ORDER BY {self.order.by('')} LIMIT {limit}"

    def _matches(self, more: Sequence[str] = ()) -> str:
        """Return FROM and WHERE of all resources that match, as ``b``."""
        chosen = self._chosen
        tests = ["b.tenant_id = c.tenant", "b.change <> 3", *self._of_types()]
        if chosen.driver is not None:
            tests.append(f"b.rid IN ({self._sets.rids(chosen.driver)})")
        for clause in chosen.others:
            if isinstance(clause, LastUpdatedClause):
                tests.append(self._conditions.updated(clause).replace("r.", "b."))
            else:
                tests.append(self._conditions.holds(clause, _RESOURCE))
        return f"fhir.resource b WHERE {' AND '.join([*tests, *more])}"

    def _of_types(self) -> list[str]:
        types = self.query.resource_types
        if len(types) == 1:
            return [f"b.type_id = {self._conditions.type_number(types[0])}"]
        if types:
            numbers = [type_numbers()[name] for name in types]
            return [f"b.type_id = ANY({self.arguments.bind(numbers, 'smallint[]')})"]
        return []

    def total(self) -> str:
        """Return the statement that counts all matches."""
        return fenced("x.n", f"SELECT count(*) AS n FROM {self._matches()}")

    def keys(self, limit: int) -> str:
        """Return the statement of up to *limit* keys."""
        bound = self.arguments.bind(limit)
        return fenced("x.type_id, x.fhir_id", f"SELECT b.type_id, b.fhir_id FROM {self._matches()} ORDER BY b.rid LIMIT {bound}")


async def page(fetch: Fetch, query: Query, indexing: Indexing) -> Page:
    """Return one page of a search; see :class:`fhir_api.store.port.Reader`."""
    total = await _total(fetch, query, indexing)
    if query.count == 0:
        return Page([], total=total)
    search = Search(query, indexing)
    rows = await fetch(search.page(), *search.arguments.values)
    shown = rows[: query.count]
    more = search.order.cursor(list(shown[-1])[6:]) if len(rows) > query.count else None
    matches = stored_versions(row[:6] for row in shown)
    included = await _included(fetch, matches, query, indexing)
    return Page(matches, more, total, included)


async def _included(
    fetch: Fetch, matches: Sequence[StoredVersion], query: Query, indexing: Indexing
) -> list[StoredVersion]:
    if not query.includes or not matches:
        return []
    return await includes.follow(fetch, indexing.encoder.hasher, matches, query.includes)


async def _total(fetch: Fetch, query: Query, indexing: Indexing) -> int | None:
    if query.total is Total.NONE and query.count > 0:
        return None
    search = Search(replace(query, cursor=None, sort=()), indexing)
    (row,) = await fetch(search.total(), *search.arguments.values)
    total: int = row[0]
    return total


async def matching_keys(
    fetch: Fetch, resource_type: str, clauses: Sequence[Clause], limit: int, indexing: Indexing
) -> list[ResourceKey]:
    """Return up to *limit* keys of current resources that match."""
    search = Search(Query((resource_type,), tuple(clauses)), indexing)
    rows = await fetch(search.keys(limit), *search.arguments.values)
    return [ResourceKey(type_names()[type_id], logical_id) for type_id, logical_id in rows]
