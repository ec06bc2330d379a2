"""Snapshots: all the elements of a profile, made by laying its differential over the snapshot of its base.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from conformance.types import nodes
from fhir_api.packages.library import Definition, Library
from fhir_api.validation.profiles.elements import CHOICE, ElementTree, element_tree
from fhir_api.validation.profiles.merging import TYPE_PREFIX, merged
from fhir_api.validation.profiles.stated import Rules

_KEPT: Final = 128
_BY_URL: Final = {"discriminator": [{"type": "value", "path": "url"}], "ordered": False, "rules": "open"}
_BY_TYPE: Final = {"discriminator": [{"type": "type", "path": "$this"}], "ordered": False, "rules": "open"}
_BY_ONLY_TYPE: Final = {**_BY_TYPE, "rules": "closed"}
_EXTENSIONS: Final = ("extension", "modifierExtension")


class UnknownProfileError(LookupError):
    """There is no StructureDefinition of a canonical."""

    def __init__(self, canonical: str) -> None:
        super().__init__(canonical)
        self.canonical = canonical


class Problem(NamedTuple):
    """Where a profile contradicts itself or its base.

    Attributes:
        element: id of the element, such as ``Patient.extension:race``.
        text: what is wrong.
    """

    element: str
    text: str


class Snapshot(NamedTuple):
    """A profile with all its elements.

    Attributes:
        definition: the StructureDefinition.
        root: its elements.
        problems: its contradictions.
        element_id: of the element that *root* is; None for the root.
    """

    definition: Definition
    root: ElementTree
    problems: tuple[Problem, ...]
    element_id: str | None = None


class Snapshots:
    """Snapshots by canonical; the last used ones are kept.

    Args:
        library: where the StructureDefinitions are.
        trusts_published: whether a snapshot that a definition brings is taken; else its differential decides.
    """

    def __init__(self, library: Library, *, trusts_published: bool = True) -> None:
        self._library = library
        self._trusts_published = trusts_published
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()
        self._in_work: list[str] = []

    def find(self, canonical: str) -> Definition | None:
        """Return a StructureDefinition, None if there is none."""
        return self._library.find("StructureDefinition", canonical.partition("#")[0])

    def snapshot(self, canonical: str) -> Snapshot:
        """Return the snapshot of a profile or type; after ``#`` the id of an element gives that element's.

        Raises:
            UnknownProfileError: there is no such definition, or none of one it is based on.
            NotAtHandError: a definition has to be fetched first.
        """
        found = self._kept.pop(canonical, None) or self._made(canonical)
        self._kept[canonical] = found
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def content(self, rules: Rules, root: ElementTree) -> dict[str, ElementTree]:
        """Return the children that an element without children of its own gets from its types."""
        reference = rules.get("contentReference")
        if reference:
            return self._referenced(reference, root)
        types = rules.get("type", [])
        if len(types) != 1:
            return self._common([kind["code"] for kind in types])
        profiles = types[0].get("profile", ())
        if len(profiles) == 1 and self.find(profiles[0]) is not None:
            return self.snapshot(profiles[0]).root.children
        code = types[0]["code"]
        return self.snapshot(TYPE_PREFIX + code).root.children if code in nodes() else {}

    def _common(self, codes: list[str]) -> dict[str, ElementTree]:
        """Return the children that any of some types has; nothing of them is demanded."""
        found: dict[str, ElementTree] = dict(self.snapshot(f"{TYPE_PREFIX}Element").root.children)
        for code in codes if all(code in nodes() for code in codes) else ():
            for name, child in self.snapshot(TYPE_PREFIX + code).root.children.items():
                found.setdefault(name, ElementTree(name, {**child.rules, "min": 0}))
        return found

    def _referenced(self, reference: str, root: ElementTree) -> dict[str, ElementTree]:
        url, _, path = reference.partition("#")
        found = self.snapshot(url).root if url else root
        for name in path.split(".")[1:]:
            if name not in found.children:
                return {}
            found = found.children[name]
        return found.children

    def _made(self, canonical: str) -> Snapshot:
        url, _, element_id = canonical.partition("#")
        if element_id:
            whole = self.snapshot(url)
            root = whole.root.element(element_id)
            if root is None:
                raise UnknownProfileError(canonical)
            return Snapshot(whole.definition, root, whole.problems, element_id)
        definition = self.find(canonical)
        if definition is None:
            raise UnknownProfileError(canonical)
        type_name = definition["type"].removeprefix(TYPE_PREFIX)
        published = definition.get("snapshot", {}).get("element")
        is_profile = definition.get("derivation") == "constraint"
        if published and (self._trusts_published or not is_profile):
            return Snapshot(definition, element_tree(published, type_name), ())
        if canonical in self._in_work:
            own = ElementTree(type_name)
            return Snapshot(definition, own, (Problem(type_name, "the profile is its own base"),))
        self._in_work.append(canonical)
        try:
            base = self.snapshot(definition["baseDefinition"])
            own = element_tree(definition.get("differential", {}).get("element", ()), type_name)
            merging = _Merging(self, base.root, is_profile=is_profile)
            root = merging.element(base.root, own, type_name)
            root.name = type_name
            return Snapshot(definition, root, (*base.problems, *merging.problems))
        finally:
            self._in_work.pop()


class _Merging:
    """Lays one differential over its base."""

    def __init__(self, snapshots: Snapshots, root: ElementTree, *, is_profile: bool) -> None:
        self.problems: list[Problem] = []
        self._snapshots = snapshots
        self._root = root
        self._is_profile = is_profile

    def element(self, base: ElementTree, own: ElementTree, place: str) -> ElementTree:
        rules, contradictions = merged(base.rules, own.rules)
        self.problems += [Problem(place, text) for text in contradictions]
        children, slices = base.children, base.slices
        if own.children:
            children = self._children(children or self._snapshots.content(rules, self._root), own, place)
        if own.slices:
            rules = _sliced(base.name, rules)
            slices = self._slices(ElementTree(base.name, rules, children, slices), own, place)
        return ElementTree(base.name, rules, children, slices)

    def _children(self, base: dict[str, ElementTree], own: ElementTree, place: str) -> dict[str, ElementTree]:
        found = dict(base)
        for name, child in _long_forms(base, own.children).items():
            at = f"{place}.{name}"
            if name in found:
                found[name] = self.element(found[name], child, at)
            elif self._is_profile:
                self.problems.append(Problem(at, "its base has no such element"))
            else:
                found[name] = child
        return found

    def _slices(self, base: ElementTree, own: ElementTree, place: str) -> dict[str, ElementTree]:
        found = dict(base.slices)
        for name, each in own.slices.items():
            start = found.get(name) or ElementTree(base.name, _slice_start(base, name), base.children)
            found[name] = self.element(start, each, f"{place}:{name}")
        return found


def _sliced(name: str, rules: Rules) -> Rules:
    """Return rules with the slicing that goes without saying: extensions by url, choices by type."""
    if "slicing" in rules:
        return rules
    if name in _EXTENSIONS:
        return {**rules, "slicing": _BY_URL}
    return {**rules, "slicing": _BY_TYPE} if name.endswith(CHOICE) else rules


def _slice_start(base: ElementTree, slice_name: str) -> Rules:
    """Return the rules a new slice starts with: those of what it slices, but nothing obliges to have it."""
    rules: Rules = {name: value for name, value in base.rules.items() if name != "slicing"}
    rules["min"] = 0
    if rules.get("max") == "0":
        # "none but these": what is sliced is left out, its slices say how often they stand
        del rules["max"]
    kind = short_type(slice_name, base)
    return rules if kind is None else {**rules, "type": [kind]}


def short_type(name: str, choice: ElementTree) -> dict[str, Any] | None:
    """Return the type that ``valueQuantity`` names of ``value[x]``."""
    stem = choice.name.removesuffix(CHOICE)
    if not choice.name.endswith(CHOICE) or not name.startswith(stem):
        return None
    return next((kind for kind in choice.types if stem + kind["code"][0].upper() + kind["code"][1:] == name), None)


def _long_forms(base: dict[str, ElementTree], own: dict[str, ElementTree]) -> dict[str, ElementTree]:
    """Return a differential's children by the names of the base: ``valueQuantity`` is a slice of ``value[x]``.

    Where neither base nor differential say more of the choice, only the types that are named so stay allowed.
    """
    own = {name + CHOICE if name + CHOICE in base else name: child for name, child in own.items()}
    found = {name: child for name, child in own.items() if name in base or _choice_of(name, base.values()) is None}
    for name, child in own.items():
        choice = None if name in found else _choice_of(name, base.values())
        if choice is None:
            continue
        kind = short_type(name, choice) or {}
        part = child.slices.get(name, child)
        part_rules = {"sliceName": name, "type": [kind], **part.rules}
        part = ElementTree(choice.name, part_rules, part.children, part.slices)
        whole = found.get(choice.name, ElementTree(choice.name))
        rules = whole.rules
        if choice.name not in own and not choice.slices:
            rules = {"type": [*whole.types, {"code": kind["code"]}], "slicing": _BY_ONLY_TYPE}
        found[choice.name] = ElementTree(choice.name, rules, whole.children, {**whole.slices, name: part})
    return found


def _choice_of(name: str, elements: Iterable[ElementTree]) -> ElementTree | None:
    return next((element for element in elements if short_type(name, element) is not None), None)
