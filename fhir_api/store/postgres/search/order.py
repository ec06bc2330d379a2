"""The order of a search's results, and where a page begins in it.

Every order ends in ``rid``, so no two resources are level and a page starts exactly behind the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any, NamedTuple, TypeVar

import orjson

from fhir_api.model.dates import EARLIEST
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import SortKey
from fhir_api.search.types.ranges import has_ranges
from fhir_api.store.postgres.search.beginning import Beginning
from fhir_api.store.postgres.search.former import Former, Values, by_sort
from fhir_api.store.postgres.statement import Arguments
from fhir_api.store.postgres.types import type_numbers

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order.

    Attributes:
        expression: SQL over the alias ``b`` of ``resource``.
        descending: its direction.
        cast: the PostgreSQL type of its values.
        former: SQL of the value that a superseded version had, the alias ``h`` of ``history``; None where only the
            version's body tells it.
    """

    expression: str
    descending: bool
    cast: str = "bigint"
    former: str | None = None


class Start(NamedTuple):
    """Where a page starts: behind the place with *values*, in a walk that began at *beginning*."""

    order: str
    beginning: Beginning | None
    values: Values

    @classmethod
    def read(cls, cursor: bytes) -> Start:
        """Return what a cursor says."""
        order, beginning, *values = orjson.loads(cursor)
        return cls(order, Beginning(*beginning) if beginning else None, tuple(values))


@dataclass(frozen=True, slots=True)
class Order:
    """Keys from the weightiest on.

    Attributes:
        name: goes into cursors, which fit no other order.
        keys: the last is the resource's number.
        place: gives the place of a superseded version where a key's ``former`` does not.
    """

    name: str
    keys: tuple[Key, ...]
    place: Callable[[Former], Values | None] | None = None

    @property
    def moves(self) -> bool:
        """Whether an update can change a resource's place."""
        return len(self.keys) > 1

    def by(self, alias: str) -> str:
        """Return the ORDER BY list over the columns ``k0, k1 …`` of *alias*."""
        prefix = f"{alias}." if alias else ""
        return ", ".join(f"{prefix}k{n}{' DESC' if key.descending else ''}" for n, key in enumerate(self.keys))

    def expressions(self) -> str:
        """Return the ORDER BY list over the keys' own expressions."""
        return ", ".join(f"{key.expression}{' DESC' if key.descending else ''}" for key in self.keys)

    def columns(self) -> str:
        """Return the select list that names the keys ``k0, k1 …``."""
        return ", ".join(f"{key.expression} AS k{n}" for n, key in enumerate(self.keys))

    def behind(self, start: Start, arguments: Arguments, expressions: Sequence[str] | None = None) -> str:
        """Return the condition that a row lies behind *start*.

        Raises:
            FhirError: MALFORMED when the cursor belongs to another order.
        """
        values = start.values
        if start.order != self.name or len(values) != len(self.keys):
            raise refuse(ErrorKind.MALFORMED, "The page link does not belong to this search.")
        bound = [arguments.bind(value, key.cast) for value, key in zip(values, self.keys, strict=True)]
        columns = expressions or [key.expression for key in self.keys]
        directions = {key.descending for key in self.keys}
        if len(directions) == 1:
            # a row comparison is one range of an index
            return f"({', '.join(columns)}) {'<' if directions == {True} else '>'} ({', '.join(bound)})"
        return self._behind_mixed(columns, bound)

    def _behind_mixed(self, columns: Sequence[str], bound: Sequence[str]) -> str:
        levels = []
        for depth, key in enumerate(self.keys):
            equal = [f"{columns[n]} = {bound[n]}" for n in range(depth)]
            levels.append(" AND ".join([*equal, f"{columns[depth]} {'<' if key.descending else '>'} {bound[depth]}"]))
        return f"({' OR '.join(levels)})"

    def following(self, rows: Iterable[tuple[Values, Row]], start: Start | None) -> list[tuple[Values, Row]]:
        """Return those of *rows*, each with its place, that lie behind *start*, in order.

        Raises:
            FhirError: MALFORMED when the cursor belongs to another order.
        """
        if start is not None and (start.order != self.name or len(start.values) != len(self.keys)):
            raise refuse(ErrorKind.MALFORMED, "The page link does not belong to this search.")
        behind = [row for row in rows if start is None or self._compare(row[0], start.values) > 0]
        in_order = cmp_to_key(self._compare)
        return sorted(behind, key=lambda row: in_order(row[0]))

    def _compare(self, one: Sequence[Any], other: Sequence[Any]) -> int:
        for key, mine, theirs in zip(self.keys, one, other, strict=True):
            if mine != theirs:
                return 1 if (mine > theirs) is not key.descending else -1
        return 0

    def cursor(self, values: Values, beginning: Beginning | None) -> bytes:
        """Return the place behind a row with these key values."""
        return orjson.dumps([self.name, list(beginning) if beginning else None, *values])


def is_newest_first(sort: Sequence[SortKey], definitions: SearchDefinitions) -> bool:
    """Tell whether the only sort key is the type's primary clinical date, falling: the order of keyed index rows.

    Rising is not: there the resources without a date would come first.
    """
    return len(sort) == 1 and sort[0].descending and _is_primary(sort[0], definitions)


def _is_primary(key: SortKey, definitions: SearchDefinitions) -> bool:
    parameter = key.parameter
    return parameter is not None and not key.others and definitions.primary_date(parameter.resource_type) == parameter


