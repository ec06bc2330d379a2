"""Profiles to closures that check what a profile adds to the definition of its type.

Structure, cardinality, bindings and invariants of R4 itself are checked elsewhere, so nothing of them is repeated.

Spec: https://hl7.org/fhir/R4/profiling.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from conformance.types import Element, nodes
from fhir_api.fhirpath import model
from fhir_api.packages.core import core_library
from fhir_api.validation.profiles.coding import binding_checks
from fhir_api.validation.profiles.conformity import type_checks
from fhir_api.validation.profiles.constraints import constraint_checks
from fhir_api.validation.profiles.discriminators import Means, UndecidableError, belonging
from fhir_api.validation.profiles.elements import ElementTree
from fhir_api.validation.profiles.merging import TYPE_PREFIX, greatest
from fhir_api.validation.profiles.occurrences import Reader, elements_of, reader
from fhir_api.validation.profiles.paths import Definitions
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Check, Json, Run
from fhir_api.validation.profiles.slicing import DEFAULT, Slice, Slicing, SlicingCheck, slicing_check
from fhir_api.validation.profiles.snapshots import Problem, Snapshot, Snapshots, short_type
from fhir_api.validation.profiles.stated import Rules
from fhir_api.validation.profiles.values import plain, value_checks

Member = Callable[[dict[str, Json], Place, Run], None]
"""Checks one element of a parent (JSON) at a place."""


class CompiledProfile(NamedTuple):
    """A profile made ready.

    Attributes:
        canonical: URL of the profile.
        type_name: the type it constrains.
        checks: what an instance has to keep.
        problems: where the profile contradicts itself or its base.
    """

    canonical: str
    type_name: str
    checks: tuple[Check, ...]
    problems: tuple[Problem, ...]


def compile_profile(snapshot: Snapshot, snapshots: Snapshots) -> CompiledProfile:
    """Return a profile made ready.

    Raises:
        NotAtHandError: a definition has to be fetched first.
    """
    compiler = _Compiler(snapshot, snapshots)
    type_name = _type_name(snapshot)
    checks = tuple(compiler.checks(snapshot.root, (type_name,)))
    return CompiledProfile(snapshot.definition["url"], type_name, checks, (*snapshot.problems, *compiler.problems))


def _is_of_r4(definition: Mapping[str, Any]) -> bool:
    return core_library().find("StructureDefinition", f"{definition['url']}|{definition.get('version')}") is not None


def _type_name(snapshot: Snapshot) -> str:
    """Return the type of what is checked, of a backbone element its path."""
    root, element_id = snapshot.root, snapshot.element_id
    if element_id is None:
        type_name: str = snapshot.definition["type"]
        return type_name.removeprefix(TYPE_PREFIX)
    path = ".".join(step.partition(":")[0] for step in element_id.split("."))
    return path if path in nodes() or len(root.types) != 1 else str(root.types[0]["code"])


class _Compiler:
    """Makes the checks of one profile."""

    def __init__(self, snapshot: Snapshot, snapshots: Snapshots) -> None:
        self.problems: list[Problem] = []
        self._profile: str = snapshot.definition["url"]
        self._is_bounded = not _is_of_r4(snapshot.definition)
        self._definitions = Definitions(snapshots, snapshot.root)

    def checks(
        self, tree: ElementTree, kinds: tuple[str, ...], element: Element | None = None, known: Rules | None = None
    ) -> Iterator[Check]:
        """Yield the checks of an element.

        Args:
            tree: the element in the profile.
            kinds: the types it may have.
            element: the element in R4's own definition; None for a root.
            known: rules that are checked elsewhere: those of what the element is a slice of.
        """
        rules = _without(tree.rules, known)
        yield from value_checks(rules, self._profile)
        yield from type_checks(ElementTree(tree.name, rules), element, self._profile)
        yield from constraint_checks(rules, list(kinds), element, self._profile, is_bounded=self._is_bounded)
        yield from binding_checks(rules, element)
        if tree.children:
            members = {kind: self._members(tree, kind) for kind in kinds}
            if any(members.values()):
                yield _checking_members(members)

    def _members(self, tree: ElementTree, kind: str) -> list[Member]:
        members = (self._member(kind, name, child) for name, child in tree.children.items())
        return [member for member in members if member is not None]

    def _member(self, parent_kind: str, name: str, tree: ElementTree) -> Member | None:
        element = elements_of(parent_kind).get(name)
        if element is None:
            return self._member_of_type(parent_kind, name, tree)
        if name == "value" and model.is_primitive(parent_kind):
            return None
        kinds = _kinds(tree, element)
        slicing = self._slicing(tree, kinds, element, tree.name)
        least, most = tree.rules.get("min", 0), greatest(tree.rules)
        bounds = (
            least if least > element.min else 0,
            most if most is not None and (element.max is None or most < element.max) else None,
        )
        checks = tuple(self.checks(tree, kinds, element))
        if not checks and slicing is None and bounds == (0, None):
            return None
        return _member(reader(element), element.name, bounds, checks, slicing, self._profile)

    def _member_of_type(self, parent_kind: str, name: str, tree: ElementTree) -> Member | None:
        """Return the check of a choice whose path names a type, ``valueQuantity``: that type only."""
        for long_name, element in elements_of(parent_kind).items():
            whole = ElementTree(long_name, {"type": [{"code": kind.code} for kind in element.types]})
            kind = short_type(name, whole)
            tree = tree.slices.get(name, tree)
            if kind is not None:
                rules = {**tree.rules, "type": tree.types or [kind]}
                return self._member(parent_kind, long_name, ElementTree(long_name, rules, tree.children, tree.slices))
        return None

    def _slicing(self, tree: ElementTree, kinds: tuple[str, ...], element: Element, place: str) -> SlicingCheck | None:
        slicing: dict[str, Any] = tree.rules.get("slicing", {})
        discriminators = slicing.get("discriminator", ())
        if not tree.slices or not discriminators:
            return None
        means = Means(tree, self._definitions, self._part)
        slices: list[Slice] = []
        rest: tuple[Check, ...] | None = None
        for name, each in tree.slices.items():
            own_kinds = _kinds(each, element) if element.is_choice else kinds
            checks = tuple(self.checks(each, own_kinds, element, tree.rules))
            if name == DEFAULT:
                rest = checks
                continue
            at = f"{place}:{name}"
            try:
                belongs = belonging(each, discriminators, means)
            except UndecidableError as error:
                self.problems.append(Problem(at, str(error)))
                return None
            below = self._slicing(each, own_kinds, element, at)
            slices.append(Slice(name, belongs, each.rules.get("min", 0), greatest(each.rules), checks, below))
        rules, is_ordered = slicing.get("rules", "open"), slicing.get("ordered", False)
        return slicing_check(Slicing(tree.name, tuple(slices), rest, rules, is_ordered, self._profile))

    def _part(self, tree: ElementTree, known: Rules | None) -> tuple[Check, ...]:
        kinds = tuple(kind["code"] for kind in tree.types)
        return tuple(self.checks(tree, kinds, known=known)) if kinds else ()


def _without(rules: Rules, known: Rules | None) -> Rules:
    """Return rules without those that are the same in *known*, constraints and types one by one."""
    if known is None:
        return rules
    own = {name: value for name, value in rules.items() if known.get(name) != value}
    if "constraint" in own:
        own["constraint"] = [one for one in own["constraint"] if one not in known.get("constraint", ())]
    return own


def _kinds(tree: ElementTree, element: Element) -> tuple[str, ...]:
    """Return the types that values may have, of R4's own definition where it names a backbone element."""
    if element.is_choice or element.types[0].code == "Resource":
        return tuple(kind["code"] for kind in tree.types) or tuple(kind.code for kind in element.types)
    return (element.types[0].code,)


