"""Combining: ``union combine`` and the operator ``|``.

Spec: https://hl7.org/fhirpath/N1/#combining
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fhir_api.fhirpath.equality import distinct
from fhir_api.fhirpath.errors import FhirPathEvaluationError, Position
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.plan import EMPTY, Plan, Scope, boxed, collection

MAX_ITEMS: Final = 1_000_000
"""How many items a combined collection may have: an aggregate can double it with each item."""


@function("union", 1)
def union_(call: Call) -> Plan:
    """The items of both collections, each once."""
    return union(call.input, call.argument(0), call.position)


@function("combine", 1, 2)
def combine(call: Call) -> Plan:
    """The items of both collections, with repetitions."""
    return _combined(call.input, call.argument(0), call.position)


def union(left: Plan, right: Plan, position: Position) -> Plan:
    """Return the plan of ``left | right``; its order is not defined."""
    if left.literals and right.literals:
        return _literal_union(left, right, position)
    if left is EMPTY and right is EMPTY:
        return EMPTY
    if left is EMPTY or right is EMPTY:
        joined = right if left is EMPTY else left
        if joined.is_single:
            return joined
    else:
        joined = _combined(left, right, position)
    many = joined.many

    def merged(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        return distinct(items) if len(items) > 1 else items

    return collection(merged, joined.types, position, is_boxed=joined.is_boxed)


def _literal_union(left: Plan, right: Plan, position: Position) -> Plan:
    values = distinct((*(left.literals or ()), *(right.literals or ())))
    types = tuple(dict.fromkeys((*(left.types or ()), *(right.types or ()))))
    plan = collection(lambda _this, _scope: list(values), types, position)
    return replace(plan, is_single=len(values) == 1, literals=tuple(values))


def _combined(left: Plan, right: Plan, position: Position) -> Plan:
    if left.raw_type is None or left.raw_type != right.raw_type:
        left, right = boxed(left), boxed(right)
    one, other = left.many, right.many
    known = left.types is not None and right.types is not None
    types = tuple(dict.fromkeys((*(left.types or ()), *(right.types or ())))) if known else None

    def both(this: Any, scope: Scope) -> list[Any]:
        items = [*one(this, scope), *other(this, scope)]
        if len(items) > MAX_ITEMS:
            raise FhirPathEvaluationError(f"A collection cannot have more than {MAX_ITEMS} items", position)
        return items

    return collection(both, types, position, is_boxed=left.is_boxed)