_RISING = Key("b.rid", descending=False, former="b.rid")
_NUMBER = Key("b.rid", descending=True, former="b.rid")
NEWEST_FIRST = Order("low", (Key("b.low", descending=True, former="h.low"), _NUMBER))
"""By primary clinical date: the rows of codes and references lie so."""
MADE = Order("made", (_NUMBER,))
"""As they were made, about, the youngest of a type first: no update moves a resource past a reader."""
LAST_UPDATED = Order("updated", (Key("b.last_updated", descending=True, former="h.last_updated"), _NUMBER))
FIRST_UPDATED = Order("first-updated", (Key("b.last_updated", descending=False, former="h.last_updated"), _RISING))
_UNDATED = f"(CASE WHEN {{}}.low = {EARLIEST} THEN 1 ELSE 0 END)"
_DATE = f"(CASE WHEN {{0}}.low = {EARLIEST} THEN 0 ELSE {{0}}.low END)"
OLDEST = (
    Key(_UNDATED.format("b"), descending=False, cast="integer", former=_UNDATED.format("h")),
    Key(_DATE.format("b"), descending=False, former=_DATE.format("h")),
)
"""By primary clinical date, rising: a resource without one comes last."""
_FINITE = "CASE WHEN x.low = '-infinity' THEN x.high ELSE x.low END"
"""Where a range stands among numbers: at its beginning, if it has one."""
_SORTABLE = {
    "date": ("fhir.date", "low", "high", "bigint", "0"),
    "string": ("fhir.string", "folded", "folded", "text", "''"),
    "uri": ("fhir.string", "folded", "folded", "text", "''"),
    "number": ("fhir.quantity", "value", "value", "float8", "0"),
    "quantity": ("fhir.quantity", "value", "value", "float8", "0"),
}
"""Table, column for ascending and for descending, type, and a filler for each sortable parameter type."""


def sorted_by(sort: Sequence[SortKey], arguments: Arguments, definitions: SearchDefinitions) -> Order:
    """Return the order of ``_sort``; a resource without the value comes last, whatever the direction."""
    keys: list[Key] = []
    for sort_key in sort:
        if not sort_key.descending and _is_primary(sort_key, definitions):
            keys += OLDEST
        else:
            keys += _sort_keys(sort_key, arguments)
    name = ",".join(f"{'-' if key.descending else ''}{key.code}" for key in sort)
    return Order(name, (*keys, Key("b.rid", keys[-1].descending, former="b.rid")), by_sort(sort))


def _sort_keys(sort_key: SortKey, arguments: Arguments) -> list[Key]:
    if sort_key.parameter is None:
        if sort_key.code == "_id":
            return [Key("b.fhir_id", sort_key.descending, "text", former="b.fhir_id")]
        return [Key("b.last_updated", sort_key.descending, former="h.last_updated")]
    value, cast, filler = _value(sort_key.parameter.type, sort_key, arguments)
    return [
        Key(f"(CASE WHEN {value} IS NULL THEN 1 ELSE 0 END)", descending=False, cast="integer"),
        Key(f"coalesce({value}, {filler})", sort_key.descending, cast),
    ]


def _pointing(sort_key: SortKey, arguments: Arguments) -> str:
    """Return the condition on a reference ``x`` to the resource ``t`` that it is one of the parameters."""
    ways = []
    for parameter in sort_key.parameters:
        way = f"x.param = ANY({arguments.bind(list(parameter.numbers), 'integer[]')})"
        if parameter.only is not None:
            way += f" AND t.type_id = {arguments.bind(type_numbers()[parameter.only], 'smallint')}"
        ways.append(way)
    return " OR ".join(ways)


def _value(kind: str, sort_key: SortKey, arguments: Arguments) -> tuple[str, str, str]:
    """Return SQL for the least (descending: greatest) value of a parameter of type *kind*, its type and a filler."""
    pick = "max" if sort_key.descending else "min"
    numbers = [number for parameter in sort_key.parameters for number in parameter.numbers]
    if kind == "date":
        numbers += [-number for number in numbers]
    if kind == "reference":
        # by type, then by id; types have their numbers in the order of their names
        targets = (
            f"SELECT {pick}(to_char(t.type_id, 'FM000') || '/' || t.fhir_id) FROM fhir.reference x "
            "JOIN fhir.resource t ON t.tenant_id = c.tenant AND t.id_hash = x.target "
            f"WHERE x.tenant_id = c.tenant AND x.rid = b.rid AND ({_pointing(sort_key, arguments)})"
        )
        return f"({targets})", "text", "''"
    keys = f"= ANY({arguments.bind(numbers, 'integer[]')})"
    if kind == "token":
        codes = (
            f"SELECT {pick}(k.code) FROM fhir.token_code k WHERE k.tenant_id = c.tenant AND k.param {keys} "
            "AND EXISTS (SELECT FROM fhir.token x WHERE x.tenant_id = c.tenant AND x.param = k.param "
            "AND x.hash = k.hash AND x.low = b.low AND x.rid = b.rid)"
        )
        return f"({codes})", "text", "''"
    if any(map(has_ranges, sort_key.parameters)):
        place = f"x WHERE x.tenant_id = c.tenant AND x.rid = b.rid AND x.param {keys}"
        both = f"SELECT x.value FROM fhir.quantity {place} UNION ALL SELECT {_FINITE} FROM fhir.composite {place}"
        return f"(SELECT {pick}(v.value) FROM ({both}) v(value))", "float8", "0"
    table, ascending, descending, cast, filler = _SORTABLE[kind]
    column = descending if sort_key.descending else ascending
    value = (
        f"(SELECT {pick}(x.{column}) FROM {table} x WHERE x.tenant_id = c.tenant AND x.rid = b.rid AND x.param {keys})"
    )
    return value, cast, filler
