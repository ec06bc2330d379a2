"""Reading index rows in the order of a page, so that reading stops when the page is full."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.search.query import AnyClause, Clause, ReferenceValue, Value, ValueClause
from fhir_api.store.postgres.hashing import tells
from fhir_api.store.postgres.search.former import by_range
from fhir_api.store.postgres.search.order import FIRST_UPDATED, LAST_UPDATED, MADE, Key, Order
from fhir_api.store.postgres.search.rows import FEW, KEYED, Keys, Ranges
from fhir_api.store.postgres.types import PLACES

MANY = 1000
"""From so many rows on, walking those of a place until a page is full costs less than sorting the ones that match."""

_COLUMNS = {"date": ("low", "high"), "string": ("folded", "exact")}
_CASTS = {"folded": "text"}
_NUMBERED = f"b.rid >= t.number::bigint << {PLACES} AND b.rid < (t.number + 1)::bigint << {PLACES}"


def is_walkable(clause: ValueClause) -> bool:
    """Tell whether the rows of *clause* lie in an order that serves a page when none was asked for."""
    return clause.parameter.type in {"date", "string", "uri"} and len(clause.values) <= FEW


def range_order(rows: Ranges, clause: ValueClause) -> Order:
    """Return the order in which the rows of a walkable type lie: dates newest first, texts from A to Z."""
    descending = rows.table == "date"
    columns = (*_COLUMNS[rows.table], "rid")
    keys = tuple(Key(f"d.{name}", descending, _CASTS.get(name, "bigint")) for name in columns)
    return Order(f"by-{rows.table}", keys, by_range(clause))


def walk_keys(keys: Keys, within: Sequence[str], tests: Sequence[str], limit: str, most: int | None = None) -> str:
    """Return a SELECT of the first rows of each value, newest first by the primary date, each resource once.

    *within* and *tests* are conditions on ``d``; up to *most* rows of a value that lie *within* are tested.
    """
    tested = "".join(f" AND {test}" for test in (*within, *tests))
    if keys.are_rare and not keys.parts:
        # all at once: to begin anew for each value costs more than its few rows
        return (
            f"SELECT DISTINCT d.low AS k0, d.rid AS k1, d.rid FROM fhir.{keys.table} d WHERE d.tenant_id = c.tenant "
            f"AND d.param = {keys.parameter} AND d.{KEYED[keys.table]} = ANY({keys.hashes}){tested} "
            f"ORDER BY d.low DESC, d.rid DESC LIMIT {limit}"
        )
    parameter = "p.param" if keys.parts else keys.parameter
    place = (
        f"fhir.{keys.table} d WHERE d.tenant_id = c.tenant AND d.param = {parameter} "
        f"AND d.{KEYED[keys.table]} = {keys.hashes if keys.is_one else 'h.hash'}"
    )
    order = "ORDER BY d.low DESC, d.rid DESC"
    rows = f"FROM {place}{tested} {order} LIMIT {limit}"
    if most is not None:
        tried = f"SELECT d.low, d.rid FROM {place}{''.join(f' AND {bound}' for bound in within)} {order} LIMIT {most}"
        rows = f"FROM ({tried}) d WHERE {' AND '.join(tests) or 'true'} {order} LIMIT {limit}"
    if keys.is_one and not keys.parts:
        return f"SELECT d.low AS k0, d.rid AS k1, d.rid {rows}"
    places = [f"unnest({keys.parts}) p(param)"] if keys.parts else []
    places += [] if keys.is_one else [f"unnest({keys.hashes}) h(hash)"]
    return (
        f"SELECT DISTINCT w.low AS k0, w.rid AS k1, w.rid FROM {' CROSS JOIN '.join(places)} "
        f"CROSS JOIN LATERAL (SELECT d.low, d.rid {rows}) w ORDER BY w.low DESC, w.rid DESC LIMIT {limit}"
    )


WALKS_OF_TYPES = {MADE: _NUMBERED, LAST_UPDATED: "b.type_id = t.number", FIRST_UPDATED: "b.type_id = t.number"}
"""Orders in which an index has the resources of each type, and the condition that one is of the type ``t.number``."""


def walk_types(numbers: str, order: Order, tests: Sequence[str], limit: str) -> str:
    """Return a SELECT of the first resources of each type in *order*, one of :data:`WALKS_OF_TYPES`, joined.

    *tests* are conditions on ``b``.
    """
    conditions = " AND ".join(["b.tenant_id = c.tenant", "b.change <> 3", WALKS_OF_TYPES[order], *tests])
    keys = ", ".join(f"w.k{n}" for n in range(len(order.keys)))
    return (
        f"SELECT {keys}, w.rid FROM unnest({numbers}) t (number) CROSS JOIN LATERAL (SELECT b.rid, {order.columns()} "
        f"FROM fhir.resource b WHERE {conditions} ORDER BY {order.by('')} LIMIT {limit}) w "
        f"ORDER BY {order.by('w')} LIMIT {limit}"
    )


def same_targets(clause: Clause | None, resource_types: Sequence[str]) -> tuple[list[int], tuple[Value, ...]] | None:
    """Return the parameters by which *clause* asks for resources that point at the same targets, and these.

    So a compartment does; None for any other clause. Parameters of types that are not searched are left out.
    """
    if not isinstance(clause, AnyClause):
        return None
    members = [member for member in clause.clauses if isinstance(member, ValueClause)]
    if not members or len(members) < len(clause.clauses):
        return None
    values = members[0].values
    for member in members:
        if member.parameter.type != "reference" or member.modifier is not None or member.values != values:
            return None
    parameters = [each.parameter for each in members]
    if resource_types:
        parameters = [each for each in parameters if each.resource_type in resource_types]
    targets = [target for value in values if isinstance(value, ReferenceValue) for target in value.candidates]
    if any(each.only and not all(tells(target, each.only) for target in targets) for each in parameters):
        return None
    return sorted({number for each in parameters for number in each.numbers}), values


def walk_targets(parameters: str, hashes: str, tests: Sequence[str], limit: str) -> str:
    """Return a SELECT of the first rows that point at *hashes* by *parameters*, newest first, each resource once.

    *tests* are conditions on ``d``.
    """
    tested = "".join(f" AND {test}" for test in tests)
    return (
        f"SELECT DISTINCT w.low AS k0, w.rid AS k1, w.rid FROM unnest({parameters}) p(param) "
        f"CROSS JOIN unnest({hashes}) h(hash) CROSS JOIN LATERAL (SELECT d.low, d.rid FROM fhir.reference d "
        f"WHERE d.tenant_id = c.tenant AND d.param = p.param AND d.target = h.hash{tested} "
        f"ORDER BY d.low DESC, d.rid DESC LIMIT {limit}) w ORDER BY w.low DESC, w.rid DESC LIMIT {limit}"
    )


def walk_dated(rows: Ranges, bounds: Sequence[str], tests: Sequence[str], limit: str) -> str:
    """Return a SELECT of the first rows of all arms, newest first by the primary date, each resource once.

    Where an arm has few rows they are read and sorted, else rows are walked in that order until a page is full.
    *bounds*, of ``d.dated`` and ``d.rid``, say where to walk; *tests* are conditions on ``d``.
    """
    arms = [_dated_arm(rows.table, arm, bounds, tests, limit) for arm in rows.dated]
    return (
        f"SELECT DISTINCT w.dated AS k0, w.rid AS k1, w.rid FROM ({' UNION ALL '.join(arms)}) w "
        f"ORDER BY w.dated DESC, w.rid DESC LIMIT {limit}"
    )


def _dated_arm(table: str, arm: tuple[str, str, str], bounds: Sequence[str], tests: Sequence[str], limit: str) -> str:
    place, condition, source = arm
    rows = f"SELECT x.* FROM fhir.{table} x WHERE x.tenant_id = c.tenant"
    ordered = "ORDER BY d.dated DESC, d.rid DESC"
    within = "".join(f" AND {bound}" for bound in bounds)
    tested = f" WHERE {' AND '.join(tests)}" if tests else ""
    # the place of the row is asked for: else all of a frequent code are read in the index by date, which has values too
    by_value = f"{rows} AND NOT p.many AND {condition} AND x.ctid <> '(0,0)'"
    few = f"SELECT d.* FROM ({by_value}) d WHERE true{within} OFFSET 0"
    # read in order, and only then compared: else the planner may read what compares and sort it
    many = f"SELECT d.* FROM ({rows} AND p.many AND {place}) d WHERE true{within} {ordered} OFFSET 0"
    found = [f"({few})", f"(SELECT x.* FROM ({many}) x WHERE {condition})"]
    selects = [f"(SELECT DISTINCT d.dated, d.rid FROM {each} d{tested} {ordered} LIMIT {limit})" for each in found]
    counted = f"SELECT FROM fhir.{table} x WHERE x.tenant_id = c.tenant AND {condition} LIMIT {MANY}"
    probe = f"(SELECT count(*) >= {MANY} AS many FROM ({counted}) n) p"
    probed = f"{source} CROSS JOIN LATERAL {probe}" if source else probe
    return f"SELECT w.dated, w.rid FROM {probed} CROSS JOIN LATERAL ({' UNION ALL '.join(selects)}) w"


def walk_ranges(rows: Ranges, order: Order, tests: Sequence[str], limit: str, *, single: bool) -> str:
    """Return a SELECT of the first rows of all arms in *order*, each resource once.

    *tests* are conditions on ``d``; *single* says that no resource has two rows.
    """
    columns = [key.expression.removeprefix("d.") for key in order.keys]
    if not single:
        tests = [*tests, _is_first(rows, columns[:-1], order.keys[0])]
    by = ", ".join(f"{{0}}{column}{' DESC' if order.keys[0].descending else ''}" for column in columns)
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    arms = [
        f"(SELECT d.* FROM (SELECT x.* FROM fhir.{rows.table} x WHERE x.tenant_id = c.tenant AND {arm}) d{where} "
        f"ORDER BY {by.format('d.')} LIMIT {limit})"
        for arm in rows.arms
    ]
    named = ", ".join(f"w.{column} AS k{n}" for n, column in enumerate(columns))
    # the arms of one value exclude each other, those of two values need not
    return (
        f"SELECT DISTINCT {named}, w.rid FROM ({' UNION ALL '.join(arms)}) w ORDER BY {by.format('w.')} LIMIT {limit}"
    )


def _is_first(rows: Ranges, columns: Sequence[str], key: Key) -> str:
    """Return the condition that no other matching row of the same resource comes before ``d``."""
    mine = ", ".join(f"d.{column}" for column in columns)
    other = ", ".join(f"x.{column}" for column in columns)
    return (
        f"NOT EXISTS (SELECT FROM fhir.{rows.table} x WHERE x.tenant_id = c.tenant AND x.rid = d.rid "
        f"AND {rows.condition} AND ({other}) {'>' if key.descending else '<'} ({mine}))"
    )
