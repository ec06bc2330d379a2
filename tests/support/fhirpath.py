"""How tests ask an expression: results as texts with their types."""

from __future__ import annotations

from typing import Any

from fhir_api import fhirpath
from fhir_api.fhirpath import Environment, Item


def evaluated(
    expression: str,
    element: Any = None,
    environment: Environment | None = None,
    *,
    type_name: str | None = None,
    is_strict: bool = False,
) -> list[Any]:
    """Return the results as plain values; without an element, a Patient with nothing in it is asked."""
    compiled = fhirpath.compile(expression, type_name=type_name, is_strict=is_strict)
    return compiled({"resourceType": "Patient"} if element is None else element, environment or Environment())


def shown(expression: str, element: Any = None) -> list[str]:
    """Return the results as ``Type text``."""
    compiled = fhirpath.compile(expression)
    items = compiled.items({"resourceType": "Patient"} if element is None else element)
    return [f"{fhirpath.type_of(item).removeprefix('System.')} {_text(item)}" for item in items]


def _text(item: Any) -> str:
    value = item.value if isinstance(item, Item) else item
    return str(value).lower() if isinstance(value, bool) else str(value)
