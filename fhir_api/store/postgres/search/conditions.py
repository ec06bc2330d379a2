"""Clauses as conditions on one resource."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fhir_api.model.keys import ResourceKey
from fhir_api.search.entries import CANONICAL
from fhir_api.search.query import (
    AllClause,
    AnyClause,
    ChainClause,
    Clause,
    DateValue,
    HasClause,
    IdClause,
    LastUpdatedClause,
    MissingClause,
    NotClause,
    Parameter,
    Prefix,
    PrimaryDateClause,
    TypeClause,
    ValueClause,
    VisibleClause,
)
from fhir_api.store.postgres.own import PRESENCE
from fhir_api.store.postgres.search.presence import has_bit
from fhir_api.store.postgres.search.rows import Keys, RowFinder
from fhir_api.store.postgres.statement import Arguments
from fhir_api.store.postgres.types import resource_numbers, type_numbers
from fhir_api.store.postgres.writes import Indexing

PROBED = "OFFSET 0"
"""Ends a subquery of EXISTS that is to be asked for each candidate.

Without it the planner makes a join of it, and may read every row of a frequent value to look at twenty candidates.
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """SQL expressions of the resource that is tested; *id_hash* is None where only index rows are at hand."""

    rid: str
    low: str
    id_hash: str | None


def ways_to_point(reference: Parameter) -> list[bool]:
    """Return how a parameter points at resources: by key (False), as canonicals may too, and by their names (True)."""
    return [False, True] if reference.is_canonical else [False]


