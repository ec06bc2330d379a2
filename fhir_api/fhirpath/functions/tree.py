"""Tree navigation: ``children descendants``.

Spec: https://hl7.org/fhirpath/N1/#tree-navigation
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fhir_api.fhirpath import navigation
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.plan import Plan, boxed, collection


@function("children")
def children(call: Call) -> Plan:
    """All children of the items, in no defined order."""
    return _below(call, navigation.children)


@function("descendants")
def descendants(call: Call) -> Plan:
    """The children of the items, their children and so on, in no defined order."""
    return _below(call, navigation.descendants)


def _below(call: Call, walk: Callable[[Any], list[Any]]) -> Plan:
    many = boxed(call.input).many
    plan = collection(
        lambda this, scope: [child for item in many(this, scope) for child in walk(item)], None, call.position
    )
    return replace(plan, is_ordered=False)
