"""Where a search starts: the clause whose index rows are read, and what is left to test on each.

A driver either walks index rows in the wanted order and can stop early, or gives the whole set of its resources.
Reasons for the choice: docs/decisions/0002-storage.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fhir_api.model.dates import EARLIEST
from fhir_api.search.entries import CANONICAL
from fhir_api.search.query import (
    AllClause,
    AnyClause,
    ChainClause,
    Clause,
    DateValue,
    HasClause,
    IdClause,
    Prefix,
    ValueClause,
)
from fhir_api.store.postgres.search import pointed_at
from fhir_api.store.postgres.search.conditions import Candidate, Conditions, ways_to_point
from fhir_api.store.postgres.search.pointed_at import Sources
from fhir_api.store.postgres.search.rows import KEYED, Keys, Ranges
from fhir_api.store.postgres.types import resource_numbers, type_numbers

# How few resources a clause of a kind usually leaves; the least is the driver.
_RANKS = {"reference": 2, "string": 3, "composite": 4, "special": 4, "uri": 5, "number": 7, "quantity": 8, "date": 9}
_ID_RANK, _IDENTIFIER_RANK, _CHAIN_RANK, _CODE_RANK, _HAS_RANK = 0, 1, 5, 6, 6


# by how references point (see ways_to_point): the targets of a resource, and the resources of targets
_NAMES: Final = {
    False: "SELECT r.id_hash FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.change <> 3",
    True: "SELECT n.target FROM fhir.resource r JOIN fhir.reference n ON n.tenant_id = c.tenant AND n.rid = r.rid "
    f"AND n.param = {CANONICAL} WHERE r.tenant_id = c.tenant AND r.change <> 3",
}
_BEHIND: Final = {
    False: "SELECT r.rid FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.id_hash IN ({})",
    True: f"SELECT n.rid FROM fhir.reference n WHERE n.tenant_id = c.tenant AND n.param = {CANONICAL} "
    "AND n.target IN ({})",
}


_READ: Final = "SELECT k.rid FROM k"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The driver clause (None: every resource of the types is walked) and the clauses that are left."""

    driver: Clause | None
    others: tuple[Clause, ...]


def choose(clauses: Sequence[Clause], driver: Clause | None = None, without: Clause | None = None) -> Chosen:
    """Choose where to start, if it is not at *driver*, one of the clauses, and not at *without*."""
    if driver is not None:
        return Chosen(driver, tuple(clause for clause in clauses if clause is not driver))
    ranked = [
        (rank, place)
        for place, clause in enumerate(clauses)
        if clause is not without and (rank := _rank(clause)) is not None
    ]
    if not ranked:
        return Chosen(None, tuple(clauses))
    _, first = min(ranked)
    return Chosen(clauses[first], tuple(clause for place, clause in enumerate(clauses) if place != first))


def _rank(clause: Clause) -> int | None:
    """Return the rank of a clause, None if its resources cannot be listed from an index."""
    match clause:
        case IdClause():
            return _ID_RANK
        case ValueClause(modifier="not"):
            return None
        case ValueClause(parameter, _, values):
            if parameter.type == "token":
                return _IDENTIFIER_RANK if parameter.is_identifier else _CODE_RANK
            if any(isinstance(value, DateValue) and value.prefix is Prefix.NE for value in values):
                return None
            return _RANKS.get(parameter.type)
        case ChainClause(_, targets):
            inner = [_rank(target) for _, target in targets]
            return None if None in inner else _CHAIN_RANK
        case HasClause(_, _, inner_clause):
            return None if _rank(inner_clause) is None else _HAS_RANK
        case AnyClause(members):
            ranks = [_rank(member) for member in members]
            return None if None in ranks else max((rank for rank in ranks if rank is not None), default=_ID_RANK)
        case AllClause(members):
            return min((rank for member in members if (rank := _rank(member)) is not None), default=None)
        case _:
            return None


def has_parts(clause: Clause) -> bool:
    """Tell whether the rows of *clause* are those of several parameters: a resource may have one under each."""
    match clause:
        case ValueClause(parameter):
            return len(parameter.numbers) + len(clause.later) > 1
        case ChainClause(parameter):
            return len(parameter.numbers) > 1
        case _:
            return False


