"""What a resource contains has to be referred to: dom-3.

Spec: https://hl7.org/fhir/R4/references.html#contained
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from conformance.types import nodes
from fhir_api.validation.primitives import Json

_SHOWN_IN_NARRATIVE = re.compile(r"""(?:src|href)\s*=\s*["'](#[^"']+)""")
_LINKING_TYPES = frozenset({"canonical", "uri", "url"})


def unreferenced(resource: Json) -> Iterator[int]:
    """Yield the place of each contained resource that nothing in *resource* refers to, and that refers to nothing.

    A resource that refers to its container (``#``) need not be referred to.
    """
    shown = _fragments(resource)
    for index, each in enumerate(resource.get("contained", ())):
        if f"#{each.get('id')}" not in shown and "#" not in _fragments(each):
            yield index


def _fragments(resource: Json) -> set[str]:
    """Return each local reference that a resource holds, in whatever element it stands."""
    names, found, rest = _linking_names(), set[str](), [resource]
    while rest:
        for name, value in rest.pop().items():
            for item in value if type(value) is list else (value,):
                if type(item) is dict:
                    rest.append(item)
                elif type(item) is str:
                    if item[:1] == "#" and name in names:
                        found.add(item)
                    elif name == "div":
                        found.update(_SHOWN_IN_NARRATIVE.findall(item))
    return found


@cache
def _linking_names() -> frozenset[str]:
    """Return the JSON properties that may refer to a contained resource."""
    linking = {
        name
        for node in nodes().values()
        for element in node.elements
        for name, kind in element.json_names().items()
        if kind.code in _LINKING_TYPES
    }
    return frozenset(linking | {"reference"})
