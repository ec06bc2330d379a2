"""Aggregates: ``aggregate sum min max avg sort``.

Spec: https://hl7.org/fhirpath/N1/#aggregates, https://hl7.org/fhirpath/#sort
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cmp_to_key
from typing import Any, NamedTuple

from fhir_api.fhirpath import ast
from fhir_api.fhirpath.arithmetic import add, divide
from fhir_api.fhirpath.equality import order
from fhir_api.fhirpath.errors import Position
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.functions.scalar import located
from fhir_api.fhirpath.plan import One, Plan, Scope, boxed, collection, single, system


@function("aggregate", 1, 2)
def aggregate(call: Call) -> Plan:
    """What the aggregator gives for the last item; ``$total`` is what it gave for the one before."""
    many = call.input.many
    step = boxed(call.body(0)).many
    start = boxed(call.argument(1)).many if len(call.arguments) > 1 else None

    def total(this: Any, scope: Scope) -> list[Any]:
        inner = scope.fork()
        inner.total = [] if start is None else start(this, scope)
        for index, item in enumerate(many(this, scope)):
            inner.index = index
            inner.total = step(item, inner)
        return inner.total

    return collection(total, None, call.position)


def _folded(name: str, fold: Callable[[list[Any], Position], Any]) -> None:
    @function(name)
    def build(call: Call) -> Plan:
        many = system(call.input).many

        def one(this: Any, scope: Scope) -> Any:
            values = many(this, scope)
            return fold(values, call.position) if values else None

        return single(located(one, call.position), None)


def _sum(values: list[Any], _position: Position) -> Any:
    total = values[0]
    for value in values[1:]:
        if total is None:
            return None
        total = add(total, value)
    return total


def _average(values: list[Any], position: Position) -> Any:
    total = _sum(values, position)
    return None if total is None else divide(total, len(values))


def _extreme(values: list[Any], position: Position, sign: int) -> Any:
    best = values[0]
    for value in values[1:]:
        comparison = order(value, best, position)
        if comparison is None:
            return None
        if comparison == sign:
            best = value
    return best


_folded("sum", _sum)
_folded("avg", _average)
_folded("min", lambda values, position: _extreme(values, position, -1))
_folded("max", lambda values, position: _extreme(values, position, 1))


class _Key(NamedTuple):
    """One sort key: what it is of an item, and whether the greatest comes first."""

    value: One
    is_descending: bool


@function("sort", 0, 16)
def sort(call: Call) -> Plan:
    """The items in the order of the keys; a key that is empty comes first, ``-key`` and ``key desc`` turn the order."""
    source = call.input
    many = source.many
    keys = [_key(call, index) for index in range(len(call.arguments))] or [
        _Key(_own_value(source), is_descending=False)
    ]

    def ordered(this: Any, scope: Scope) -> list[Any]:
        rows = [([key.value(item, scope) for key in keys], item) for item in many(this, scope)]

        def compare(left: tuple[list[Any], Any], right: tuple[list[Any], Any]) -> int:
            for key, one, other in zip(keys, left[0], right[0], strict=True):
                if one is None or other is None:
                    sign = (one is not None) - (other is not None)
                else:
                    sign = order(one, other, call.position) or 0
                    sign = -sign if key.is_descending else sign
                if sign:
                    return sign
            return 0

        return [item for _, item in sorted(rows, key=cmp_to_key(compare))]

    plan = collection(ordered, source.types, call.position, is_boxed=source.is_boxed)
    return replace(plan, is_single=source.is_single)


def _own_value(source: Plan) -> One:
    item = Plan(lambda this, _scope: [this], lambda this, _scope: this, source.types, source.is_boxed, is_single=True)
    return system(item).one


def _key(call: Call, index: int) -> _Key:
    argument = call.arguments[index]
    is_descending = False
    if isinstance(argument, ast.SortArgument):
        is_descending, argument = argument.is_descending, argument.expression
    if isinstance(argument, ast.PolarityExpression):
        # "-" turns the order of any type here, also of texts, which cannot be negated
        is_descending, argument = is_descending != (argument.operator == "-"), argument.operand
    plan = replace_argument(call, index, argument).body(index)
    return _Key(system(plan).one, is_descending)


def replace_argument(call: Call, index: int, argument: ast.Expression) -> Call:
    """Return *call* with another expression as one argument."""
    return replace(call, arguments=(*call.arguments[:index], argument, *call.arguments[index + 1 :]))
