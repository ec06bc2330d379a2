"""The numbers under which resource types, and the resources of a type, are stored.

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


PLACES = 40
"""Bits of a resource's number that count within its type."""


def resource_number(type_number: int, count: int) -> int:
    """Return the number of a resource of a type; *count* is no other resource's.

    The type stands in front: so the resources of a type lie together in the key, in the order in which they were made,
    about, and no update changes their place.
    """
    return type_number << PLACES | count


def resource_numbers(type_number: int) -> tuple[int, int]:
    """Return the least number a resource of a type can have, and the first number behind."""
    return resource_number(type_number, 0), resource_number(type_number + 1, 0)
