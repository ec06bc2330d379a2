"""The numbers under which resource types are stored.

R4 is frozen, so the place in its sorted list of types never changes; types of later releases get numbers of their own.
"""

from __future__ import annotations

from functools import cache

from conformance.types import resource_types


@cache
def type_numbers() -> dict[str, int]:
    """Return the number of each resource type."""
    return {name: number for number, name in enumerate(resource_types(), 1)}


@cache
def type_names() -> dict[int, str]:
    """Return the resource type of each number."""
    return {number: name for name, number in type_numbers().items()}
