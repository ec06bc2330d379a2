"""The elements of a profile as a tree: children by name, and the slices of each element by slice name.

Spec: https://hl7.org/fhir/R4/elementdefinition.html#id, https://hl7.org/fhir/R4/profiling.html#slicing
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from fhir_api.validation.profiles.stated import Rules, kept_rules

CHOICE: Final = "[x]"


@dataclass(slots=True)
class ElementTree:
    """An element of a profile, with all below it.

    Attributes:
        name: the last step of its path, such as ``value[x]``; of a root its type.
        rules: its ElementDefinition.
        children: by name; none where the content is that of its type.
        slices: by slice name, in order; a slice of the slice ``a`` is named ``a/b``.
    """

    name: str
    rules: Rules = field(default_factory=dict)
    children: dict[str, ElementTree] = field(default_factory=dict)
    slices: dict[str, ElementTree] = field(default_factory=dict)

    @property
    def types(self) -> list[dict[str, Any]]:
        """The ``ElementDefinition.type``."""
        types: list[dict[str, Any]] = self.rules.get("type", [])
        return types

    def child(self, name: str) -> ElementTree:
        """Return the child of that name, made if it is not there."""
        return self.children.setdefault(name, ElementTree(name))

    def slice(self, slice_name: str) -> ElementTree:
        """Return the slice, or slice of a slice, of that name, made if it is not there."""
        found = self
        for name in _slice_and_its_slices(slice_name):
            found = found.slices.setdefault(name, ElementTree(self.name, {"sliceName": name}))
        return found

    def all_slices(self) -> Iterator[ElementTree]:
        """Yield its slices, and the slices of these."""
        for each in self.slices.values():
            yield each
            yield from each.all_slices()

    def element(self, element_id: str) -> ElementTree | None:
        """Return the element of an id, ``Composition.section:history``; None if there is none."""
        found: ElementTree | None = self
        for name, slice_name in list(_steps({"id": element_id}))[1:]:
            found = found.children.get(name) if found else None
            if slice_name is not None:
                for each in _slice_and_its_slices(slice_name):
                    found = found.slices.get(each) if found else None
        return found

    def walk(self) -> Iterator[ElementTree]:
        """Yield this element and all below it, slices too."""
        yield self
        for below in (*self.children.values(), *self.slices.values()):
            yield from below.walk()


def _slice_and_its_slices(slice_name: str) -> Iterator[str]:
    """Yield ``a``, ``a/b``, ``a/b/c`` for ``a/b/c``."""
    parts = slice_name.split("/")
    return ("/".join(parts[: count + 1]) for count in range(len(parts)))


def element_tree(elements: Sequence[Mapping[str, Any]], type_name: str) -> ElementTree:
    """Return the tree of a snapshot or differential; elements that a sparse differential leaves out are empty."""
    root = ElementTree(type_name)
    read = _by_id if all(_id_agrees(element) for element in elements) else _by_order
    for element, found in read(root, elements):
        found.rules = {**found.rules, **kept_rules(element)}
    return root


def _steps(element: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield name and slice name of each step of an id: ``Patient.extension:race.url``."""
    for step in element["id"].split("."):
        name, _, slice_name = step.partition(":")
        yield name, slice_name or None


def _id_agrees(element: Mapping[str, Any]) -> bool:
    """Tell whether an id says the same as path and slice name; ids that tools of older versions made do not."""
    if "id" not in element:
        return False
    steps = list(_steps(element))
    names = element["path"].split(".")
    return [name for name, _ in steps] == names and steps[-1][1] == element.get("sliceName")


def _by_id(root: ElementTree, elements: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], ElementTree]]:
    for element in elements:
        found = root
        for name, slice_name in list(_steps(element))[1:]:
            found = found.child(name)
            if slice_name is not None:
                found = found.slice(slice_name)
        yield element, found


def _by_order(
    root: ElementTree, elements: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Mapping[str, Any], ElementTree]]:
    """Place each element under those met last, so that what follows a slice is in the slice."""
    trail = [root]
    for element in elements:
        names = element["path"].split(".")[1:]
        met = [found.name for found in trail[1:]]
        same = 0
        for name, other in zip_longest(names[:-1], met):
            if name is None or name != other:
                break
            same += 1
        del trail[same + 1 :]
        for name in names[same:]:
            trail.append(trail[-1].child(name))
        if "sliceName" in element and names:
            trail[-1] = trail[-2].child(names[-1]).slice(element["sliceName"])
        yield element, trail[-1]
