"""Every text of a resource with the type its element has by definition."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from conformance.types import node, nodes

Place = tuple[Any, Any, str]
"""Object and key (or array and index) of a text, and the FHIR type of its element."""


def texts(resource: dict[str, Any]) -> Iterator[Place]:
    """Yield the place of each text in *resource*, contained resources and extensions with it."""
    yield from _inside(resource, resource["resourceType"])


def _inside(tree: dict[str, Any], kind: str) -> Iterator[Place]:
    types = _member_types(kind)
    for name, value in tree.items():
        if name in types:
            yield from _at(tree, name, value, types[name])
        elif name.startswith("_"):
            yield from _at(tree, name, value, "Element")


def _at(holder: Any, key: Any, value: Any, kind: str) -> Iterator[Place]:
    if isinstance(value, str):
        yield holder, key, kind
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _at(value, index, member, kind)
    elif isinstance(value, dict):
        yield from _inside(value, value.get("resourceType", kind))


@lru_cache(maxsize=1024)
def _member_types(kind: str) -> dict[str, str]:
    """Return the type of each member that an object of type *kind* may have."""
    if kind not in nodes():
        return {}
    return {name: member.code for element in node(kind).elements for name, member in element.json_names().items()}