class Conditions:
    """Writes conditions into one statement.

    Attributes:
        meets_all: whether all candidates are looked at, as in a count: then it pays to make a set of thousands of
            values that each is held against, which takes a millisecond.
    """

    def __init__(self, arguments: Arguments, indexing: Indexing) -> None:
        self.arguments = arguments
        self.finder = RowFinder(arguments, indexing.encoder.hasher)
        self._indexing = indexing
        self._aliases = 0
        self._is_optional = False
        self.meets_all = False

    def holds(self, clause: Clause, candidate: Candidate) -> str:
        """Return the condition that *clause* is true of *candidate*."""
        match clause:
            case ValueClause(modifier="not"):
                return f"NOT {self._has_row(clause, candidate)}"
            case ValueClause():
                return self._has_row(clause, candidate)
            case ChainClause():
                return self._chain(clause, candidate)
            case HasClause():
                return self._has(clause, candidate)
            case PrimaryDateClause():
                return self._dated(clause, candidate)
            case AnyClause(clauses):
                return f"({' OR '.join(self._optional(clauses, candidate)) or 'false'})"
            case AllClause(clauses):
                return f"({' AND '.join(self.holds(one, candidate) for one in clauses) or 'true'})"
            case NotClause(inner):
                return f"NOT {self._optional((inner,), candidate)[0]}"
            case VisibleClause(inner):
                return self.holds(inner, candidate)
            case MissingClause() | IdClause() | LastUpdatedClause() | TypeClause():
                return self._of_resource(clause, candidate)

    def _optional(self, clauses: Iterable[Clause], candidate: Candidate) -> list[str]:
        """Return conditions that need not all hold: nothing can be joined for them, so they are asked one by one."""
        outer, self._is_optional = self._is_optional, True
        found = [self.holds(one, candidate) for one in clauses]
        self._is_optional = outer
        return found

    def _about_itself(self, clause: MissingClause | IdClause | LastUpdatedClause | TypeClause, row: str) -> str:
        """Return the condition on *row*, of ``resource``, of a clause that it answers."""
        match clause:
            case MissingClause(parameter, missing):
                # on a resource of another type the parameter is missing
                of_type = f"{row}.type_id = {self.type_number(parameter.resource_type)}"
                present = f"({of_type} AND {self._present(parameter, row)})"
                return f"NOT {present}" if missing else present
            case IdClause():
                return self.has_id(clause, row)
            case LastUpdatedClause():
                return self.updated(clause, row)
            case TypeClause(resource_type):
                return f"{row}.type_id = {self.type_number(resource_type)}"

    def _present(self, parameter: Parameter, row: str) -> str:
        """Return the condition on *row* that the parameter has a value: by its bit, or by its rows if it has none."""
        number = self._indexing.present.number(parameter.resource_type, parameter.key)
        if number is None:
            keys = self.arguments.bind([parameter.key, -parameter.key], "integer[]")
            place = f"x.tenant_id = c.tenant AND x.rid = {row}.rid AND x.param = ANY({keys})"
            rows = (f"EXISTS (SELECT FROM fhir.{table} x WHERE {place} {PROBED})" for table in PRESENCE[parameter.type])
            return f"({' OR '.join(rows)})"
        bit = self.arguments.bind(number, "integer")
        return has_bit(f"{row}.present", bit)

    def alias(self) -> str:
        """Return a table alias that is not used yet."""
        self._aliases += 1
        return f"t{self._aliases}"

    def _has_row(self, clause: ValueClause, candidate: Candidate) -> str:
        rows = self.finder.rows(clause)
        if isinstance(rows, Keys) and rows.is_many:
            own = (
                f"SELECT x.target FROM fhir.{rows.table} x WHERE x.tenant_id = c.tenant AND x.rid = {candidate.rid} "
                f"AND x.param = {rows.parameter} {PROBED}"
            )
            known = f"x.target = ANY({rows.hashes})"
            if self.meets_all:
                # "IS TRUE" keeps PostgreSQL from making a join of it for each candidate
                known = f"(x.target IN (SELECT unnest({rows.hashes}))) IS TRUE"
            return f"EXISTS (SELECT FROM ({own}) x WHERE {known} {PROBED})"
        if isinstance(rows, Keys):
            # with the primary date the whole key of the row is known
            place = f"x.low = {candidate.low} AND x.rid = {candidate.rid}"
            return (
                f"EXISTS (SELECT FROM fhir.{rows.table} x "
                f"WHERE x.tenant_id = c.tenant AND {rows.condition} AND {place} {PROBED})"
            )
        if rows.table == "composite" and rows.places:
            return rows.dated_test(candidate.low, candidate.rid)
        if rows.table == "composite":
            # no index leads from a resource to its positions: the matches are read once and looked up
            return f"{candidate.rid} = ANY(ARRAY({rows.rids()}))"
        place = f"x.rid = {candidate.rid}"
        if self._indexing.definitions.primary_date(clause.parameter.resource_type) == clause.parameter:
            # a resource has one primary date: with its low end the row is found by key
            place += f" AND x.low = {candidate.low}"
        return (
            f"EXISTS (SELECT FROM fhir.{rows.table} x "
            f"WHERE x.tenant_id = c.tenant AND {place} AND {rows.condition} {PROBED})"
        )

    def primary_dates_hold(self, clauses: Sequence[ValueClause], candidate: Candidate) -> str:
        """Return the condition that *clauses*, all on the primary date of a type, are true of *candidate*.

        A resource has one primary date: so all of them are about the same row, which is looked up once.
        """
        tests = " AND ".join(self.finder.rows(clause).condition for clause in clauses)
        return (
            "EXISTS (SELECT FROM fhir.date x WHERE x.tenant_id = c.tenant "
            f"AND x.rid = {candidate.rid} AND x.low = {candidate.low} AND {tests} {PROBED})"
        )

    def _dated(self, clause: PrimaryDateClause, candidate: Candidate) -> str:
        numbers = [number for parameter in clause.parameters for number in parameter.numbers]
        keys = [key for number in numbers for key in (number, -number)]
        low, high = self.arguments.bind(clause.low), self.arguments.bind(clause.high)
        # a resource has one primary date at most, which begins at its "low": none outside is none, or one inside
        return (
            f"({candidate.low} < {high} AND NOT EXISTS (SELECT FROM fhir.date x WHERE x.tenant_id = c.tenant "
            f"AND x.rid = {candidate.rid} AND x.param = ANY({self.arguments.bind(keys, 'integer[]')}) "
            f"AND x.high <= {low} {PROBED}))"
        )

    def _of_resource(
        self, clause: MissingClause | IdClause | LastUpdatedClause | TypeClause, candidate: Candidate
    ) -> str:
        """Return the condition of a clause that the row of ``resource`` answers, which may be at hand."""
        if candidate.id_hash is not None:
            return self._about_itself(clause, candidate.rid.partition(".")[0])
        probed = f" {PROBED}" if self._is_optional else ""
        return (
            "EXISTS (SELECT FROM fhir.resource r WHERE r.tenant_id = c.tenant "
            f"AND r.rid = {candidate.rid} AND {self._about_itself(clause, 'r')}{probed})"
        )

    def has_id(self, clause: IdClause, row: str) -> str:
        """Return the condition on *row* that its logical id is one of the clause's."""
        return f"{row}.fhir_id = ANY({self.arguments.bind(list(clause.ids), 'text[]')})"

    def id_hashes(self, clause: IdClause, resource_types: tuple[str, ...]) -> str:
        """Return SQL for the hashes of the clause's ids in each of the types."""
        hasher = self._indexing.encoder.hasher
        hashes = [hasher.key(ResourceKey(name, logical_id)) for name in resource_types for logical_id in clause.ids]
        return self.arguments.bind(hashes, "bigint[]")

    def updated(self, clause: LastUpdatedClause, alias: str) -> str:
        """Return the condition that *alias*, of ``resource``, was last updated in one of the clause's ranges."""
        column = f"{alias}.last_updated"
        return f"({' OR '.join(self._updated(value, column) for value in clause.values) or 'false'})"

    def _updated(self, value: DateValue, column: str) -> str:
        bind = self.arguments.bind
        match value.prefix:
            case Prefix.NE:
                return f"({column} < {bind(value.low)} OR {column} >= {bind(value.high)})"
            case Prefix.GT | Prefix.SA:
                return f"{column} >= {bind(value.high)}"
            case Prefix.LT | Prefix.EB:
                return f"{column} < {bind(value.low)}"
            case Prefix.GE:
                return f"{column} >= {bind(value.low)}"
            case Prefix.LE:
                return f"{column} < {bind(value.high)}"
            case _:
                return f"({column} >= {bind(value.low)} AND {column} < {bind(value.high)})"

    def _chain(self, clause: ChainClause, candidate: Candidate) -> str:
        ways = [self._chained(clause, candidate, named=named) for named in ways_to_point(clause.reference)]
        return ways[0] if len(ways) == 1 else f"({' OR '.join(ways)})"

    def _chained(self, clause: ChainClause, candidate: Candidate, *, named: bool) -> str:
        source, target = self.alias(), self.alias()
        key, _ = self.finder.place(clause.reference)
        reached = Candidate(f"{target}.rid", f"{target}.low", f"{target}.id_hash")
        kinds = " OR ".join(
            f"({target}.type_id = {self.type_number(name)} AND {self.holds(inner, reached)})"
            for name, inner in clause.targets
        )
        here = f"{target}.tenant_id = c.tenant AND {target}.change <> 3"
        join = f"JOIN fhir.resource {target} ON {here} AND {target}.id_hash = {source}.target"
        if named:
            names = self.alias()
            join = (
                f"JOIN fhir.reference {names} ON {names}.tenant_id = c.tenant AND {names}.param = {CANONICAL} "
                f"AND {names}.target = {source}.target JOIN fhir.resource {target} ON {here} "
                f"AND {target}.rid = {names}.rid"
            )
        return (
            f"EXISTS (SELECT FROM fhir.reference {source} {join} "
            f"WHERE {source}.tenant_id = c.tenant AND {source}.rid = {candidate.rid} AND {source}.param = {key} "
            f"AND ({kinds or 'false'}) {PROBED})"
        )

    def _has(self, clause: HasClause, candidate: Candidate) -> str:
        source = self.alias()
        key, _ = self.finder.place(clause.reference)
        pointing = Candidate(f"{source}.rid", f"{source}.low", None)
        targets = [f"{source}.target = {_target(candidate, named=each)}" for each in ways_to_point(clause.reference)]
        return (
            f"({self.is_target(clause.reference, candidate.rid)}EXISTS (SELECT FROM fhir.reference {source} "
            f"WHERE {source}.tenant_id = c.tenant AND {source}.param = {key} AND ({' OR '.join(targets)}) "
            f"AND {self.holds(clause.clause, pointing)} {PROBED}))"
        )

    def is_target(self, reference: Parameter, rid: str) -> str:
        """Return the condition that the resource *rid* is of the only type *reference* takes, followed by AND.

        Its rows are those of a parameter that takes others as well. Empty where it takes whatever its rows point at.
        """
        if reference.only is None:
            return ""
        first, behind = (self.arguments.bind(each) for each in resource_numbers(type_numbers()[reference.only]))
        return f"{rid} >= {first} AND {rid} < {behind} AND "

    def type_number(self, name: str) -> str:
        """Return SQL for the number of a resource type."""
        return self.arguments.bind(type_numbers()[name], "smallint")


def _target(candidate: Candidate, *, named: bool) -> str:
    """Return SQL of what references to *candidate* have for a target: the hash of its key, or any of its names."""
    if named:
        return (
            "ANY(ARRAY(SELECT n.target FROM fhir.reference n WHERE n.tenant_id = c.tenant "
            f"AND n.rid = {candidate.rid} AND n.param = {CANONICAL}))"
        )
    return candidate.id_hash or (
        f"(SELECT r.id_hash FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.rid = {candidate.rid})"
    )
