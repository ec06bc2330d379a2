"""Which rows of an index table the values of a parameter find.

Each result is SQL over an alias ``x`` of one table. Meaning of the comparisons: ``fhir_api.search.types``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fhir_api.search.folding import fold
from fhir_api.search.query import (
    CompositeValue,
    DateValue,
    NumberValue,
    Parameter,
    Prefix,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
    ValueClause,
)
from fhir_api.search.types.ranges import has_ranges
from fhir_api.store.postgres.encode import FOLDED_LENGTH, GATHERED, NARROW
from fhir_api.store.postgres.hashing import Hasher
from fhir_api.store.postgres.search.positions import near
from fhir_api.store.postgres.search.quantities import Quantities
from fhir_api.store.postgres.search.references import References
from fhir_api.store.postgres.search.texts import Texts
from fhir_api.store.postgres.search.tokens import Tokens, sets_with
from fhir_api.store.postgres.statement import Arguments

KEYED = {"token": "hash", "reference": "target"}
"""Tables whose rows of one value lie in the order of the primary date, and the column that holds the value."""

DATED = frozenset({"number", "quantity", "composite"})
"""Types of parameters whose rows lie in the order of the primary date too, as well as in that of their values."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Rows of ``token`` or ``reference``: those of *parameter* with a value of *hashes*.

    *hashes* is SQL of a ``bigint[]``, or of one ``bigint`` when *is_one*. Where the rows are those of several
    parameters, *parts* is SQL of an ``integer[]`` with their keys, and *parameter* is any of these. *is_many* says that
    there are more hashes than a resource usually has rows; *are_rare* that there are so many, and few rows of each.
    """

    table: str
    parameter: str
    hashes: str
    is_one: bool = False
    parts: str = ""
    is_many: bool = False
    are_rare: bool = False

    @property
    def condition(self) -> str:
        """The condition on ``x``."""
        matches = self.hashes if self.is_one else f"ANY({self.hashes})"
        return f"x.param = {self.parameter} AND x.{KEYED[self.table]} = {matches}"

    def has_several(self) -> str:
        """Return the condition that there are rows of more than one value."""
        one = (
            f"SELECT FROM fhir.{self.table} x WHERE x.tenant_id = c.tenant AND x.param = {self.parameter} "
            f"AND x.{KEYED[self.table]} = h.hash OFFSET 0"
        )
        values = f"SELECT FROM (SELECT DISTINCT unnest({self.hashes})) h(hash) WHERE EXISTS ({one}) LIMIT 2"
        return f"(SELECT count(*) FROM ({values}) s) > 1"


MANY_HASHES = 32
"""From so many values on, looking at a resource's own rows costs less than looking for each value."""

FEW = 8
"""Up to so many texts are an arm of the statement each; more are handed over as an array."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Rows of another table: those that satisfy one of *arms*, each of which an index serves.

    *sources* is empty, or has for each arm a FROM item that it speaks of, any row of which will do; "" where it needs
    none. *places* is empty, or has for each arm the condition of rows that lie together in the order of the primary
    date (``dated``), among which are those of the arm.
    """

    table: str
    arms: tuple[str, ...]
    sources: tuple[str, ...] = ()
    places: tuple[str, ...] = ()

    @classmethod
    def joined(cls, each: Sequence[Ranges]) -> Ranges:
        """Return the rows of *each*, all of one table."""
        if len(each) == 1:
            return each[0]
        pairs = [pair for one in each for pair in one._sourced]
        arms, sources = (tuple(pair[place] for pair in pairs) for place in (0, 1))
        return cls(each[0].table, arms, sources, tuple(place for one in each for place in one.places))

    @property
    def _sourced(self) -> list[tuple[str, str]]:
        return list(zip(self.arms, self.sources or ("",) * len(self.arms), strict=True))

    @property
    def dated(self) -> list[tuple[str, str, str]]:
        """Place, condition and FROM item of each arm whose rows have the primary date; none of another table."""
        return [(place, arm, source) for place, (arm, source) in zip(self.places, self._sourced, strict=False)]

    def dated_test(self, low: str, rid: str) -> str:
        """Return the condition that the resource *rid* with the primary date *low* has one of the rows."""
        tests = []
        for place, arm, source in self.dated:
            rows = (
                f"SELECT FROM fhir.{self.table} x WHERE x.tenant_id = c.tenant AND {place} AND x.dated = {low} "
                f"AND x.rid = {rid} AND {arm} OFFSET 0"
            )
            tests.append(
                f"EXISTS (SELECT FROM {source} CROSS JOIN LATERAL ({rows}) x)" if source else f"EXISTS ({rows})"
            )
        return f"({' OR '.join(tests)})" if tests else "false"

    @property
    def condition(self) -> str:
        """The condition on ``x``."""
        tests = [f"EXISTS (SELECT FROM {source} WHERE {arm})" if source else arm for arm, source in self._sourced]
        return f"({' OR '.join(tests)})" if tests else "false"

    def rids(self) -> str:
        """Return a SELECT of the ``rid`` of each row."""
        selects = []
        for arm, source in self._sourced:
            rows = f"SELECT x.rid FROM fhir.{self.table} x WHERE x.tenant_id = c.tenant AND {arm}"
            selects.append(f"SELECT x.rid FROM {source} CROSS JOIN LATERAL ({rows} OFFSET 0) x" if source else rows)
        return " UNION ALL ".join(selects) or "SELECT NULL::bigint WHERE false"


