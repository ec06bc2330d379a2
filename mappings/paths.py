"""Paths of FHIR elements as mapping rows write them: ``participant[1].individual(Practitioner.name)``.

A number tells elements of a list apart: it is a label, not a position. What stands in brackets is a resource of its own
that the element refers to, with the path inside it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from mappings.errors import MappingError

_STEP = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9]*)?(?:\[(?P<label>[A-Za-z0-9.-]+)\])?")


class Step(NamedTuple):
    """One element of a path.

    Attributes:
        name: of the element; empty for the element itself.
        label: tells elements of a list apart; ``1`` where none is given.
        resource: type of the resource that it refers to; empty for none.
        resource_label: tells resources of that type apart.
        inside: the path inside that resource.
    """

    name: str
    label: str = "1"
    resource: str = ""
    resource_label: str = ""
    inside: tuple[Step, ...] = ()


@lru_cache(maxsize=8192)
def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps that *text* writes.

    Raises:
        MappingError: it is not written like a path.
    """
    steps, rest = _steps(text.strip(), text)
    if rest:
        raise MappingError(f"path {text!r}: {rest!r} is not understood")
    return steps


def _steps(rest: str, text: str) -> tuple[tuple[Step, ...], str]:
    found: list[Step] = []
    while True:
        match = _STEP.match(rest)
        if match is None or not match[0]:
            raise MappingError(f"path {text!r}: expected an element, found {rest!r}")
        step = Step(match["name"] or "", match["label"] or "1")
        rest = rest[match.end() :]
        if rest.startswith("("):
            inside, rest = _steps(rest[1:], text)
            if not rest.startswith(")"):
                raise MappingError(f"path {text!r}: a bracket is not closed")
            rest = rest[1:]
            first = inside[0]
            step = step._replace(resource=first.name, resource_label=first.label, inside=inside[1:])
        found.append(step)
        if not rest.startswith("."):
            return tuple(found), rest
        rest = rest[1:]
