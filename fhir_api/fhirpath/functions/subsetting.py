"""Subsetting: ``single first last tail skip take intersect exclude`` and the indexer.

Spec: https://hl7.org/fhirpath/N1/#subsetting
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fhir_api.fhirpath.equality import Distinct, distinct
from fhir_api.fhirpath.errors import FhirPathEvaluationError, Position
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.functions.scalar import INTEGER, checked
from fhir_api.fhirpath.plan import One, Plan, Scope, boxed, collection, single, system
from fhir_api.fhirpath.sharing import distinct_items
from fhir_api.fhirpath.values import kind_name


@function("single")
def single_(call: Call) -> Plan:
    """The only item; an error where there are several."""
    source = call.input
    return replace(single(source.one, source.types, is_boxed=source.is_boxed), choice=source.choice)


@function("first")
def first(call: Call) -> Plan:
    """The first item."""
    call.needs_order()
    many = call.input.many

    def one(this: Any, scope: Scope) -> Any:
        items = many(this, scope)
        return items[0] if items else None

    return _picked(call.input, one)


@function("last")
def last(call: Call) -> Plan:
    """The last item."""
    call.needs_order()
    many = call.input.many

    def one(this: Any, scope: Scope) -> Any:
        items = many(this, scope)
        return items[-1] if items else None

    return _picked(call.input, one)


def indexer(source: Plan, index: Plan, position: Position) -> Plan:
    """Return the plan of ``source[index]``.

    Spec: https://hl7.org/fhirpath/N1/#index-integer-collection
    """
    many, place = source.many, system(index).one

    def one(this: Any, scope: Scope) -> Any:
        items, number = many(this, scope), place(this, scope)
        if number is None:
            return None
        if type(number) is not int:
            raise FhirPathEvaluationError(f"Expected an Integer in [], found {kind_name(number)}", position)
        return items[number] if 0 <= number < len(items) else None

    return _picked(source, one)


def _picked(source: Plan, one: One) -> Plan:
    return single(one, source.types, is_boxed=source.is_boxed)


@function("tail")
def tail(call: Call) -> Plan:
    """All items but the first."""
    call.needs_order()
    many = call.input.many
    return _same_items(call, lambda this, scope: many(this, scope)[1:])


@function("skip", 1)
def skip(call: Call) -> Plan:
    """All items but the first *n*."""
    return _counted(call, lambda items, count: items[max(count, 0) :])


@function("take", 1)
def take(call: Call) -> Plan:
    """The first *n* items."""
    return _counted(call, lambda items, count: items[: max(count, 0)])


def _counted(call: Call, pick: Callable[[list[Any], int], list[Any]]) -> Plan:
    call.needs_order()
    many, number = call.input.many, checked(call, call.argument(0), INTEGER)

    def picked(this: Any, scope: Scope) -> list[Any]:
        count = number(this, scope)
        return [] if count is None else pick(many(this, scope), count)

    return _same_items(call, picked)


def _same_items(call: Call, many: Callable[[Any, Scope], list[Any]]) -> Plan:
    source = call.input
    plan = collection(many, source.types, call.position, is_boxed=source.is_boxed)
    return replace(plan, is_single=source.is_single, is_ordered=source.is_ordered)


@function("intersect", 1)
def intersect(call: Call) -> Plan:
    """The items that both collections have, each once."""
    source, other = boxed(call.input), boxed(call.argument(0))
    many, others = source.many, distinct_items(other)

    def common(this: Any, scope: Scope) -> list[Any]:
        known = others(this, scope)
        return distinct(item for item in many(this, scope) if item in known)

    return collection(common, source.types, call.position)


@function("exclude", 1)
def exclude(call: Call) -> Plan:
    """The items that the other collection has not."""
    source, other = boxed(call.input), boxed(call.argument(0))
    many, other_many = source.many, other.many

    def rest(this: Any, scope: Scope) -> list[Any]:
        known = Distinct(other_many(this, scope))
        return [item for item in many(this, scope) if item not in known]

    return collection(rest, source.types, call.position)
