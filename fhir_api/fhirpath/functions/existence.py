"""Existence: ``empty exists all allTrue … subsetOf supersetOf count distinct isDistinct``.

Spec: https://hl7.org/fhirpath/N1/#existence
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fhir_api.fhirpath.equality import Distinct, distinct
from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.plan import BOOLEAN, INTEGER, Plan, Scope, boolean, boxed, collection, single, system
from fhir_api.fhirpath.values import kind_name


@function("empty")
def empty(call: Call) -> Plan:
    """True where the input has no items."""
    if call.input.is_single:
        one = call.input.one
        return single(lambda this, scope: one(this, scope) is None, BOOLEAN)
    many = call.input.many
    return single(lambda this, scope: not many(this, scope), BOOLEAN)


@function("exists", 0, 1)
def exists(call: Call) -> Plan:
    """True where the input has items, or items that meet the criteria."""
    if call.arguments:
        return _any(call)
    if call.input.is_single:
        one = call.input.one
        return single(lambda this, scope: one(this, scope) is not None, BOOLEAN)
    many = call.input.many
    return single(lambda this, scope: bool(many(this, scope)), BOOLEAN)


def _any(call: Call) -> Plan:
    many, criteria = call.input.many, boolean(call.body(0))
    if call.uses_index(0):
        return single(
            lambda this, scope: any(
                criteria(item, scope.at(index)) is True for index, item in enumerate(many(this, scope))
            ),
            BOOLEAN,
        )
    return single(lambda this, scope: any(criteria(item, scope) is True for item in many(this, scope)), BOOLEAN)


@function("all", 1)
def all_(call: Call) -> Plan:
    """True where every item meets the criteria."""
    many, criteria = call.input.many, boolean(call.body(0))
    if call.uses_index(0):
        return single(
            lambda this, scope: all(
                criteria(item, scope.at(index)) is True for index, item in enumerate(many(this, scope))
            ),
            BOOLEAN,
        )
    return single(lambda this, scope: all(criteria(item, scope) is True for item in many(this, scope)), BOOLEAN)


def _booleans(name: str, answer: Callable[[list[bool]], bool]) -> None:
    @function(name)
    def build(call: Call) -> Plan:
        many = system(call.input).many

        def one(this: Any, scope: Scope) -> bool:
            values = many(this, scope)
            for value in values:
                if type(value) is not bool:
                    problem = f"{name}() expected Booleans, found {kind_name(value)}"
                    raise FhirPathEvaluationError(problem, call.position)
            return answer(values)

        return single(one, BOOLEAN)


_booleans("allTrue", all)
_booleans("anyTrue", any)
_booleans("allFalse", lambda values: not any(values))
_booleans("anyFalse", lambda values: not all(values))


@function("subsetOf", 1)
def subset_of(call: Call) -> Plan:
    """True where every item of the input is in the other collection."""
    return _contained(boxed(call.input), boxed(call.argument(0)))


@function("supersetOf", 1)
def superset_of(call: Call) -> Plan:
    """True where every item of the other collection is in the input."""
    return _contained(boxed(call.argument(0)), boxed(call.input))


def _contained(part: Plan, whole: Plan) -> Plan:
    part_many, whole_many = part.many, whole.many

    def one(this: Any, scope: Scope) -> bool:
        known = Distinct(whole_many(this, scope))
        return all(item in known for item in part_many(this, scope))

    return single(one, BOOLEAN)


@function("count")
def count(call: Call) -> Plan:
    """The number of items."""
    many = call.input.many
    return single(lambda this, scope: len(many(this, scope)), INTEGER)


@function("distinct")
def distinct_(call: Call) -> Plan:
    """The items without repetitions."""
    source = boxed(call.input)
    many = source.many
    plan = collection(lambda this, scope: distinct(many(this, scope)), source.types, call.position)
    return replace(plan, is_single=source.is_single, is_ordered=source.is_ordered)


@function("isDistinct")
def is_distinct(call: Call) -> Plan:
    """True where no item repeats."""
    many = boxed(call.input).many

    def one(this: Any, scope: Scope) -> bool:
        seen = Distinct()
        return all(seen.add(item) for item in many(this, scope))

    return single(one, BOOLEAN)


@function("not")
def not_(call: Call) -> Plan:
    """The opposite of a Boolean.

    Spec: https://hl7.org/fhirpath/N1/#not-boolean
    """
    truth = boolean(call.input)

    def one(this: Any, scope: Scope) -> bool | None:
        value = truth(this, scope)
        return None if value is None else not value

    return single(one, BOOLEAN)