def _checking_members(members: dict[str, list[Member]]) -> Check:
    only = next(iter(members.values())) if len(members) == 1 else None

    def check(value: Json, kind: str, place: Place, run: Run) -> None:
        parent = value if type(value) is dict else getattr(value, "element", None)
        if type(parent) is not dict:
            parent = plain(value) if type(plain(value)) is dict else {}
        inside = run
        if "resourceType" in parent and parent is not run.resource:
            inside = run.within(parent, is_contained=place.step == "contained")
        for member in members.get(kind, ()) if only is None else only:
            member(parent, place, inside)
        if inside is not run:
            run.issues += inside.issues

    return check


def _member(
    read: Reader,
    name: str,
    bounds: tuple[int, int | None],
    checks: tuple[Check, ...],
    slicing: SlicingCheck | None,
    profile: str,
) -> Member:
    least, most = bounds

    def member(parent: dict[str, Json], place: Place, run: Run) -> None:
        found = read(parent, place)
        if len(found) < least:
            text = f"Found {len(found)} of '{name}', expected at least {least} (profile {profile})."
            run.error("required", text, Place(place, name), "min")
        elif most is not None and len(found) > most:
            text = f"Found {len(found)} of '{name}', expected at most {most} (profile {profile})."
            run.error("structure", text, found[most].place, "max")
        for value, kind, at in found:
            for check in checks:
                check(value, kind, at, run)
        if slicing is not None:
            slicing(found, place, run)

    return member