Rows = Keys | Ranges


def _are_many_codes(values: Sequence[Value]) -> bool:
    return len(values) > MANY_HASHES and all(isinstance(value, TokenValue) and value.code for value in values)


class RowFinder:
    """Finds rows for clauses of one statement."""

    def __init__(self, arguments: Arguments, hasher: Hasher) -> None:
        self._arguments = arguments
        self._hasher = hasher
        self.references = References(arguments, hasher)
        self._codes = Tokens(arguments, hasher)
        self._texts = Texts(arguments, hasher)
        self._numbers = Quantities(arguments, hasher)

    def rows(self, clause: ValueClause) -> Rows:
        """Return the rows that make *clause* true (its ``:not`` left aside)."""
        parameter, values = clause.parameter, clause.values
        match parameter.type:
            case "token":
                key, parts = self.place(parameter)
                are_rare = parameter.is_identifier and clause.modifier is None and _are_many_codes(values)
                found = self._tokens(key, values, clause.modifier)
                if parameter.is_gathered:
                    hashes = f"ARRAY[{found.hashes}]" if found.is_one else found.hashes
                    return Keys("token", self._arguments.bind(GATHERED, "integer"), sets_with(key, parts, hashes))
                return replace(found, parts=parts, are_rare=are_rare)
            case "reference" if clause.modifier == "identifier":
                key = self._arguments.bind(parameter.key, "integer")
                return Keys("token", key, self.references.logical(values))
            case "reference":
                key, parts = self.place(parameter)
                return replace(self._references(key, clause), parts=parts)
            case _:
                numbers = (*parameter.numbers, *clause.later)
                return Ranges.joined([self._ranges(clause, number) for number in numbers])

    def place(self, parameter: Parameter) -> tuple[str, str]:
        """Return SQL of what the column ``param`` of a parameter's keyed rows equals, and its ``parts`` in Keys."""
        if len(parameter.numbers) == 1:
            return self._arguments.bind(parameter.numbers[0], "integer"), ""
        parts = self._arguments.bind(list(parameter.numbers), "integer[]")
        return f"ANY({parts})", parts

    def _ranges(self, clause: ValueClause, number: int) -> Ranges:
        """Return the rows under one *number* that make *clause* true."""
        parameter, values = clause.parameter, clause.values
        if parameter.type == "date":
            return self._dates(number, values)
        key = self._arguments.bind(number, "integer")
        match parameter.type:
            case "string" if len(values) > FEW and clause.modifier is None:
                arm, source = self._texts.many(key, values)
                return Ranges("string", (arm,), (source,))
            case "string":
                return Ranges(
                    "string", self._each(values, lambda value: self._texts.string(key, value, clause.modifier))
                )
            case "uri":
                return Ranges("string", self._each(values, lambda value: self._texts.uri(key, value, clause.modifier)))
            case "number" | "quantity" if clause.modifier == "range":
                return self._extents(key, values)
            case "number":
                arms = self._each(values, lambda value: self._number(key, value))
                return Ranges("quantity", arms, (), (f"x.param = {key} AND x.unit = 0",) * len(arms))
            case "quantity":
                return self._quantities(key, values)
            case "special":
                return Ranges("composite", self._each(values, lambda value: near(self._arguments, key, value)))
            case _:
                return self._composites(key, clause)

    @staticmethod
    def _each(values: Sequence[Value], arm: Callable[[Value], str]) -> tuple[str, ...]:
        return tuple(arm(value) for value in values)

    def _hash_array(self, hashes: Sequence[int]) -> str:
        return self._arguments.bind(list(hashes), "bigint[]")

    def _tokens(self, key: str, values: Sequence[Value], modifier: str | None) -> Keys:
        if modifier == "text":
            return Keys("token", key, self._texts.hashes(key, values))
        if modifier == "words":
            return Keys("token", key, self._texts.with_words(key, values))
        if modifier == "media-type":
            return Keys("token", key, self._codes.media_types(key, values))
        if len(values) == 1 and modifier != "of-type":
            (value,) = values
            if isinstance(value, TokenValue) and not value.any_system and value.code is not None:
                hashed = self._hasher.token(value.system, value.code)
                return Keys("token", key, self._arguments.bind(hashed), is_one=True)
        return Keys("token", key, self._codes.hashes(key, values, modifier))

    def _references(self, key: str, clause: ValueClause) -> Keys:
        values, modifier = clause.values, clause.modifier
        match modifier:
            case "versions":
                return Keys("reference", key, self.references.versions(key, values))
            case "above" | "below":
                return Keys("reference", key, self.references.hierarchy(values, upward=modifier == "above"))
        hashes = self.references.hashes(values, clause.parameter.only)
        if len(hashes) == 1:
            return Keys("reference", key, self._arguments.bind(hashes[0]), is_one=True)
        return Keys("reference", key, self.references.array(hashes), is_many=len(hashes) > MANY_HASHES)

    def _dates(self, key: int, values: Sequence[Value]) -> Ranges:
        narrow, wide = self._arguments.bind(key, "integer"), self._arguments.bind(-key, "integer")
        arms: list[str] = []
        for value in values:
            if isinstance(value, DateValue):
                condition, starts_after = self._date(value)
                bound = f" AND x.low > {self._arguments.bind(starts_after)}" if starts_after is not None else ""
                arms += [f"(x.param = {narrow}{bound} AND {condition})", f"(x.param = {wide} AND {condition})"]
        return Ranges("date", tuple(arms))

    def bounds(self, clause: ValueClause, low: str) -> list[str]:
        """Return what a clause on the primary date says of *low*, its column in a row ``d`` (it does not say all)."""
        value = clause.values[0]
        if len(clause.values) != 1 or not isinstance(value, DateValue) or value.prefix is Prefix.NE:
            return []
        bind = self._arguments.bind
        match value.prefix:
            case Prefix.LT | Prefix.EB:
                return [f"{low} < {bind(value.low)}"]
            case Prefix.LE:
                return [f"{low} < {bind(value.high)}"]
            case Prefix.SA:
                return [f"{low} >= {bind(value.high)}"]
            case Prefix.GT:
                return [self._starts_behind(clause.parameter.key, value.high, low)]
            case Prefix.GE:
                return [self._starts_behind(clause.parameter.key, value.low, low)]
            case Prefix.AP:
                return [f"{low} < {bind(value.high)}", self._starts_behind(clause.parameter.key, value.low, low)]
            case _:
                return [f"{low} >= {bind(value.low)}", f"{low} < {bind(value.high)}"]

    def _starts_behind(self, key: int, end: int, low: str) -> str:
        """Return the bound of intervals that end behind *end*: a narrow one starts a month before at most."""
        narrow, wide = self._arguments.bind(end - NARROW - 1), self._arguments.bind(-key, "integer")
        # as a whole in a subquery: beside it, least() would keep row security from taking the bound into an index
        return (
            f"{low} >= (SELECT least({narrow}, min(x.low)) FROM fhir.date x WHERE x.tenant_id = c.tenant "
            f"AND x.param = {wide} AND x.high > {self._arguments.bind(end)})"
        )

    def _date(self, value: DateValue) -> tuple[str, int | None]:
        """Return the condition, and what ``low`` must exceed for a narrow interval (None: the condition says it)."""

        # only what the prefix needs is bound: PostgreSQL refuses an argument that is not used
        def low() -> str:
            return self._arguments.bind(value.low)

        def high() -> str:
            return self._arguments.bind(value.high)

        match value.prefix:
            case Prefix.NE:
                return f"NOT (x.low >= {low()} AND x.high <= {high()})", None
            case Prefix.GT:
                return f"x.high > {high()}", value.high - NARROW - 1
            case Prefix.LT:
                return f"x.low < {low()}", None
            case Prefix.GE:
                return f"x.high > {low()}", value.low - NARROW - 1
            case Prefix.LE:
                return f"x.low < {high()}", None
            case Prefix.SA:
                return f"x.low >= {high()}", None
            case Prefix.EB:
                return f"x.low < {low()} AND x.high <= {low()}", None
            case Prefix.AP:
                return f"x.low < {high()} AND x.high > {low()}", value.low - NARROW - 1
            case _:
                return f"x.low >= {low()} AND x.low < {high()} AND x.high <= {high()}", None

    def _number(self, key: str, value: Value) -> str:
        if not isinstance(value, NumberValue):
            return f"(x.param = {key} AND false)"
        return f"(x.param = {key} AND x.unit = 0 AND {self._numbers.compared('x.value', value)})"

    def _quantities(self, key: str, values: Sequence[Value]) -> Ranges:
        pairs = [
            self._numbers.measured(key, value, "x.unit", "x.value")
            for value in values
            if isinstance(value, QuantityValue)
        ]
        arms = tuple(f"(x.param = {key} AND {condition})" for condition, _ in pairs)
        place = f"x.param = {key} AND x.unit = v.unit"
        return Ranges("quantity", arms, tuple(source for _, source in pairs), (place,) * len(arms))

    def _extents(self, key: str, values: Sequence[Value]) -> Ranges:
        """Find elements of type Range, which lie with the composites."""
        found = [
            self._numbers.ranged(key, value, "x.first")
            for value in values
            if isinstance(value, NumberValue | QuantityValue)
        ]
        arms = tuple(f"(x.param = {key} AND {condition})" for condition, _ in found)
        return Ranges("composite", arms, tuple(source for _, source in found))

    def _composites(self, key: str, clause: ValueClause) -> Ranges:
        ranged = any(map(has_ranges, clause.parameter.components))
        values = (value for value in clause.values if isinstance(value, CompositeValue))
        found = [self._composite(key, value, ranged=ranged) for value in values]
        arms, sources, places = zip(*found, strict=True) if found else ((), (), ())
        return Ranges("composite", arms, sources, places)

    def _composite(self, key: str, value: CompositeValue, *, ranged: bool) -> tuple[str, str, str]:
        """Match the slots in which :class:`~fhir_api.store.postgres.encode.Encoder` lays the components.

        What comes with the condition is the FROM item that it speaks of, if any, and the place of its rows.
        """
        slots = ["x.first", "x.second"]
        numbers = ["x.low", "x.high"]
        conditions: list[str] = []
        sources: list[str] = []
        firsts: list[str] = []

        def take(hashes: str) -> None:
            alias = f"f{len(sources)}"
            sources.append(f"unnest({hashes}) {alias}(hash)")
            conditions.append(f"{slots.pop(0)} = {alias}.hash")
            firsts.append(f"x.first = {alias}.hash")

        for component in value.components:
            match component:
                case TokenValue():
                    take(self._codes.hashes(key, [component]))
                case ReferenceValue():
                    take(self._hash_array(self.references.hashes([component])))
                case UriValue(uri):
                    take(self._hash_array([self._hasher.text(uri)]))
                case QuantityValue():
                    alias = f"v{len(sources)}"
                    slot = slots.pop(0)
                    if ranged:
                        condition, source = self._numbers.ranged(key, component, slot, alias)
                    else:
                        condition, source = self._numbers.measured(key, component, slot, numbers.pop(0), alias)
                    conditions.append(condition)
                    sources += [source] if source else []
                    firsts.append(f"x.first = {alias}.unit" if source else "true")
                case NumberValue():
                    conditions.append(self._numbers.compared(numbers.pop(0), component))
                case DateValue():
                    conditions.append(self._date(component)[0])
                case StringValue(text):
                    conditions.append(self._texts.starts_with(fold(text)[:FOLDED_LENGTH]))
        place = f"x.param = {key} AND {firsts[0] if firsts else 'x.first = 0'}"
        return f"({' AND '.join([f'x.param = {key}', *conditions])})", " CROSS JOIN ".join(sources), place
