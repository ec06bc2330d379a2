"""One search as SQL: the statement of its page, and of what is asked before.

Ids are put in order and limited first, bodies are fetched last.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.search.query import ChainClause, Clause, HasClause, LastUpdatedClause, Query, ValueClause
from fhir_api.store.postgres.reads import VERSION_COLUMNS
from fhir_api.store.postgres.search.along import (
    Way,
    by_target,
    most_counted,
    numbered,
    walk_by_target,
    walk_pointed_at,
)
from fhir_api.store.postgres.search.beginning import NOW, Beginning
from fhir_api.store.postgres.search.changed import changed, places, unchanged
from fhir_api.store.postgres.search.conditions import Candidate, Conditions
from fhir_api.store.postgres.search.drivers import Sets, choose
from fhir_api.store.postgres.search.former import Values
from fhir_api.store.postgres.search.order import (
    FIRST_UPDATED,
    LAST_UPDATED,
    MADE,
    NEWEST_FIRST,
    Order,
    Start,
    is_newest_first,
    sorted_by,
)
from fhir_api.store.postgres.search.places import inside
from fhir_api.store.postgres.search.rows import DATED, KEYED, Ranges
from fhir_api.store.postgres.search.totals import Counting
from fhir_api.store.postgres.search.walks import (
    MANY,
    WALKS_OF_TYPES,
    is_walkable,
    range_order,
    same_targets,
    walk_dated,
    walk_keys,
    walk_ranges,
    walk_targets,
    walk_types,
)
from fhir_api.store.postgres.session import Fetch, fenced
from fhir_api.store.postgres.statement import Arguments
from fhir_api.store.postgres.types import resource_numbers, type_numbers
from fhir_api.store.postgres.writes import Indexing

MOST_TARGETS = 2000
"""Up to so many pairs of parameter and target are walked each by itself."""

_CURRENT = "r.type_id, r.fhir_id, r.version, r.last_updated, r.change, r.body"
_VERSION_WIDTH = 6
_RESOURCE = Candidate("b.rid", "b.low", "b.id_hash")
_ROW = Candidate("d.rid", "d.low", None)
_DATED = Candidate("d.rid", "d.dated", None)
_NUMBER = Candidate("d.rid", "(SELECT r.low FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.rid = d.rid)", None)


class Search:
    """One search on its way to SQL."""

    def __init__(
        self, query: Query, indexing: Indexing, *, driver: Clause | None = None, way: Way = Way.NEWEST_FIRST
    ) -> None:
        """Choose where to start, if it is not at *driver*, and how to follow a chain if it is one."""
        self.query = query
        self.start = None if query.cursor is None else Start.read(query.cursor)
        self.arguments = Arguments()
        self._indexing = indexing
        self._definitions = indexing.definitions
        self._conditions = Conditions(self.arguments, indexing)
        self._sets = Sets(self._conditions, query.resource_types or tuple(type_numbers()))
        self._way = way
        self._chosen = choose(query.clauses, driver)
        if way is Way.TESTED:
            self._chosen = choose(query.clauses, without=self._chosen.driver)
        # what was changed at some time lies together in the order of changes
        self._walked = LAST_UPDATED if any(isinstance(one, LastUpdatedClause) for one in query.clauses) else MADE
        self.order = self._walked

    @property
    def chain(self) -> ChainClause | None:
        """The chain whose targets it starts at, in no order that was asked for; None if it starts elsewhere."""
        driver = self._chosen.driver
        is_free = len(self.query.resource_types) == 1 and not self.query.sort
        return driver if is_free and isinstance(driver, ChainClause) else None

    @property
    def has_other_starts(self) -> bool:
        """Whether it could start at another clause."""
        return choose(self.query.clauses, without=self._chosen.driver).driver is not None

    def may_go_by_target(self, chain: ChainClause) -> bool:
        """Tell whether each resource has one target in *chain* at most, and so one place in an order by target."""
        return not chain.reference.is_canonical and self._definitions.is_single(chain.reference)

    def probe(self, chain: ChainClause, links: Sequence[int]) -> str:
        """Return the statement that counts, up to a bound, how many resources there are at the far end of *chain*.

        It tells as well what there is under *links*, see :func:`fhir_api.store.postgres.search.places.inside`.
        """
        most = self.arguments.bind(most_counted(chain))
        rows = f"SELECT FROM ({self._sets.far_end(chain, most)}) s LIMIT {most}"
        told = inside(links, self.arguments)
        return fenced("x.n, x.inside", f"SELECT count(*) AS n, {told} AS inside FROM ({rows}) f")

    def rival(self) -> Clause | None:
        """Return a clause on numbers beside codes that it starts at; which is rarer has to be counted."""
        driver = self._chosen.driver
        if not isinstance(driver, ValueClause) or driver.parameter.type != "token" or driver.parameter.is_identifier:
            return None
        others = (each for each in self._chosen.others if isinstance(each, ValueClause))
        return next((each for each in others if each.parameter.type in {"number", "quantity"}), None)

    def count_of(self, clause: Clause) -> str:
        """Return the statement that counts the rows of *clause*, up to ``MANY``."""
        return fenced("x.n", f"SELECT count(*) AS n FROM (SELECT FROM ({self._sets.rids(clause)}) s LIMIT {MANY}) f")

    def page(self, links: Sequence[int] = ()) -> str:
        """Return the statement of one page and one resource more; ``order`` is the page's from then on.

        Each row tells as well what there is under *links*, see :func:`fhir_api.store.postgres.search.places.inside`.
        """
        limit = self.arguments.bind(self.query.count + 1)
        ids = self._ids(limit)
        keys = [f"k{n}" for n in range(len(self.order.keys))]
        told = [f"{inside(links, self.arguments)} AS inside"] if links else []
        columns = [*(f"p.{key}" for key in keys), *told]
        shown = ", ".join([VERSION_COLUMNS, *(f"x.{key}" for key in keys), *("x.inside" for _ in told)])
        inner = (
            f"SELECT {_CURRENT}, {', '.join(columns)}{{more}} FROM ({ids}) p "
            "JOIN fhir.resource r ON r.tenant_id = c.tenant AND r.rid = p.rid "
            f"ORDER BY {self.order.by('p')} LIMIT {limit}"
        )
        ordered = f" ORDER BY {self.order.by('x')}"
        if not self.order.moves:
            return fenced(shown, inner.format(more="")) + ordered
        if self.start is None:
            return fenced(f"{shown}, {NOW} AS beginning", inner.format(more="")) + ordered
        main = inner.format(more=", NULL::bigint AS former_updated, NULL::bytea AS former_body")
        both = f"({main}) UNION ALL ({self._changed(self.start, limit, told)}) OFFSET 0"
        return fenced(f"{shown}, x.former_updated, x.former_body", both)

    def _changed(self, start: Start, limit: str, more: Sequence[str]) -> str:
        tests = [self._test(clause) for clause in self.query.clauses]
        if self.query.resource_types:
            numbers = [type_numbers()[name] for name in self.query.resource_types]
            tests.append(f"b.type_id = ANY({self.arguments.bind(numbers, 'smallint[]')})")
        return changed(self.order, start, self._beginning(), self.arguments, tests, limit, more)

    async def placed(self, fetch: Fetch, rows: Sequence[asyncpg.Record]) -> list[tuple[Values, asyncpg.Record]]:
        """Return the rows of the page, and perhaps more, each with its place, in order."""
        if self.start is None or not self.order.moves:
            behind = _VERSION_WIDTH + len(self.order.keys)
            return [(tuple(row)[_VERSION_WIDTH:behind], row) for row in rows]
        former = await places(rows, _VERSION_WIDTH, self.order, self._indexing)
        if self._way is Way.BY_TARGET:
            former = await numbered(fetch, former, self._indexing.encoder.hasher)
        found = zip(former, rows, strict=True)
        return self.order.following(((place, row) for place, row in found if place is not None), self.start)

    def began(self, rows: Sequence[asyncpg.Record]) -> Beginning | None:
        """Return when the walk began that the page with *rows* is of; None in an order in which nothing moves."""
        if not self.order.moves or not rows:
            return None
        return Beginning.of(rows[0]["beginning"]) if self.start is None else self.start.beginning

    def _ids(self, limit: str) -> str:
        """Return the SELECT of a page's resources: a walk along index rows where one gives the order."""
        driver, sort = self._chosen.driver, self.query.sort
        primary = is_newest_first(sort, self._definitions)
        if isinstance(driver, HasClause) and len(self.query.resource_types) == 1 and not sort:
            return self._pointed_at(driver, limit)
        if self._way is Way.BY_TARGET and isinstance(driver, ChainClause):
            return self._by_target(driver, limit)
        pointing = None if sort else self._walk_targets(driver, limit)
        if pointing is not None:
            return pointing
        if driver is not None and len(self.query.resource_types) == 1 and (not sort or primary):
            keys = self._sets.keys(driver)
            if keys is not None:
                self.order = NEWEST_FIRST
                return walk_keys(keys, [*self._tests(_ROW), *self._bounds("d.low")], limit)
            if not sort and isinstance(driver, ValueClause) and is_walkable(driver):
                return self._walk_ranges(driver, limit)
            dated = self._walk_dated(driver, limit)
            if dated is not None:
                return dated
        self.order = self._sorting(primary=primary)
        # a key leads through all types in the order in which they were made, but not in that of updates
        if driver is None and len(self.query.resource_types) != 1 and self.order in WALKS_OF_TYPES:
            names = self.query.resource_types or (() if self.order is MADE else tuple(type_numbers()))
            if names:
                return self._walk_types(names, limit)
        return self._sorted(limit)

    def _by_target(self, chain: ChainClause, limit: str) -> str:
        self.order = by_target(chain.reference)
        tests, bound = [self._conditions.holds(clause, _ROW) for clause in self._chosen.others], "true"
        if self.start is not None:
            tests.append(self.order.behind(self.start, self.arguments, ("t.rid", "d.low", "d.rid")))
            tests.append(unchanged("d.rid", self._beginning(), self.arguments))
            bound = f"s.rid <= {self.arguments.bind(self.start.values[0])}"
        key = self.arguments.bind(chain.reference.key, "integer")
        return walk_by_target(key, self._sets.targets(chain), bound, tests, limit)

    def _pointed_at(self, driver: HasClause, limit: str) -> str:
        self.order = self._walked
        tests = ["b.tenant_id = c.tenant", "b.change <> 3", *self._of_types(walks=True)]
        tests += [*(self._test(clause) for clause in self._chosen.others), *self._behind()]
        candidates = f"fhir.resource b WHERE {' AND '.join(tests)}"
        known = self._test(driver) if driver.reference.is_canonical else self._sets.is_pointed_at(driver, _RESOURCE)
        return walk_pointed_at(
            self._sets.sources(driver),
            self._sets.rids(driver),
            candidates,
            known,
            self._test(driver),
            self.order,
            limit,
        )

    def _walk_types(self, names: Sequence[str], limit: str) -> str:
        numbers = self.arguments.bind([type_numbers()[name] for name in names], "smallint[]")
        tests = [*self._behind(), *(self._test(clause) for clause in self._chosen.others)]
        return walk_types(numbers, self.order, tests, limit)

    def _walk_targets(self, driver: Clause | None, limit: str) -> str | None:
        """Return a walk along all references to the same few targets, as those of a compartment; None if it is none."""
        found = same_targets(driver, self.query.resource_types)
        if found is None:
            return None
        parameters, values = found
        hashes = self._conditions.finder.references.hashes(values)
        if len(parameters) * len(hashes) > MOST_TARGETS:
            return None
        self.order = NEWEST_FIRST
        bind = self.arguments.bind
        tests = self._tests(_ROW)
        return walk_targets(bind(parameters, "integer[]"), bind(hashes, "bigint[]"), tests, limit)

    def _walk_dated(self, driver: Clause, limit: str) -> str | None:
        """Return a walk along rows of numbers and composites; None if *driver* has none that know the primary date."""
        if not isinstance(driver, ValueClause) or driver.parameter.type not in DATED:
            return None
        rows = self._conditions.finder.rows(driver)
        if not isinstance(rows, Ranges) or not rows.arms:
            raise TypeError(f"{driver.parameter.type} rows are keyed")
        self.order = NEWEST_FIRST
        bounds, tests = self._bounds("d.dated"), [self._conditions.holds(each, _DATED) for each in self._chosen.others]
        if self.start is not None:
            bounds.append(self.order.behind(self.start, self.arguments, ("d.dated", "d.rid")))
            tests.append(unchanged("d.rid", self._beginning(), self.arguments))
        return walk_dated(rows, bounds, tests, limit)

    def _walk_ranges(self, driver: ValueClause, limit: str) -> str:
        rows = self._conditions.finder.rows(driver)
        if not isinstance(rows, Ranges):
            raise TypeError(f"{driver.parameter.type} rows lie in no order of their own")
        self.order = range_order(rows, driver)
        single = self._definitions.is_single(driver.parameter)
        return walk_ranges(rows, self.order, self._tests(_NUMBER), limit, single=single)

    def _sorting(self, *, primary: bool) -> Order:
        sort = self.query.sort
        if not sort:
            if self._chosen.driver is not None:
                return NEWEST_FIRST
            return self._walked
        if primary:
            return NEWEST_FIRST
        if len(sort) == 1 and sort[0].code == "_lastUpdated":
            return LAST_UPDATED if sort[0].descending else FIRST_UPDATED
        return sorted_by(sort, self.arguments, self._definitions)

    def _tests(self, candidate: Candidate) -> list[str]:
        tests = [self._conditions.holds(clause, candidate) for clause in self._chosen.others]
        if self.start is not None:
            columns = ("d.low", "d.rid") if candidate is _ROW else tuple(key.expression for key in self.order.keys)
            tests.append(self.order.behind(self.start, self.arguments, columns))
            tests.append(unchanged("d.rid", self._beginning(), self.arguments))
        return tests

    def _bounds(self, low: str) -> list[str]:
        """Return bounds of *low*, the primary date of a row ``d``, that follow from clauses on the primary date."""
        bounds: list[str] = []
        for clause in self._chosen.others:
            if isinstance(clause, ValueClause) and clause.parameter.type == "date":
                primary = self._definitions.primary_date(clause.parameter.resource_type)
                if clause.parameter == primary:
                    bounds += self._conditions.finder.bounds(clause, low)
        return bounds

    def _sorted(self, limit: str) -> str:
        """Read the whole set, or walk a type, and sort."""
        where = self._matches(self._behind())
        return f"SELECT b.rid, {self.order.columns()} FROM {where} ORDER BY {self.order.by('')} LIMIT {limit}"

    def _behind(self) -> list[str]:
        """Return the conditions that ``b`` lies on this page or behind, and is where it was when the walk began."""
        if self.start is None:
            return []
        behind = self.order.behind(self.start, self.arguments)
        return [behind, self._beginning().saw("b.marker", self.arguments)] if self.order.moves else [behind]

    def _matches(self, more: Sequence[str] = ()) -> str:
        """Return FROM and WHERE of all resources that match, as ``b``."""
        chosen = self._chosen
        tests = ["b.tenant_id = c.tenant", "b.change <> 3", *self._of_types()]
        if chosen.driver is not None:
            # read as a whole: else the planner may ask for each resource of the type whether it has such a row
            tests.append(f"b.rid IN (SELECT s.rid FROM ({self._sets.rids(chosen.driver)}) s (rid) OFFSET 0)")
        tests += [self._test(clause) for clause in chosen.others]
        return f"fhir.resource b WHERE {' AND '.join([*tests, *more])}"

    def _test(self, clause: Clause) -> str:
        """Return the condition that *clause* holds for ``b``."""
        if isinstance(clause, LastUpdatedClause):
            return self._conditions.updated(clause, "b")
        return self._conditions.holds(clause, _RESOURCE)

    def _beginning(self) -> Beginning:
        """Return when the walk began that this page is of.

        Raises:
            FhirError: MALFORMED when the cursor belongs to a search in another order.
        """
        if self.start is None or self.start.beginning is None:
            raise refuse(ErrorKind.MALFORMED, "The page link does not belong to this search.")
        return self.start.beginning

    def _of_types(self, *, walks: bool = False) -> list[str]:
        types = self.query.resource_types
        if len(types) == 1:
            if (self._chosen.driver is not None and not walks) or self.order is not MADE:
                return [f"b.type_id = {self._conditions.type_number(types[0])}"]
            first, behind = (self.arguments.bind(number) for number in resource_numbers(type_numbers()[types[0]]))
            return [f"b.rid >= {first}", f"b.rid < {behind}"]
        if types:
            numbers = [type_numbers()[name] for name in types]
            return [f"b.type_id = ANY({self.arguments.bind(numbers, 'smallint[]')})"]
        return []

    def total(self) -> Counting:
        """Return what counts all matches: index rows alone where they tell, else resources."""
        driver = self._chosen.driver
        keys = self._sets.keys(driver) if driver is not None and len(self.query.resource_types) == 1 else None
        if driver is None or keys is None:
            rows = self._sets.rids(driver) if driver is not None and self._is_told_by_rows(driver) else None
            return Counting(rows, "true") if rows else Counting(f"SELECT b.rid FROM {self._matches()}")
        tests = "".join(f" AND {test}" for test in self._tests(_ROW))
        # what is deleted has no rows; a resource has one row for each value
        rows = f"SELECT d.rid FROM fhir.{keys.table} d WHERE d.tenant_id = c.tenant AND d.param = {keys.parameter}"
        column = KEYED[keys.table]
        if keys.is_one:
            return Counting(f"{rows} AND d.{column} = {keys.hashes}{tests}")
        each = (
            f"SELECT w.rid FROM (SELECT DISTINCT unnest({keys.hashes})) h(hash) "
            f"CROSS JOIN LATERAL ({rows} AND d.{column} = h.hash{tests} OFFSET 0) w"
        )
        known = f"coalesce(${len(self.arguments.values) + 2}::bigint[], {keys.hashes})"
        among = f"{rows} AND d.{column} = ANY({known}){tests}"
        return Counting(each, None if self._has_one_row(driver) else keys.has_several(), keys.hashes, among)

    def _is_told_by_rows(self, driver: Clause) -> bool:
        """Tell whether the resources with rows of *driver* are all that match."""
        return isinstance(driver, ValueClause) and len(self.query.resource_types) == 1 and not self._chosen.others

    def _has_one_row(self, driver: Clause) -> bool:
        """Tell whether no resource has two rows under the parameter of *driver*, as under a status."""
        if not isinstance(driver, ValueClause) or driver.modifier is not None:
            return False
        parameter = driver.parameter
        return parameter.type == "token" and not parameter.is_identifier and self._definitions.is_single(parameter)

    def keys(self, limit: int) -> str:
        """Return the statement of up to *limit* keys."""
        bound = self.arguments.bind(limit)
        return fenced(
            "x.type_id, x.fhir_id", f"SELECT b.type_id, b.fhir_id FROM {self._matches()} ORDER BY b.rid LIMIT {bound}"
        )
