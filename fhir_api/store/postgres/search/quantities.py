"""Conditions on numbers and quantities, in rows of ``quantity`` and ``composite``.

Meaning of the comparisons: ``fhir_api.search.types.number``, ``quantity`` and ``units``.
"""

from __future__ import annotations

from typing import Final

from fhir_api.search.query import Interval, Measure, NumberValue, Prefix, QuantityValue
from fhir_api.search.types.ranges import WHOLLY
from fhir_api.search.types.units import intervals
from fhir_api.store.postgres.hashing import Hasher
from fhir_api.store.postgres.statement import Arguments

_WITHIN: Final = (
    "{number} >= {v}.low AND {number} <= {v}.high "
    "AND ({number} > {v}.low OR {v}.has_low) AND ({number} < {v}.high OR {v}.has_high)"
)
_RANGED: Final = (
    "({first} > {v}.low OR ({first} = {v}.low AND ({v}.has_low OR {v}.low = '-infinity'))) "
    "AND ({last} < {v}.high OR ({last} = {v}.high AND ({v}.has_high OR {v}.high = 'infinity')))"
)
_COLUMNS: Final = "unit bigint, low float8, has_low boolean, high float8, has_high boolean"

# the three parts of a conversion, as the encoder writes them
_KIND, _RATIO, _OFFSET = (f"split_part(k.code, ' ', {part})" for part in (1, 2, 3))
_CONVERTED: Final = (
    f"CASE {_KIND} WHEN 'ln' THEN {_RATIO}::float8 * CASE WHEN {{end}} > 0 THEN ln(({{end}})::float8) "
    f"ELSE '-infinity'::float8 END + {_OFFSET}::float8 "
    f"ELSE ({{end}} * {_RATIO}::numeric + {_OFFSET}::numeric)::float8 END"
)


class Quantities:
    """Writes conditions on an alias ``x`` into one statement."""

    def __init__(self, arguments: Arguments, hasher: Hasher) -> None:
        self._arguments = arguments
        self._hasher = hasher

    def compared(self, column: str, value: NumberValue) -> str:
        """Return the condition that the number in *column* is what *value* asks for."""

        def bind(number: float) -> str:
            return self._arguments.bind(number, "float8")

        match value.prefix:
            case Prefix.NE:
                return f"NOT ({column} >= {bind(value.low)} AND {column} < {bind(value.high)})"
            case Prefix.GT | Prefix.SA:
                return f"{column} > {bind(value.value)}"
            case Prefix.LT | Prefix.EB:
                return f"{column} < {bind(value.value)}"
            case Prefix.GE:
                return f"{column} >= {bind(value.value)}"
            case Prefix.LE:
                return f"{column} <= {bind(value.value)}"
            case Prefix.AP:
                return f"{column} >= {bind(value.low)} AND {column} <= {bind(value.high)}"
            case _:
                return f"{column} >= {bind(value.low)} AND {column} < {bind(value.high)}"

    def measured(self, key: str, value: QuantityValue, unit: str, number: str, alias: str = "v") -> tuple[str, str]:
        """Return the condition on the columns *unit* and *number*, and the FROM item *alias* that it speaks of, if any.

        A unit of UCUM stands for every stored one of its dimension, each with the range in its own numbers.
        """
        if value.measure is None:
            compared = self.compared(number, value.number)
            if value.code is None and value.system is None and unit != "x.unit":
                return compared, ""
            return f"{unit} = {alias}.unit AND {compared}", f"unnest({self._units(key, value)}) {alias}(unit)"
        ranges = f"{self._as_written(value)} UNION ALL {self._converted(key, value, value.measure)}"
        # read once a statement, as an array
        source = f"unnest(ARRAY({ranges})) {alias}({_COLUMNS})"
        return f"{unit} = {alias}.unit AND {_WITHIN.format(number=number, v=alias)}", source

    def ranged(self, key: str, value: NumberValue | QuantityValue, unit: str, alias: str = "v") -> tuple[str, str]:
        """Return the condition on *unit*, ``x.low`` and ``x.high``, and the FROM item *alias* that it speaks of.

        Meaning: ``fhir_api.search.types.ranges``.
        """
        number = value if isinstance(value, NumberValue) else value.number
        if isinstance(value, QuantityValue) and value.measure is not None:
            ranges = f"{self._as_written(value)} UNION ALL {self._converted(key, value, value.measure)}"
        else:
            units = self._units(key, value) if isinstance(value, QuantityValue) else "ARRAY[0::bigint]"
            ranges = " UNION ALL ".join(
                "SELECT ROW(u.unit, i.low::float8, i.has_low, i.high::float8, i.has_high) "
                f"FROM unnest({units}) u(unit) CROSS JOIN ({self._interval(each)}) i"
                for each in intervals(number)
            )
        first, last = ("x.low", "x.high") if number.prefix in WHOLLY else ("x.high", "x.low")
        source = f"unnest(ARRAY({ranges})) {alias}({_COLUMNS})"
        return f"{unit} = {alias}.unit AND {_RANGED.format(first=first, last=last, v=alias)}", source

    def _units(self, key: str, value: QuantityValue) -> str:
        """Return SQL for the hashes of the units that *value* takes as they are written."""
        bind = self._arguments.bind
        if value.system is not None and value.code is not None:
            return bind([self._own(value)], "bigint[]")
        named = f" AND k.system = {bind(value.system, 'text')}" if value.system else ""
        named = f" AND k.code_hash = {bind(self._hasher.token(None, value.code))}" if value.code else named
        return (
            "ARRAY(SELECT DISTINCT k.hash FROM fhir.token_code k "
            f"WHERE k.tenant_id = c.tenant AND k.param = {key}{named})"
        )

    def _own(self, value: QuantityValue) -> int:
        return self._hasher.token(value.system, value.code or "")

    def _as_written(self, value: QuantityValue) -> str:
        unit = self._arguments.bind(self._own(value))
        return " UNION ALL ".join(
            f"SELECT ROW({unit}, i.low::float8, i.has_low, i.high::float8, i.has_high) FROM ({self._interval(each)}) i"
            for each in intervals(value.number)
        )

    def _converted(self, key: str, value: QuantityValue, measure: Measure) -> str:
        dimension = self._arguments.bind(self._hasher.dimension(measure.dimension))
        own = self._arguments.bind(self._own(value))
        falls = f"{_RATIO} LIKE '-%'"
        low, high = _CONVERTED.format(end="i.low"), _CONVERTED.format(end="i.high")
        return " UNION ALL ".join(
            f"SELECT CASE WHEN {falls} THEN ROW(k.hash, {high}, i.has_high, {low}, i.has_low) "
            f"ELSE ROW(k.hash, {low}, i.has_low, {high}, i.has_high) END "
            f"FROM fhir.token_code k CROSS JOIN ({self._interval(each)}) i "
            f"WHERE k.tenant_id = c.tenant AND k.param = {key} AND k.code_hash = {dimension} AND k.hash <> {own}"
            for each in measure.intervals
        )

    def _interval(self, interval: Interval) -> str:
        bind = self._arguments.bind
        low, high = (f"{bind(str(end), 'text')}::numeric" for end in (interval.low, interval.high))
        has_low, has_high = (bind(has, "boolean") for has in (interval.has_low, interval.has_high))
        return f"SELECT {low} AS low, {has_low} AS has_low, {high} AS high, {has_high} AS has_high"
