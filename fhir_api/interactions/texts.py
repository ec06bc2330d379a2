"""Every text of a resource with its place and the type its element has by definition."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from conformance.types import node, nodes


class Text(NamedTuple):
    """One text.

    Attributes:
        place: in the resource, such as ``subject.reference``.
        kind: the FHIR type of its element; empty for an element that is not defined.
        value: the text.
    """

    place: str
    kind: str
    value: str


def texts(resource: object) -> Iterator[Text]:
    """Yield each text in *resource* in the order of its JSON, contained resources and extensions with it."""
    yield from _at(resource, "", "")


def _inside(tree: dict[str, Any], place: str, kind: str) -> Iterator[Text]:
    types = _member_types(kind)
    before = f"{place}." if place else ""
    for name, value in tree.items():
        # a property that begins with _ holds the id and the extensions of a primitive
        yield from _at(value, before + name.removeprefix("_"), "Element" if name[:1] == "_" else types.get(name, ""))


def _at(value: object, place: str, kind: str) -> Iterator[Text]:
    if isinstance(value, str):
        yield Text(place, kind, value)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _at(member, f"{place}[{index}]", kind)
    elif isinstance(value, dict):
        yield from _inside(value, place, str(value.get("resourceType", kind)))


@lru_cache(maxsize=1024)
def _member_types(kind: str) -> dict[str, str]:
    """Return the type of each member that an object of type *kind* may have."""
    if kind not in nodes():
        return {}
    return {name: member.code for element in node(kind).elements for name, member in element.json_names().items()}
