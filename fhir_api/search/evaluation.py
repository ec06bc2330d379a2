"""Expressions that are more than routes: evaluated as FHIRPath, each result indexed by the type it turns out to have.

The base specification has none; search parameters of others may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import tzinfo
from decimal import Decimal
from math import inf
from typing import Any, Final

from fhir_api import fhirpath
from fhir_api.search.query import Parameter
from fhir_api.search.types.registry import LEAVES, leaves
from fhir_api.search.types.token import IDENTIFYING_TYPES, identifying

Add = Callable[[Any], None]

MOST_STEPS: Final = 50_000
"""What one expression may take on one resource, in steps of FHIRPath, about 50 ms. Time is no bound: the same resource
has to give the same entries whenever it is asked for them."""

_SYSTEM_TYPES: Final = {bool: "boolean", str: "string", int: "integer", Decimal: "decimal"}


def result_types(parameter: Parameter) -> tuple[str, ...]:
    """Return the FHIR types that the expression may give, as far as the parameter can index them.

    Raises:
        FhirPathError: the expression cannot be compiled.
    """
    found = fhirpath.compile(parameter.expression, type_name=parameter.resource_type).result_types
    leaves = LEAVES[parameter.type]
    if found is None:
        return tuple(sorted(leaves))
    lowered = (name.removeprefix("System.") for name in found)
    return tuple(sorted({name if name in leaves else name.lower() for name in lowered} & leaves.keys()))


def evaluated(parameter: Parameter, zone: tzinfo) -> Callable[[Add, dict[str, Any]], None]:
    """Return the function that adds what the parameter finds in a resource.

    Raises:
        FhirPathError: the expression cannot be compiled.
    """
    compiled = fhirpath.compile(parameter.expression, type_name=parameter.resource_type, is_bounded=True)

    def extract(add: Add, resource: dict[str, Any]) -> None:
        environment = fhirpath.Environment(resolver=fhirpath.typed_only, budget=fhirpath.Budget(MOST_STEPS, inf))
        for kind, value in _typed(compiled.items(resource, environment)):
            _add(add, parameter, kind, value, resource, zone)

    return extract


def _typed(results: list[Any]) -> Iterator[tuple[str, Any]]:
    for result in results:
        if isinstance(result, fhirpath.Item):
            if result.value is not None:
                yield result.type, result.value
        elif type(result) in _SYSTEM_TYPES:
            yield _SYSTEM_TYPES[type(result)], float(result) if isinstance(result, Decimal) else result


def _add(add: Add, parameter: Parameter, kind: str, value: Any, resource: dict[str, Any], zone: tzinfo) -> None:
    if kind == "Extension":
        for name, inner in value.items():
            if name.startswith("value"):
                _add(add, parameter, _choice_type(name), inner, resource, zone)
        return
    leaf = leaves(parameter).get(kind)
    if leaf is None:
        return
    if parameter.type == "reference" and kind == "Reference":
        leaf(add, ((parameter.key, None),), value, resource)
    elif parameter.type == "date":
        leaf(add, parameter.key, value, zone)
    elif parameter.is_identifier and kind not in IDENTIFYING_TYPES:
        leaf(identifying(add), parameter.key, value)
    else:
        leaf(add, parameter.key, value)


def _choice_type(name: str) -> str:
    suffix = name.removeprefix("value")
    lowered = suffix[0].lower() + suffix[1:]
    return suffix if any(suffix in leaves for leaves in LEAVES.values()) else lowered
