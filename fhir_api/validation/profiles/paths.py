"""The paths of discriminators: what they are in a profile, and what they give in a resource.

Spec: https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fhir_api import fhirpath
from fhir_api.fhirpath import Item, type_of
from fhir_api.validation.profiles.elements import CHOICE, ElementTree
from fhir_api.validation.profiles.merging import TYPE_PREFIX
from fhir_api.validation.profiles.occurrences import Occurrence
from fhir_api.validation.profiles.run import Json, Run
from fhir_api.validation.profiles.snapshots import Snapshots, UnknownProfileError
from fhir_api.validation.profiles.values import stated

_STEP: Final = re.compile(
    r"\s*(?:(\$this)|([A-Za-z]+)\(\s*['\"]?([^'\")]*)['\"]?\s*\)|([A-Za-z]\w*)(?:\[x\])?)\s*(?:\.|$)"
)
Found = tuple[Json, str]
"""A value with its FHIR type."""
PathReader = Callable[[Occurrence, Run], list[Found]]


class PathError(ValueError):
    """A discriminator's path is none that FHIR allows."""


def steps_of(path: str) -> list[tuple[str, str | None]]:
    """Return the steps of a path, functions with their argument.

    Raises:
        PathError: it has other steps than ``$this``, names, ``extension``, ``resolve`` and ``ofType``.
    """
    steps: list[tuple[str, str | None]] = []
    end = 0
    while end < len(path):
        match = _STEP.match(path, end)
        if match is None:
            raise PathError(path)
        this, function, argument, name = match.groups()
        if function is not None:
            steps.append((f"{function}()", argument))
        elif this is None:
            steps.append((name, None))
        end = match.end()
    return steps


def reader(path: str, *, only_types: bool = False) -> PathReader:
    """Return what gives the values at a path from an element of a resource.

    Args:
        path: of a discriminator.
        only_types: whether a resource that cannot be had may be given with nothing but its type.
    """
    if path == "$this":
        return lambda found, _run: [(found.value, found.kind)]

    def read(found: Occurrence, run: Run) -> list[Found]:
        compiled = fhirpath.compile(path.replace(CHOICE, ""), type_name=found.kind)
        environment = run.typed_environment if only_types else run.environment
        return [_typed(item) for item in compiled.items(found.value, environment)]

    return read


def _typed(item: Json) -> Found:
    if type(item) is Item:
        return (item if item.element else item.value), item.type
    return item, type_of(item)


class Definitions:
    """Follows paths in profiles."""

    def __init__(self, snapshots: Snapshots, root: ElementTree) -> None:
        self._snapshots = snapshots
        self._root = root

    def at(self, start: ElementTree, path: str) -> list[ElementTree]:
        """Return the elements of profiles that say what stands at a path.

        Raises:
            PathError: the path is none that FHIR allows.
        """
        found = [start]
        for step, argument in steps_of(path):
            found = [after for before in found for after in self._after(before, step, argument)]
        return found

    def _after(self, before: ElementTree, step: str, argument: str | None) -> Iterable[ElementTree]:
        match step:
            case "extension()":
                return self._extensions(before, argument or "")
            case "resolve()":
                return self._targets(before)
            case "ofType()" | "as()":
                return _of_type(before, argument or "")
            case name if not name.endswith("()"):
                return self._children(before, name)
        raise PathError(step)

    def _children(self, before: ElementTree, name: str) -> Iterator[ElementTree]:
        yield from _inside_values(before, name)
        for children in self._contents(before):
            child = children.get(name) or children.get(name + CHOICE)
            if child is not None:
                yield child
                yield from child.all_slices()

    def _contents(self, before: ElementTree) -> Iterator[dict[str, ElementTree]]:
        """Yield what says which children an element has: its profile, and those that its types name."""
        if before.children:
            yield before.children
        for kind in before.types:
            for canonical in kind.get("profile", ()):
                root = self._profile(canonical)
                if root is not None:
                    yield root.children
                elif kind["code"] == "Extension":
                    yield {"url": ElementTree("url", {"fixedUri": canonical.partition("|")[0]})}
        if not before.children:
            yield self._snapshots.content(before.rules, self._root)

    def _profile(self, canonical: str) -> ElementTree | None:
        try:
            return self._snapshots.snapshot(canonical).root
        except UnknownProfileError:
            return None

    def _extensions(self, before: ElementTree, url: str) -> Iterator[ElementTree]:
        for children in self._contents(before):
            for name in ("extension", "modifierExtension"):
                for each in children[name].all_slices() if name in children else ():
                    if any(stated(found.rules, "fixed") == url for found in self._children(each, "url")):
                        yield each

    def _targets(self, before: ElementTree) -> Iterator[ElementTree]:
        for kind in before.types:
            for canonical in kind.get("targetProfile", ()):
                name = canonical.partition("|")[0].removeprefix(TYPE_PREFIX)
                type_name = self._type_name(canonical) or name
                types = {"type": [{"code": type_name, "profile": [canonical]}]}
                root = self._profile(canonical)
                yield ElementTree(name, {**(root.rules if root else {}), **types}, root.children if root else {})

    def _type_name(self, canonical: str) -> str | None:
        definition = self._snapshots.find(canonical)
        return None if definition is None else definition["type"]


def _inside_values(before: ElementTree, name: str) -> Iterator[ElementTree]:
    """Yield what the fixed value or pattern of an element says of a child."""
    for stem in ("fixed", "pattern"):
        own = stated(before.rules, stem)
        if type(own) is dict and name in own:
            inside = own[name]
            for value in inside if type(inside) is list else [inside]:
                yield ElementTree(name, {f"{stem}Value": value})


def _of_type(before: ElementTree, code: str) -> Iterator[ElementTree]:
    if any(kind["code"] == code for kind in before.types):
        only = [kind for kind in before.types if kind["code"] == code]
        yield ElementTree(before.name, {**before.rules, "type": only}, before.children, before.slices)
