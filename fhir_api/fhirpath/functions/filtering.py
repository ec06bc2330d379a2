"""Filtering and projection: ``where select repeat repeatAll ofType coalesce``.

Spec: https://hl7.org/fhirpath/N1/#filtering-and-projection
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fhir_api.fhirpath.equality import Distinct
from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.plan import Plan, Scope, boolean, boxed, collection

MAX_REPEATED: Final = 100_000
"""How many items ``repeat`` and ``repeatAll`` may give."""


@function("where", 1)
def where(call: Call) -> Plan:
    """The items that meet the criteria."""
    source, criteria = call.input, boolean(call.body(0))
    many = source.many
    if call.uses_index(0):

        def filtered(this: Any, scope: Scope) -> list[Any]:
            return [item for index, item in enumerate(many(this, scope)) if criteria(item, scope.at(index)) is True]

    else:

        def filtered(this: Any, scope: Scope) -> list[Any]:
            return [item for item in many(this, scope) if criteria(item, scope) is True]

    plan = collection(filtered, source.types, call.position, is_boxed=source.is_boxed)
    return replace(plan, is_single=source.is_single, is_ordered=source.is_ordered)


@function("select", 1)
def select(call: Call) -> Plan:
    """What the projection gives for each item, one after the other."""
    source, body = call.input, call.body(0)
    many, projection, project_one = source.many, body.many, body.one
    if call.uses_index(0):

        def projected(this: Any, scope: Scope) -> list[Any]:
            items = enumerate(many(this, scope))
            return [value for index, item in items for value in projection(item, scope.at(index))]

    elif body.is_single:

        def projected(this: Any, scope: Scope) -> list[Any]:
            return [value for item in many(this, scope) if (value := project_one(item, scope)) is not None]

    else:

        def projected(this: Any, scope: Scope) -> list[Any]:
            return [value for item in many(this, scope) for value in projection(item, scope)]

    plan = collection(projected, body.types, call.position, is_boxed=body.is_boxed)
    is_single = source.is_single and body.is_single
    return replace(plan, is_single=is_single, is_ordered=source.is_ordered and body.is_ordered)


@function("repeat", 1)
def repeat(call: Call) -> Plan:
    """What the projection gives for the items, for its results and so on, each value once."""
    return _repeated(call, is_distinct=True)


@function("repeatAll", 1)
def repeat_all(call: Call) -> Plan:
    """What the projection gives for the items, for its results and so on, repetitions too."""
    return _repeated(call, is_distinct=False)


def _repeated(call: Call, *, is_distinct: bool) -> Plan:
    # what a step gives is the next step's input, so its type is known only when it is met
    source = replace(boxed(call.input), types=None)
    many, project = source.many, boxed(call.body_on(0, source)).many

    def repeated(this: Any, scope: Scope) -> list[Any]:
        seen = Distinct()
        found: list[Any] = []
        level = [child for item in many(this, scope) for child in project(item, scope)]
        while level:
            if is_distinct:
                level = [item for item in level if seen.add(item)]
            found.extend(level)
            if len(found) > MAX_REPEATED:
                raise FhirPathEvaluationError(f"{call.name}() gave more than {MAX_REPEATED} items", call.position)
            level = [child for item in level for child in project(item, scope)]
        return found

    return collection(repeated, None, call.position)
