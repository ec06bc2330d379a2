"""What a search asks for, as SQL: which resources match, how many, and what is to be counted before a way is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.search.query import (
    ChainClause,
    Clause,
    HasClause,
    LastUpdatedClause,
    MissingClause,
    Parameter,
    Query,
    ValueClause,
)
from fhir_api.store.postgres.search import presence
from fhir_api.store.postgres.search.along import (
    Way,
    most_counted,
)
from fhir_api.store.postgres.search.beginning import Beginning
from fhir_api.store.postgres.search.changed import unchanged
from fhir_api.store.postgres.search.conditions import Candidate, Conditions
from fhir_api.store.postgres.search.drivers import Sets, choose, has_parts
from fhir_api.store.postgres.search.order import (
    LAST_UPDATED,
    MADE,
    Start,
    is_newest_first,
)
from fhir_api.store.postgres.search.places import inside
from fhir_api.store.postgres.search.pointed_at import Pointing
from fhir_api.store.postgres.search.rows import KEYED
from fhir_api.store.postgres.search.totals import Counting
from fhir_api.store.postgres.session import fenced
from fhir_api.store.postgres.statement import Arguments
from fhir_api.store.postgres.types import resource_numbers, type_numbers
from fhir_api.store.postgres.writes import Indexing

RESOURCE = Candidate("b.rid", "b.low", "b.id_hash")
ROW = Candidate("d.rid", "d.low", None)
DATED_ROW = Candidate("d.rid", "d.dated", None)
NUMBERED_ROW = Candidate(
    "d.rid", "(SELECT r.low FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.rid = d.rid)", None
)
"""The resource that is tested: itself, or by a row of an index table, with its primary date or without."""


_SEVERAL = 2
_RIVALS = frozenset({"token", "number", "quantity", "composite"})


class Matching:
    """The criteria of one search in one statement."""

    def __init__(
        self,
        query: Query,
        indexing: Indexing,
        *,
        driver: Clause | None = None,
        way: Way = Way.NEWEST_FIRST,
        pointing: Pointing = Pointing.READ,
        known: Clause | None = None,
        most: int | None = None,
    ) -> None:
        """Choose where to start, if it is not at *driver*, and how to follow a chain if it is one, or a ``_has``.

        The resources for which *known* holds, one of the criteria, are read into a set, for a walk along codes. Up to
        *most* rows of each value are walked.
        """
        self.query = query
        self.start = None if query.cursor is None else Start.read(query.cursor)
        self.arguments = Arguments()
        self._indexing = indexing
        self._definitions = indexing.definitions
        self._conditions = Conditions(self.arguments, indexing)
        self._sets = Sets(self._conditions, query.resource_types or tuple(type_numbers()))
        self._way = way
        self._pointing = pointing
        self._known = known
        self._most = most
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
    def pointing(self) -> HasClause | None:
        """The ``_has`` that it starts at, in no order that was asked for; None if it starts elsewhere."""
        driver = self._chosen.driver
        is_free = len(self.query.resource_types) == 1 and not self.query.sort
        return driver if is_free and isinstance(driver, HasClause) else None

    @property
    def has_one_way(self) -> bool:
        """Whether its statement does not depend on what is stored.

        Counting chooses the way of chains and ``_has``; a walk of so many rows may fill a page today and not tomorrow.
        """
        return self._most is None and not any(
            isinstance(clause, ChainClause | HasClause) for clause in self.query.clauses
        )

    @property
    def has_other_starts(self) -> bool:
        """Whether it could start at another clause."""
        return choose(self.query.clauses, without=self._chosen.driver).driver is not None

    def may_go_by_target(self, chain: ChainClause) -> bool:
        """Tell whether each resource has one target in *chain* at most, and so one place in an order by target."""
        return not chain.reference.is_canonical and self._definitions.is_single(chain.reference)

    def _presence(self, clause: Clause) -> str | None:
        """Return a SELECT of all resources for which *clause* holds, if it asks whether they have a parameter of R4."""
        if not isinstance(clause, MissingClause) or self.query.resource_types != (clause.parameter.resource_type,):
            return None
        return self._having(clause.parameter, missing=clause.missing)

    def _having(self, parameter: Parameter, *, missing: bool) -> str | None:
        """Return a SELECT of all resources of a type that have a parameter, or have not; None if it is not of R4."""
        number = self._indexing.present.number(parameter.resource_type, parameter.key)
        if number is None:
            return None
        of_type = self._conditions.type_number(parameter.resource_type)
        return presence.resources(of_type, self.arguments.bind(number, "integer"), missing=missing)

    def probe(self, chain: ChainClause, links: Sequence[int]) -> str:
        """Return the statement that counts, up to a bound, how many resources there are at the far end of *chain*.

        It tells as well what there is under *links*, see :func:`fhir_api.store.postgres.search.places.inside`.
        """
        most = self.arguments.bind(most_counted(chain))
        rows = f"SELECT FROM ({self._sets.far_end(chain, most)}) s LIMIT {most}"
        told = inside(links, self.arguments)
        return fenced("x.n, x.inside", f"SELECT count(*) AS n, {told} AS inside FROM ({rows}) f")

    def sources(self, clause: HasClause) -> str:
        """Return the statement that counts, up to a bound, how many resources *clause* starts from."""
        return fenced("x.n, x.about", f"{self._sets.counted(clause)} OFFSET 0")

    @property
    def first(self) -> Clause:
        """The criterion that it starts at, where it has rivals."""
        if self._chosen.driver is None:
            raise TypeError("the search starts at no criterion")
        return self._chosen.driver

    @property
    def rivals(self) -> list[Clause]:
        """Criteria beside a code that it could start at as well, for the same order; the rarest has to be counted."""
        driver, types = self._chosen.driver, self.query.resource_types
        if len(types) != 1 or not isinstance(driver, ValueClause) or driver.parameter.type != "token":
            return []
        sort = self.query.sort
        if driver.parameter.is_identifier or (sort and not is_newest_first(sort, self._definitions)):
            return []
        others = (each for each in self._chosen.others if isinstance(each, ValueClause) and each.modifier != "not")
        return [each for each in others if each.parameter.type in _RIVALS]

    def counts(self, clauses: Sequence[Clause], most: int) -> str:
        """Return the statement that counts the rows of each of *clauses*, up to *most*."""
        counts = (
            f"(SELECT count(*) FROM (SELECT FROM ({self._sets.rids(each)}) s LIMIT {most}) f)" for each in clauses
        )
        columns = ", ".join(f"{count} AS n{number}" for number, count in enumerate(counts))
        return fenced(", ".join(f"x.n{number}" for number in range(len(clauses))), f"SELECT {columns} OFFSET 0")

    def _holds(self, clause: Clause, candidate: Candidate) -> str:
        """Return the condition that *clause* holds for *candidate*, by the set of its resources if that is read."""
        if clause is self._known:
            # IS TRUE keeps PostgreSQL from making a join of it
            return f"({candidate.rid} IN ({self._sets.rids(clause)} OFFSET 0)) IS TRUE"
        return self._conditions.holds(clause, candidate)

    def _tests(self, candidate: Candidate) -> list[str]:
        return [*self._held(candidate), *self._behind_row(candidate)]

    def _held(self, candidate: Candidate) -> list[str]:
        """Return the conditions that a row ``d`` matches, and is of what was there when the walk began."""
        tests = self._all_hold(candidate)
        return tests if self.start is None else [*tests, unchanged("d.rid", self._beginning(), self.arguments)]

    def _all_hold(self, candidate: Candidate) -> list[str]:
        """Return the conditions that all criteria but the driver hold for *candidate*."""
        dates = [each for each in self._chosen.others if isinstance(each, ValueClause) and self._is_primary(each)]
        if len(dates) < _SEVERAL or len({each.parameter.key for each in dates}) > 1:
            return [self._holds(each, candidate) for each in self._chosen.others]
        tests = [self._holds(each, candidate) for each in self._chosen.others if each not in dates]
        return [*tests, self._conditions.primary_dates_hold(dates, candidate)]

    def _is_primary(self, clause: ValueClause) -> bool:
        parameter = clause.parameter
        return parameter.type == "date" and self._definitions.primary_date(parameter.resource_type) == parameter

    def _behind_row(self, candidate: Candidate) -> list[str]:
        """Return the condition that a row ``d`` lies on this page or behind."""
        if self.start is None:
            return []
        columns = ("d.low", "d.rid") if candidate is ROW else tuple(key.expression for key in self.order.keys)
        return [self.order.behind(self.start, self.arguments, columns)]

    def _bounds(self, low: str) -> list[str]:
        """Return bounds of *low*, the primary date of a row ``d``, that follow from clauses on the primary date."""
        bounds: list[str] = []
        for clause in self._chosen.others:
            if isinstance(clause, ValueClause) and self._is_primary(clause):
                bounds += self._conditions.finder.bounds(clause, low)
        return bounds

    def _behind(self) -> list[str]:
        """Return the conditions that ``b`` lies on this page or behind, and is where it was when the walk began."""
        if self.start is None:
            return []
        behind = self.order.behind(self.start, self.arguments)
        return [behind, self._beginning().saw("b.marker", self.arguments)] if self.order.moves else [behind]

    def _candidates(self, without: Clause) -> str:
        """Return FROM and WHERE of what may match and does not lie before this page, ``b``, but for one clause."""
        tests = ["b.tenant_id = c.tenant", "b.change <> 3", *self._of_types(walks=True)]
        tests += [self._test(clause) for clause in self._chosen.others if clause is not without]
        return f"fhir.resource b WHERE {' AND '.join([*tests, *self._behind()])}"

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
        return self._conditions.holds(clause, RESOURCE)

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
            return self._numbers(types[0])
        if types:
            numbers = [type_numbers()[name] for name in types]
            return [f"b.type_id = ANY({self.arguments.bind(numbers, 'smallint[]')})"]
        return []

    def _numbers(self, resource_type: str) -> list[str]:
        """Return the conditions that ``b`` has a number of a type: a range of the key."""
        first, behind = (self.arguments.bind(number) for number in resource_numbers(type_numbers()[resource_type]))
        return [f"b.rid >= {first}", f"b.rid < {behind}"]

    def total(self) -> Counting:
        """Return what counts all matches: index rows alone where they tell, else resources."""
        self._conditions.meets_all = True
        driver = self._chosen.driver
        is_keyed = driver is not None and len(self.query.resource_types) == 1 and not has_parts(driver)
        keys = self._sets.keys(driver) if driver is not None and is_keyed else None
        if not self.query.clauses and len(self.query.resource_types) == 1:
            return Counting(presence.all_of(self._conditions.type_number(self.query.resource_types[0])))
        if driver is None and len(self._chosen.others) == 1:
            present = self._presence(self._chosen.others[0])
            if present is not None:
                return Counting(present)
        if driver is None or keys is None:
            rows = self._sets.rids(driver) if driver is not None and self._is_told_by_rows(driver) else None
            return Counting(rows, "true") if rows else Counting(f"SELECT b.rid FROM {self._matches()}")
        tests = "".join(f" AND {test}" for test in self._tests(ROW))
        # what is deleted has no rows; a resource has one row for each value
        rows = f"SELECT d.rid FROM fhir.{keys.table} d WHERE d.tenant_id = c.tenant AND d.param = {keys.parameter}"
        column = KEYED[keys.table]
        if keys.is_one:
            return Counting(f"{rows} AND d.{column} = {keys.hashes}{tests}")
        values = f"(SELECT DISTINCT unnest({keys.hashes})) h(hash) CROSS JOIN LATERAL"
        of_value = f"{rows} AND d.{column} = h.hash{tests}"
        each = f"SELECT w.rid FROM {values} ({of_value} OFFSET 0) w"
        number = f"SELECT coalesce(sum(w.n), 0)::bigint AS n FROM {values} (SELECT count(*) AS n FROM ({of_value}) f) w"
        known = f"coalesce(${len(self.arguments.values) + 2}::bigint[], {keys.hashes})"
        among = f"{rows} AND d.{column} = ANY({known}){tests}"
        return Counting(each, None if self._has_one_row(driver) else keys.has_several(), keys.hashes, among, number)

    def _is_told_by_rows(self, driver: Clause) -> bool:
        """Tell whether the resources with rows of *driver* are all that match."""
        return isinstance(driver, ValueClause) and len(self.query.resource_types) == 1 and not self._chosen.others

    def _has_one_row(self, driver: Clause) -> bool:
        """Tell whether no resource has two rows under the parameter of *driver*, as under a status."""
        if not isinstance(driver, ValueClause) or driver.modifier is not None:
            return False
        parameter = driver.parameter
        # one concept may have several codes
        is_code = parameter.type == "token" and not {*parameter.element_types} & {"CodeableConcept"}
        return is_code and not parameter.is_identifier and self._definitions.is_single(parameter)

    def keys(self, limit: int) -> str:
        """Return the statement of up to *limit* keys."""
        bound = self.arguments.bind(limit)
        return fenced(
            "x.type_id, x.fhir_id", f"SELECT b.type_id, b.fhir_id FROM {self._matches()} ORDER BY b.rid LIMIT {bound}"
        )
