"""Pages in an order by one parameter, read along its rows: texts and dates lie in order.

What has no value comes last, and is found by :mod:`fhir_api.store.postgres.search.presence`.

Spec: https://hl7.org/fhir/R4/search.html#sort
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhir_api.model.dates import EARLIEST
from fhir_api.search.query import Parameter
from fhir_api.store.postgres.search.order import NEWEST_FIRST, Order, Start
from fhir_api.store.postgres.statement import Arguments

MANY = 250
"""Fewer resources are read and put in order, if a criterion leaves so few."""


@dataclass(frozen=True, slots=True)
class Along:
    """Rows that lie in an order.

    Attributes:
        arms: FROM and WHERE of rows ``d``, all that lie together.
        value: the column that is ordered by.
        first: the condition that no other row of its resource comes before ``d``; "" where there is no other.
        rest: values of the keys, but for the number, of a resource without such a row.
        undated: of the primary date, a SELECT of the ``rid`` of what begins at no time, level with what has no date;
            else "".
    """

    arms: tuple[str, ...]
    value: str
    first: str
    rest: tuple[str, ...]
    undated: str = ""


def lies_sorted(parameter: Parameter, *, falls: bool, primary: bool) -> bool:
    """Tell whether the rows of *parameter* lie in its order: dates by their beginnings, and they fall by their ends."""
    return parameter.type in {"string", "uri"} or (parameter.type == "date" and (primary or not falls))


def along(parameter: Parameter, order: Order, arguments: Arguments, *, primary: bool, single: bool) -> Along:
    """Return the rows of *parameter*, which lie in *order*.

    Args:
        parameter: what is sorted by.
        order: of the page.
        arguments: of the statement.
        primary: whether it is the primary clinical date.
        single: whether a resource has one value at most.
    """
    falls = order.keys[-1].descending
    keys = [arguments.bind(number, "integer") for number in parameter.numbers]
    if parameter.type != "date":
        arms = tuple(f"fhir.string d WHERE d.tenant_id = c.tenant AND d.param = {key}" for key in keys)
        first = _first("string", f"x.param IN ({', '.join(keys)})", ("folded", "exact", "param"), falls=falls)
        return Along(arms, "d.folded", "" if single else first, ("1", "''::text"))
    key, wide = keys[0], arguments.bind(-parameter.numbers[0], "integer")
    dated = f" AND d.low > {EARLIEST}" if primary else ""
    arms = tuple(f"fhir.date d WHERE d.tenant_id = c.tenant AND d.param = {each}{dated}" for each in (key, wide))
    undated = (
        f"SELECT d.rid FROM fhir.date d WHERE d.tenant_id = c.tenant AND d.param = {wide} AND d.low = {EARLIEST}"
        if primary
        else ""
    )
    first = _first("date", f"x.param IN ({key}, {wide})", ("low", "param", "high"), falls=falls)
    rest = (str(EARLIEST),) if order is NEWEST_FIRST else ("1", "0")
    return Along(arms, "d.low", "" if primary or single else first, rest, undated)


def _first(table: str, of_parameter: str, columns: Sequence[str], *, falls: bool) -> str:
    mine, other = (", ".join(f"{alias}.{column}" for column in columns) for alias in "dx")
    return (
        f"NOT EXISTS (SELECT FROM fhir.{table} x WHERE x.tenant_id = c.tenant AND x.rid = d.rid AND {of_parameter} "
        f"AND ({other}) {'>' if falls else '<'} ({mine}))"
    )


def is_in_rest(rows: Along, start: Start) -> bool:
    """Tell whether a page that begins behind *start* has none of the *rows*."""
    return bool(start.values[0] == (EARLIEST if len(rows.rest) == 1 else 1))


def behind(rows: Along, order: Order, start: Start, arguments: Arguments) -> str:
    """Return the condition that ``d`` lies behind *start*."""
    if is_in_rest(rows, start):
        return "false"
    last = zip(start.values[-2:], order.keys[-2:], strict=True)
    value, number = (arguments.bind(each, key.cast) for each, key in last)
    return f"({rows.value}, d.rid) {'<' if order.keys[-1].descending else '>'} ({value}, {number})"


def walk(rows: Along, order: Order, tests: Sequence[str], rest: str, few: tuple[str, str] | None, limit: str) -> str:
    """Return a SELECT of the first resources along *rows*, then of those that have none.

    Args:
        rows: what is walked.
        order: of the page.
        tests: conditions on ``d``.
        rest: a SELECT of the ``rid`` of what has no row, in the order of the page.
        few: a SELECT of the ``rid`` of all that a criterion leaves, and a FROM item of these, ``b``, with a place for
            a condition; then it is counted whether they are less than a walk.
        limit: of the page.
    """
    falls = " DESC" if order.keys[-1].descending else ""
    columns = [rows.value, "d.rid"] if len(rows.rest) == 1 else ["0", rows.value, "d.rid"]
    named = ", ".join(f"{column} AS k{n}" for n, column in enumerate(columns))
    gate = "(SELECT p.n FROM p)" if few else str(MANY)
    tested = "".join(f" AND {test}" for test in (*tests, rows.first, f"{gate} >= {MANY}") if test)
    arms = " UNION ALL ".join(
        f"(SELECT {named}, d.rid FROM {arm}{tested} ORDER BY {rows.value}{falls}, d.rid{falls} LIMIT {limit})"
        for arm in rows.arms
    )
    others = ", ".join(f"{value} AS k{n}" for n, value in enumerate((*rows.rest, "q.rid")))
    parts = [
        "SELECT w.* FROM w",
        f"SELECT {others}, q.rid FROM ({rest}) q WHERE {gate} >= {MANY} AND (SELECT count(*) FROM w) < {limit}",
    ]
    count = ""
    if few:
        found, read = few
        count = f"p AS MATERIALIZED (SELECT count(*) AS n FROM (SELECT FROM ({found}) s LIMIT {MANY}) f), "
        keys = order.columns()
        all_few = read.format(gate=f"{gate} < {MANY}")
        parts.append(f"SELECT {keys}, b.rid FROM {all_few} ORDER BY {order.by('')} LIMIT {limit}")
    every = " UNION ALL ".join(f"({part})" for part in parts)
    return (
        f"WITH {count}w AS MATERIALIZED (SELECT a.* FROM ({arms}) a ORDER BY {order.by('a')} LIMIT {limit}) "
        f"SELECT e.* FROM ({every}) e ORDER BY {order.by('e')} LIMIT {limit}"
    )
