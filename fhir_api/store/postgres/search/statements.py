"""One search as SQL: the statement of its page, and of what is asked before.

Ids are put in order and limited first, bodies are fetched last.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from fhir_api.model.dates import EARLIEST
from fhir_api.search.query import ChainClause, Clause, HasClause, MissingClause, Parameter, ValueClause
from fhir_api.store.postgres.reads import VERSION_COLUMNS
from fhir_api.store.postgres.search import presence
from fhir_api.store.postgres.search.along import (
    BY_TARGETS,
    Way,
    by_target,
    numbered,
    walk_by_target,
)
from fhir_api.store.postgres.search.beginning import NOW, Beginning
from fhir_api.store.postgres.search.changed import changed, places, unchanged
from fhir_api.store.postgres.search.former import Values
from fhir_api.store.postgres.search.matching import DATED_ROW, NUMBERED_ROW, RESOURCE, ROW, Matching
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
from fhir_api.store.postgres.search.pointed_at import Targets
from fhir_api.store.postgres.search.rows import DATED, Ranges
from fhir_api.store.postgres.search.sorted_walks import Along, along, behind, is_in_rest, lies_sorted
from fhir_api.store.postgres.search.sorted_walks import walk as walk_sorted
from fhir_api.store.postgres.search.walks import (
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
from fhir_api.store.postgres.types import type_numbers

MOST_TARGETS = 2000
"""Up to so many pairs of parameter and target are walked each by itself."""

_CURRENT = "r.type_id, r.fhir_id, r.version, r.last_updated, r.change, r.body"
_VERSION_WIDTH = 6


class Search(Matching):
    """One search on its way to SQL."""

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
        if self._way in BY_TARGETS.values():
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
        if self.pointing is not None:
            return self._pointed_at(self.pointing, limit)
        if self._way in BY_TARGETS.values() and isinstance(driver, ChainClause):
            return self._by_target(driver, limit)
        pointing = None if sort else self._walk_targets(driver, limit)
        if pointing is not None:
            return pointing
        if driver is not None and len(self.query.resource_types) == 1 and (not sort or primary):
            keys = self._sets.keys(driver)
            if keys is not None:
                self.order = NEWEST_FIRST
                within = [*self._bounds("d.low"), *self._behind_row(ROW)]
                return walk_keys(keys, within, self._held(ROW), limit, self._most)
            if not sort and isinstance(driver, ValueClause) and is_walkable(driver):
                return self._walk_ranges(driver, limit)
            dated = self._walk_dated(driver, limit)
            if dated is not None:
                return dated
        along_sorted = self._along_sorted(limit, primary=primary)
        if along_sorted is not None:
            return along_sorted
        self.order = self._sorting(self.arguments, primary=primary)
        # a key leads through all types in the order in which they were made, but not in that of updates
        if driver is None and len(self.query.resource_types) != 1 and self.order in WALKS_OF_TYPES:
            names = self.query.resource_types or (() if self.order is MADE else tuple(type_numbers()))
            if names:
                return self._walk_types(names, limit)
        if driver is None and self.order is self._walked:
            return self._by_presence(limit) or self._sorted(limit)
        return self._sorted(limit)

    def _by_presence(self, limit: str) -> str | None:
        """Return a walk of what has a parameter, or has not; None if none of the clauses asks for that."""
        for clause in self._chosen.others:
            found = self._presence(clause)
            if found is not None:
                return presence.walk(found, self._candidates(clause), self._test(clause), self.order, limit)
        return None

    def _along_sorted(self, limit: str, *, primary: bool) -> str | None:
        """Return a walk along the rows of the parameter that is sorted by; None if they do not lie in that order."""
        sort, types = self.query.sort, self.query.resource_types
        if len(sort) != 1 or len(types) != 1:
            return None
        parameter = next((each for each in sort[0].parameters if each.resource_type == types[0]), None)
        if parameter is None or self._indexing.present.number(types[0], parameter.key) is None:
            return None
        is_primary = self._definitions.primary_date(types[0]) == parameter
        if not lies_sorted(parameter, falls=sort[0].descending, primary=is_primary):
            return None
        # without a driver none of the order's expressions is in the statement, nor may their arguments be
        arguments = self.arguments if self._chosen.driver is not None else Arguments()
        self.order = self._sorting(arguments, primary=primary)
        single = self._definitions.is_single(parameter)
        rows = along(parameter, self.order, self.arguments, primary=is_primary, single=single)
        candidate = ROW if is_primary else NUMBERED_ROW
        tests = [self._conditions.holds(clause, candidate) for clause in self.query.clauses]
        if self.start is not None:
            tests.append(behind(rows, self.order, self.start, self.arguments))
            tests.append(unchanged("d.rid", self._beginning(), self.arguments))
        return walk_sorted(rows, self.order, tests, self._rest(parameter, rows, limit), self._few(), limit)

    def _rest(self, parameter: Parameter, rows: Along, limit: str) -> str:
        """Return a SELECT of what has no value of *parameter*, in the order of numbers."""
        found = self._having(parameter, missing=True)
        if found is None:
            raise TypeError(f"{parameter.code} has no bit")
        if rows.undated:
            found, test = f"{found} UNION ALL {rows.undated}", f"b.low = {EARLIEST}"
        else:
            test = self._test(MissingClause(parameter, missing=True))
        tests = ["b.tenant_id = c.tenant", "b.change <> 3", *self._numbers(parameter.resource_type)]
        tests += [self._test(clause) for clause in self.query.clauses]
        order = Order("", self.order.keys[-1:])
        if self.start is not None:
            tests.append(self._beginning().saw("b.marker", self.arguments))
            if is_in_rest(rows, self.start):
                number = self.arguments.bind(self.start.values[-1])
                tests.append(f"b.rid {'<' if order.keys[0].descending else '>'} {number}")
        return presence.walk(found, f"fhir.resource b WHERE {' AND '.join(tests)}", test, order, limit)

    def _few(self) -> tuple[str, str] | None:
        """Return a SELECT of all that the driver leaves, and FROM and WHERE of these; None if there is no driver."""
        driver = self._chosen.driver
        if driver is None:
            return None
        found = self._sets.rids(driver)
        each = f"SELECT b.* FROM {self._candidates(driver)} AND b.rid = s.rid OFFSET 0"
        all_found = f"(SELECT DISTINCT s.rid FROM ({found}) s (rid) WHERE {{gate}} OFFSET 0) s"
        return found, f"{all_found} CROSS JOIN LATERAL ({each}) b"

    def _by_target(self, chain: ChainClause, limit: str) -> str:
        self.order = by_target(chain.reference, self._way)
        tests, bound = [self._conditions.holds(clause, ROW) for clause in self._chosen.others], ""
        if self.start is not None:
            tests.append(self.order.behind(self.start, self.arguments, ("t.rid", "d.low", "d.rid")))
            tests.append(unchanged("d.rid", self._beginning(), self.arguments))
            bound = f" AND s.rid <= {self.arguments.bind(self.start.values[0])}"
        key, _ = self._conditions.finder.place(chain.reference)
        found = self._sets.tested_targets if self._way is Way.BY_TESTED_TARGET else self._sets.targets
        return walk_by_target(key, found(chain, bound), tests, limit)

    def _pointed_at(self, driver: HasClause, limit: str) -> str:
        self.order = self._walked

        def known() -> str:
            if driver.reference.is_canonical:
                return self._test(driver)
            return self._sets.is_pointed_at(driver, RESOURCE)

        targets = Targets(self._candidates(driver), known, lambda: self._test(driver), self.order, limit)
        return targets.walk(lambda: self._sets.sources(driver), self._pointing)

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
        tests = self._tests(ROW)
        return walk_targets(bind(parameters, "integer[]"), bind(hashes, "bigint[]"), tests, limit)

    def _walk_dated(self, driver: Clause, limit: str) -> str | None:
        """Return a walk along rows of numbers and composites; None if *driver* has none that know the primary date."""
        if not isinstance(driver, ValueClause) or driver.parameter.type not in DATED:
            return None
        rows = self._conditions.finder.rows(driver)
        if not isinstance(rows, Ranges) or not rows.arms:
            raise TypeError(f"{driver.parameter.type} rows are keyed")
        self.order = NEWEST_FIRST
        bounds, tests = self._bounds("d.dated"), self._all_hold(DATED_ROW)
        if self.start is not None:
            bounds.append(self.order.behind(self.start, self.arguments, ("d.dated", "d.rid")))
            tests.append(unchanged("d.rid", self._beginning(), self.arguments))
        return walk_dated(rows, bounds, tests, limit)

    def _walk_ranges(self, driver: ValueClause, limit: str) -> str:
        rows = self._conditions.finder.rows(driver)
        if not isinstance(rows, Ranges):
            raise TypeError(f"{driver.parameter.type} rows lie in no order of their own")
        self.order = range_order(rows, driver)
        single = self._definitions.is_single(driver.parameter) and not driver.later
        return walk_ranges(rows, self.order, self._tests(NUMBERED_ROW), limit, single=single)

    def _sorting(self, arguments: Arguments, *, primary: bool) -> Order:
        sort = self.query.sort
        if not sort:
            if self._chosen.driver is not None:
                return NEWEST_FIRST
            return self._walked
        if primary:
            return NEWEST_FIRST
        if len(sort) == 1 and sort[0].code == "_lastUpdated":
            return LAST_UPDATED if sort[0].descending else FIRST_UPDATED
        return sorted_by(sort, arguments, self._definitions)

    def _sorted(self, limit: str) -> str:
        """Read the whole set, or walk a type, and sort."""
        where = self._matches(self._behind())
        return f"SELECT b.rid, {self.order.columns()} FROM {where} ORDER BY {self.order.by('')} LIMIT {limit}"
