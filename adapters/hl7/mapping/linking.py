"""References between the resources of a message: ``Observation[2].subject.reference=Patient[1].id``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import NamedTuple

from adapters.hl7.mapping.joining import fixed
from adapters.hl7.mapping.layout import Occurrence
from adapters.hl7.mapping.targets import REFERS, Made, Target, compile_target
from adapters.hl7.mapping.values import CONVERSIONS
from mappings.errors import MappingError

_LINK = re.compile(r"(?P<left>[A-Z][A-Za-z]+(?:\[[^\]]*\])?[^=]*?)\s*=\s*(?P<right>\"[^\"]*\"|[^\s;]+)")
RESOURCE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)(?:\[(?P<label>[^\]]*)\])?")
"""A resource type with its label."""


class Label(NamedTuple):
    """A resource of a message structure: ``Observation[2]``."""

    type: str
    label: str

    def __str__(self) -> str:
        """Return it as rows write it."""
        return f"{self.type}[{self.label}]"


class Link(NamedTuple):
    """A reference between resources of one message, or a fixed value that a row of the message sets.

    Attributes:
        left: the resource that refers.
        target: its element.
        right: the resource that is referred to; None for a fixed value.
        value: the fixed value.
    """

    left: Label
    target: Target
    right: Label | None
    value: object


class Pending(NamedTuple):
    """A link to be set when all resources are there."""

    link: Link
    own: Made
    own_label: Label
    group: Occurrence
    scope: int


def links(assignment: str, own: Label, known: Collection[Label]) -> tuple[Link, ...]:
    """Return the references that a row of a message sets.

    Args:
        assignment: as the row has it.
        own: the resource that the row fills.
        known: the resources that the rows of the message name.

    Raises:
        MappingError: it names no resource, or an element that is no reference.
    """
    found = (_link(match["left"].strip(), match["right"], own, known) for match in _LINK.finditer(assignment))
    return tuple(each for each in found if each is not None)


def _link(left: str, right: str, own: Label, known: Collection[Label]) -> Link | None:
    match = RESOURCE.match(left)
    if match is None:
        raise MappingError(f"{left!r} does not begin with a resource type")
    label = Label(match["type"], match["label"] or "1")
    if label.type == own.type and (match["label"] is None or label not in known):
        label = own
    path = left[match.end() :].lstrip(".")
    path = re.sub(r"\.(reference|id)$", "", path)
    target = compile_target(label.type, path)
    constant = fixed(right)
    if constant is not None:
        value = CONVERSIONS[target.type](constant, None)  # type: ignore[arg-type]  # fixed values have no times
        return Link(label, target, None, value)
    referred = RESOURCE.match(right)
    if referred is None or target.type != "Reference":
        raise MappingError(f"{left}={right}: expected a reference to a resource")
    if referred["type"] == "Bundle":
        return None
    return Link(label, target, Label(referred["type"], referred["label"] or "1"), None)


def resolve(pending: Iterable[Pending]) -> None:
    """Set the references between the resources of a message."""
    for link, own, own_label, group, scope in pending:
        left = own if link.left == own_label else _find(group, link.left)
        if left is None:
            continue
        if link.right is None:
            link.target.put(left.content, scope, link.value)
            continue
        right = own if link.right == own_label else _find(group, link.right)
        if right is None or right is left or not right.is_told:
            continue
        holder = link.target.holder(left.content, scope)
        last = link.target.last
        if last is None:
            continue
        if last.label is not None:
            holder[last.name, f"@{id(right)}", 0] = {REFERS: right}
        else:
            holder.setdefault(last.name, {}).setdefault(REFERS, right)


_name = cache(str)
"""The label as groups know it."""


def _find(group: Occurrence, label: Label) -> Made | None:
    found = group.find(_name(label))
    if found is None and not label.label.isdecimal():
        # written in words, such as Patient[PID]: the nearest of its type
        found = group.find(f"{label.type}[1]")
    return found
