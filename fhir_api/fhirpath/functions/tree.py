"""Tree navigation: ``children descendants``.

Spec: https://hl7.org/fhirpath/N1/#tree-navigation
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_api.fhirpath import tree
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.plan import Many, Plan, Scope, boxed, collection


@function("children")
def children(call: Call) -> Plan:
    """All children of the items, in no defined order."""
    many = boxed(call.input).many
    return _unordered(call, lambda this, scope: [child for item in many(this, scope) for child in tree.children(item)])


@function("descendants")
def descendants(call: Call) -> Plan:
    """The children of the items, their children and so on, in no defined order."""
    many = boxed(call.input).many

    def below(this: Any, scope: Scope) -> list[Any]:
        return [child for item in many(this, scope) for child in tree.descendants(item)]

    return _unordered(call, below)


def _unordered(call: Call, many: Many) -> Plan:
    return replace(collection(many, None, call.position), is_ordered=False)