class Sets:
    """Writes a clause's resources as a set."""

    def __init__(self, conditions: Conditions, resource_types: tuple[str, ...]) -> None:
        self._conditions = conditions
        self._resource_types = resource_types

    def keys(self, clause: Clause) -> Keys | None:
        """Return the clause as rows of a keyed table, which lie in the order of the primary date; None if it is not."""
        if isinstance(clause, ValueClause):
            # asked first, for a finder binds arguments, and an argument that is not used is an error
            rows = self._conditions.finder.rows(clause) if clause.parameter.type in KEYED else None
            return rows if isinstance(rows, Keys) else None
        if isinstance(clause, ChainClause):
            key, parts = self._conditions.finder.place(clause.reference)
            return Keys("reference", key, f"ARRAY({self._targets(clause)})", parts=parts)
        return None

    def rids(self, clause: Clause) -> str:
        """Return a SELECT of the ``rid`` of each resource for which *clause* holds; one may come twice."""
        match clause:
            case IdClause():
                hashes = self._conditions.id_hashes(clause, self._resource_types)
                return f"SELECT r.rid FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.id_hash = ANY({hashes})"
            case HasClause(source_type, _, inner):
                return self._behind(clause, Sets(self._conditions, (source_type,)).rids(inner))
            case AnyClause(members):
                return " UNION ALL ".join(self.rids(member) for member in members) or "SELECT NULL::bigint WHERE false"
            case AllClause(members):
                return self._all(choose(members))
            case ValueClause() | ChainClause():
                return self._row_rids(clause)
            case _:
                raise TypeError(f"{type(clause).__name__} has no index rows")

    def _all(self, chosen: Chosen) -> str:
        if chosen.driver is None:
            raise TypeError("none of the clauses has index rows")
        candidate = Candidate("a.rid", "a.low", "a.id_hash")
        tests = "".join(f" AND {self._conditions.holds(clause, candidate)}" for clause in chosen.others)
        return (
            "SELECT a.rid FROM fhir.resource a WHERE a.tenant_id = c.tenant AND a.change <> 3 "
            f"AND a.rid IN ({self.rids(chosen.driver)}){tests}"
        )

    def far_end(self, chain: ChainClause, most: str) -> str:
        """Return a SELECT of up to *most* rows of each kind of resource that the last link of *chain* points at."""
        selects = [
            self.far_end(inner, most)
            if isinstance(inner, ChainClause)
            else f"SELECT s.rid FROM ({self._inner(name, inner)}) s (rid) LIMIT {most}"
            for name, inner in chain.targets
        ]
        return " UNION ALL ".join(f"({each})" for each in selects) or "SELECT NULL::bigint WHERE false"

    def sources(self, clause: HasClause) -> Sources:
        """Return the resources that a ``_has`` starts from, and what they point at."""
        rows = self._inner(clause.source_type, clause.clause)
        if clause.reference.is_canonical:
            followed = f"SELECT s.rid AS key FROM ({self._behind(clause, _READ)}) s (rid)"
            return Sources(rows, followed, "b.rid", "", lambda: f"{self._of(clause)} AND f.target = b.id_hash")
        of_parameter = self._of(clause)
        followed = f"SELECT f.target AS key {of_parameter} AND f.rid IN ({_READ})"
        of_type = self._conditions.is_target(clause.reference, "b.rid")
        return Sources(rows, followed, "b.id_hash", of_type, lambda: f"{of_parameter} AND f.target = b.id_hash")

    def _of(self, clause: HasClause) -> str:
        """Return FROM and WHERE of all references by the parameter of *clause*, ``f``."""
        key, _ = self._conditions.finder.place(clause.reference)
        return f"FROM fhir.reference f WHERE f.tenant_id = c.tenant AND f.param = {key}"

    def counted(self, clause: HasClause) -> str:
        """Return a SELECT of ``n``, how many resources *clause* starts from, up to a bound, and ``about`` how many."""
        keys = Sets(self._conditions, (clause.source_type,)).keys(clause.clause)
        own = f"FROM fhir.{keys.table} x WHERE x.tenant_id = c.tenant AND {keys.condition}" if keys else ""
        if keys is None or not keys.is_one or keys.parts:
            rows = f"SELECT {own}" if keys else self._inner(clause.source_type, clause.clause)
            some = f"SELECT FROM ({rows}) s LIMIT {pointed_at.MANY_SOURCES}"
            return f"SELECT count(*) AS n, count(*) AS about FROM ({some}) f"
        counted = pointed_at.COUNTED_SOURCES
        newest = f"SELECT x.low {own} ORDER BY x.low DESC, x.rid DESC LIMIT {counted}"
        oldest = f"(SELECT x.low {own} AND x.low > {EARLIEST} ORDER BY x.low LIMIT 1)"
        # as many a year before those that were counted as among them
        about = (
            f"CASE WHEN q.n = {counted} AND q.newest > q.last "
            f"THEN {counted} * ((q.newest - {oldest})::float8 / (q.newest - q.last)) ELSE q.n END"
        )
        return (
            f"SELECT q.n, coalesce({about}, q.n) AS about "
            f"FROM (SELECT count(*) AS n, max(f.low) AS newest, min(f.low) AS last FROM ({newest}) f) q"
        )

    def _behind(self, clause: HasClause, sources: str) -> str:
        """Return a SELECT of the ``rid`` of what *sources* point at by the reference of *clause*."""
        pointed = f"SELECT f.target {self._of(clause)} AND f.rid IN ({sources})"
        behind = " UNION ALL ".join(_BEHIND[named].format(pointed) for named in ways_to_point(clause.reference))
        if clause.reference.only is None:
            return behind
        return f"SELECT o.rid FROM ({behind}) o WHERE {self._conditions.is_target(clause.reference, 'o.rid')}true"

    def targets(self, chain: ChainClause, bound: str) -> str:
        """Return a SELECT of ``rid`` and type of what the first link of *chain* may point at, the youngest first.

        *bound* is a further condition on targets ``s``, or empty.
        """
        selects = [
            f"SELECT {self._conditions.type_number(name)} AS kind, s.rid FROM ({self._inner(name, inner)}) s (rid)"
            for name, inner in chain.targets
        ]
        all_targets = " UNION ALL ".join(selects) or "SELECT NULL::smallint, NULL::bigint WHERE false"
        return (
            f"SELECT DISTINCT s.rid, s.kind FROM ({all_targets}) s (kind, rid) WHERE true{bound} "
            "ORDER BY s.rid DESC, s.kind"
        )

    def tested_targets(self, chain: ChainClause, bound: str) -> str:
        """Return the same for a chain to one type, by testing those that something points at, one after the other."""
        ((name, inner),) = chain.targets
        key, _ = self._conditions.finder.place(chain.reference)
        first, behind = (self._conditions.arguments.bind(each) for each in resource_numbers(type_numbers()[name]))
        pointing = (
            f"SELECT FROM fhir.reference d WHERE d.tenant_id = c.tenant AND d.param = {key} AND d.target = s.id_hash"
        )
        matches = self._conditions.holds(inner, Candidate("s.rid", "s.low", "s.id_hash"))
        return (
            "SELECT s.rid, s.type_id AS kind FROM fhir.resource s WHERE s.tenant_id = c.tenant AND s.change <> 3 "
            f"AND s.rid >= {first} AND s.rid < {behind}{bound} AND EXISTS ({pointing} OFFSET 0) AND {matches} "
            "ORDER BY s.rid DESC"
        )

    def is_pointed_at(self, clause: HasClause, candidate: Candidate) -> str:
        """Return the condition that *clause* holds for *candidate* by what was read of those it starts from."""
        key, _ = self._conditions.finder.place(clause.reference)
        is_target = self._conditions.is_target(clause.reference, candidate.rid)
        # IS TRUE keeps PostgreSQL from making a join of it
        return (
            f"({is_target}EXISTS (SELECT FROM fhir.reference s WHERE s.tenant_id = c.tenant AND s.param = {key} "
            f"AND s.target = {candidate.id_hash} AND (s.rid IN ({_READ} OFFSET 0)) IS TRUE OFFSET 0))"
        )

    def _row_rids(self, clause: ValueClause | ChainClause) -> str:
        keys = self.keys(clause)
        if keys is not None:
            return f"SELECT x.rid FROM fhir.{keys.table} x WHERE x.tenant_id = c.tenant AND {keys.condition}"
        if isinstance(clause, ChainClause):
            raise TypeError("a chain always has keys")
        rows = self._conditions.finder.rows(clause)
        if not isinstance(rows, Ranges):
            raise TypeError(f"{clause.parameter.type} rows are keyed")
        return rows.rids()

    def _targets(self, clause: ChainClause) -> str:
        """Return a SELECT of what a chain's references may have for a target: hashes of keys, or of names."""
        selects = [
            f"{_NAMES[named]} AND r.type_id = {self._conditions.type_number(name)} AND r.rid IN "
            f"({self._inner(name, inner)})"
            for named in ways_to_point(clause.reference)
            for name, inner in clause.targets
        ]
        return " UNION ALL ".join(selects) or "SELECT NULL::bigint WHERE false"

    def _inner(self, name: str, clause: Clause) -> str:
        return Sets(self._conditions, (name,)).rids(clause)
