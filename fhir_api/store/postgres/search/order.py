"""The order of a search's results, and where a page begins in it.

Every order ends in ``rid``, so no two resources are level and a page starts exactly behind the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import Parameter, SortKey
from fhir_api.store.postgres.statement import Arguments


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order.

    Attributes:
        expression: SQL over the alias ``b`` of ``resource``.
        descending: its direction.
        cast: the PostgreSQL type of its values.
    """

    expression: str
    descending: bool
    cast: str = "bigint"


@dataclass(frozen=True, slots=True)
class Order:
    """Keys from the weightiest on; *name* goes into cursors, which fit no other order."""

    name: str
    keys: tuple[Key, ...]

    def by(self, alias: str) -> str:
        """Return the ORDER BY list over the columns ``k0, k1 …`` of *alias*."""
        prefix = f"{alias}." if alias else ""
        return ", ".join(f"{prefix}k{n}{' DESC' if key.descending else ''}" for n, key in enumerate(self.keys))

    def columns(self) -> str:
        """Return the select list that names the keys ``k0, k1 …``."""
        return ", ".join(f"{key.expression} AS k{n}" for n, key in enumerate(self.keys))

    def behind(self, cursor: bytes, arguments: Arguments, expressions: Sequence[str] | None = None) -> str:
        """Return the condition that a row lies behind the place of *cursor*.

        Raises:
            FhirError: MALFORMED when the cursor belongs to another order.
        """
        name, *values = orjson.loads(cursor)
        if name != self.name or len(values) != len(self.keys):
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

    def cursor(self, values: Sequence[object]) -> bytes:
        """Return the place behind a row with these key values."""
        return orjson.dumps([self.name, *values])


def order_of(cursor: bytes) -> str:
    """Return the name of the order that a cursor is a place in."""
    name: str = orjson.loads(cursor)[0]
    return name


def is_newest_first(sort: Sequence[SortKey], definitions: SearchDefinitions) -> bool:
    """Tell whether the only sort key is the type's primary clinical date, falling: the order of keyed index rows.

    Rising is not: there the resources without a date would come first.
    """
    if len(sort) != 1 or sort[0].parameter is None or not sort[0].descending:
        return False
    parameter = sort[0].parameter
    return definitions.primary_date(parameter.resource_type) == parameter


NEWEST_FIRST = Order("low", (Key("b.low", descending=True), Key("b.rid", descending=True)))
"""By primary clinical date; the server's own order when none is asked for."""
MADE = Order("made", (Key("b.rid", descending=True),))
"""The resources of a type as they were made, about, the youngest first: no update moves one past a reader."""
LAST_UPDATED = Order("updated", (Key("b.last_updated", descending=True), Key("b.rid", descending=True)))
MARKER = Order("marker", (Key("b.marker", descending=True), Key("b.rid", descending=True)))
_SORTABLE = {
    "date": ("fhir.date", "low", "high", "bigint", "0"),
    "string": ("fhir.string", "folded", "folded", "text", "''"),
    "uri": ("fhir.string", "folded", "folded", "text", "''"),
    "number": ("fhir.quantity", "value", "value", "float8", "0"),
    "quantity": ("fhir.quantity", "value", "value", "float8", "0"),
}
"""Table, column for ascending and for descending, type, and a filler for each sortable parameter type."""


def sorted_by(sort: Sequence[SortKey], arguments: Arguments) -> Order:
    """Return the order of ``_sort``; a resource without the value comes last, whatever the direction.

    Raises:
        FhirError: NOT_SUPPORTED for a parameter that has no order.
    """
    keys: list[Key] = []
    for sort_key in sort:
        keys += _sort_keys(sort_key, arguments)
    name = ",".join(f"{'-' if key.descending else ''}{key.code}" for key in sort)
    return Order(name, (*keys, Key("b.rid", descending=keys[-1].descending)))


def _sort_keys(sort_key: SortKey, arguments: Arguments) -> list[Key]:
    if sort_key.parameter is None:
        expression = "b.fhir_id" if sort_key.code == "_id" else "b.last_updated"
        return [Key(expression, sort_key.descending, "text" if sort_key.code == "_id" else "bigint")]
    value, cast, filler = _value(sort_key.parameter, sort_key, arguments)
    return [
        Key(f"(CASE WHEN {value} IS NULL THEN 1 ELSE 0 END)", descending=False, cast="integer"),
        Key(f"coalesce({value}, {filler})", sort_key.descending, cast),
    ]


def _value(parameter: Parameter, sort_key: SortKey, arguments: Arguments) -> tuple[str, str, str]:
    """Return SQL for the least (descending: greatest) value of *parameter*, its type and a filler."""
    pick = "max" if sort_key.descending else "min"
    key = arguments.bind(parameter.key, "integer")
    if parameter.type == "token":
        codes = (
            f"SELECT {pick}(k.code) FROM fhir.token_code k WHERE k.tenant_id = c.tenant AND k.param = {key} "
            "AND EXISTS (SELECT FROM fhir.token x WHERE x.tenant_id = c.tenant AND x.param = k.param "
            "AND x.hash = k.hash AND x.low = b.low AND x.rid = b.rid)"
        )
        return f"({codes})", "text", "''"
    if parameter.type not in _SORTABLE or (parameter.type == "token" and parameter.is_identifier):
        raise refuse(ErrorKind.NOT_SUPPORTED, f"'_sort={parameter.code}': {parameter.type} values have no order.")
    table, ascending, descending, cast, filler = _SORTABLE[parameter.type]
    column = descending if sort_key.descending else ascending
    params = f"({key}, -{key})" if parameter.type == "date" else f"({key})"
    value = (
        f"(SELECT {pick}(x.{column}) FROM {table} x "
        f"WHERE x.tenant_id = c.tenant AND x.rid = b.rid AND x.param IN {params})"
    )
    return value, cast, filler
