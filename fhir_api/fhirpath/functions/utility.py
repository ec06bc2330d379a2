"""Utility: ``trace now today timeOfDay defineVariable coalesce``.

Spec: https://hl7.org/fhirpath/N1/#utility-functions
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_api.fhirpath import plan as plans
from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.functions.scalar import STRING, checked
from fhir_api.fhirpath.plan import Plan, Scope, boxed, collection, single
from fhir_api.fhirpath.temporal import Date, Precision, Time, from_datetime


@function("trace", 1, 2, asks_environment=True)
def trace(call: Call) -> Plan:
    """The input; the environment's ``trace`` is told the name and the items, or what the projection gives for them."""
    source = call.input
    many, items_of = source.many, boxed(source).many
    name = checked(call, call.argument(0), STRING)
    projection = boxed(call.body(1)).many if len(call.arguments) > 1 else None

    def traced(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        listener = scope.environment.trace
        if listener is not None:
            shown = (
                items_of(this, scope)
                if projection is None
                else [one for item in items for one in projection(item, scope)]
            )
            listener(name(this, scope) or "", shown)
        return items

    plan = collection(traced, source.types, call.position, is_boxed=source.is_boxed)
    return replace(plan, is_single=source.is_single, is_ordered=source.is_ordered)


@function("now", asks_environment=True)
def now(call: Call) -> Plan:
    """The current DateTime, the same throughout an evaluation."""
    return single(lambda _this, scope: from_datetime(scope.now()), ("System.DateTime",))


@function("today", asks_environment=True)
def today(call: Call) -> Plan:
    """The current Date."""

    def one(_this: Any, scope: Scope) -> Date:
        moment = scope.now()
        return Date((moment.year, moment.month, moment.day))

    return single(one, ("System.Date",))


@function("timeOfDay", asks_environment=True)
def time_of_day(call: Call) -> Plan:
    """The current Time."""

    def one(_this: Any, scope: Scope) -> Time:
        current = from_datetime(scope.now())
        return Time(current.fields[Precision.DAY :], current.fraction)

    return single(one, ("System.Time",))


@function("defineVariable", 1, 2, asks_environment=True)
def define_variable(call: Call) -> Plan:
    """The input; ``%name`` stands for it, or for the second argument's results, in what follows.

    Spec: https://hl7.org/fhirpath/#definevariablename-string-expr-expression
    """
    source = call.input
    name = checked(call, call.argument(0), STRING)
    many = source.many
    values = boxed(call.body_on_all(1)).many if len(call.arguments) > 1 else None
    own = boxed(call.all_items()).many

    def defined(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        key = name(this, scope)
        if key is None or key in scope.variables or key in plans.RESERVED_VARIABLES:
            raise FhirPathEvaluationError("defineVariable() expected a name that is new", call.position)
        scope.variables[key] = own(items, scope) if values is None else values(items, scope.fork())
        return items

    plan = collection(defined, source.types, call.position, is_boxed=source.is_boxed)
    return replace(plan, is_single=source.is_single, is_ordered=source.is_ordered)


@function("coalesce", 1, 64)
def coalesce(call: Call) -> Plan:
    """The first argument that is not empty."""
    options = [boxed(call.argument(index)).many for index in range(len(call.arguments))]

    def many(this: Any, scope: Scope) -> list[Any]:
        for option in options:
            items = option(this, scope)
            if items:
                return items
        return []

    return collection(many, None, call.position)
