"""Checking resources against profiles by canonical; profiles are compiled when first asked for, and kept.

Spec: https://hl7.org/fhir/R4/profiling.html
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from conformance.types import Binding, is_subtype
from fhir_api.model.outcome import Issue
from fhir_api.packages.library import Definition, Library
from fhir_api.terminology import Terminology
from fhir_api.validation.bindings import binding_issues
from fhir_api.validation.profiles.compiler import CompiledProfile, compile_profile
from fhir_api.validation.profiles.declared import claims
from fhir_api.validation.profiles.elements import ElementTree
from fhir_api.validation.profiles.extensions import Extensions
from fhir_api.validation.profiles.merging import TYPE_PREFIX
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import DEEPEST, Json, Known, Resolver, Run, within_bundle
from fhir_api.validation.profiles.snapshots import Problem, Snapshots, UnknownProfileError

_KEPT: Final = 2048
_MALFORMED: Final = (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError)
"""What reading a definition raises that has not the structure of one."""


class Profiles:
    """The profiles of a library, made ready; keep one for as long as the library's content stays the same.

    Args:
        library: where StructureDefinitions are found.
        terminology: what bindings and FHIRPath ask about codes; None leaves them unchecked.
    """

    def __init__(self, library: Library, terminology: Terminology | None = None) -> None:
        self.library = library
        self.terminology = terminology
        self._snapshots = Snapshots(library)
        self._compiled: OrderedDict[str, CompiledProfile] = OrderedDict()
        self._lock = threading.RLock()
        self._extensions = Extensions(self)

    def knows(self, canonical: str) -> bool:
        """Tell whether there is a StructureDefinition of that canonical.

        Raises:
            NotAtHandError: it has to be fetched first.
        """
        return self._snapshots.find(canonical) is not None

    def problems(self, canonical: str) -> tuple[Problem, ...]:
        """Return where a profile contradicts itself or its base; it is made ready for that.

        Raises:
            UnknownProfileError: there is no such profile, or it is based on one that there is not.
            NotAtHandError: a definition has to be fetched first.
        """
        return self._profile(canonical).problems

    def type_of(self, canonical: str) -> str | None:
        """Return the type that a profile constrains, None where there is no such profile."""
        definition = self._snapshots.find(canonical)
        return None if definition is None else str(definition.get("type", "")).removeprefix(TYPE_PREFIX)

    def definition(self, canonical: str) -> Definition | None:
        """Return a StructureDefinition, None if there is none.

        Raises:
            NotAtHandError: it has to be fetched first.
        """
        return self._snapshots.find(canonical)

    def root(self, canonical: str) -> ElementTree | None:
        """Return all elements of a profile, None where they cannot be made.

        Raises:
            NotAtHandError: a definition has to be fetched first.
        """
        try:
            with self._lock:
                return self._snapshots.snapshot(canonical).root
        except (UnknownProfileError, *_MALFORMED):
            return None

    def extension_issues(self, tree: Json, *, resolver: Resolver | None = None, is_strict: bool = False) -> list[Issue]:
        """Return what is wrong with the extensions of a resource, and of the resources in it; each issue once.

        Args:
            tree: the resource, parsed JSON, sound in structure.
            resolver: gives the resource that a reference leads to, or None.
            is_strict: whether an extension is an error whose URL says that it is defined and whose definition is not
                known; else it is a warning.

        Raises:
            NotAtHandError: a definition has to be fetched first; asked again after that, it goes on.
        """
        run = Run(self, tree, tree, resolver)
        self._extensions.check(run, Place(None, tree["resourceType"]), is_strict=is_strict)
        return list(dict.fromkeys(run.issues))

    def issues(
        self,
        tree: Json,
        canonical: str,
        *,
        path: str | None = None,
        root: Json | None = None,
        resolver: Resolver | None = None,
    ) -> list[Issue]:
        """Return what a profile finds wrong with a resource that is sound in structure; each issue once.

        Args:
            tree: the resource, parsed JSON.
            canonical: of the profile.
            path: where it stands, if it is in another resource.
            root: the resource that contains it, for a contained one.
            resolver: gives the resource that a reference leads to, or None.

        Raises:
            NotAtHandError: a definition has to be fetched first; asked again after that, it goes on.
        """
        run = Run(self, tree, tree if root is None else root, within_bundle(tree, resolver))
        resource_type = tree["resourceType"]
        self.apply(canonical, tree, resource_type, Place(None, path or resource_type), run)
        return list(dict.fromkeys(run.issues))

    def declared_issues(
        self, tree: Json, *, resolver: Resolver | None = None, with_implied: bool = False
    ) -> list[Issue]:
        """Return what the profiles find wrong that a resource, and the resources in it, claim in ``meta.profile``.

        Args:
            tree: the resource, parsed JSON, sound in structure.
            resolver: gives the resource that a reference leads to, or None.
            with_implied: whether vital signs have to follow their profiles although they do not claim it.

        Raises:
            NotAtHandError: a definition has to be fetched first; asked again after that, it goes on.
        """
        found: list[Issue] = []
        known: Known = {}
        within = within_bundle(tree, resolver)
        for claim in claims(tree, with_implied=with_implied):
            run = Run(self, claim.resource, claim.root, within, known)
            self.apply(claim.canonical, claim.resource, claim.resource["resourceType"], claim.place, run)
            found += run.issues
        return list(dict.fromkeys(found))

    def conforms(self, tree: Json, canonical: str, run: Run | None = None) -> bool | None:
        """Tell whether an element or resource conforms to a profile; None where there is no such profile."""
        kind = tree.get("resourceType") if type(tree) is dict else None
        kind = kind or self.type_of(canonical)
        return None if kind is None else self.holds(canonical, tree, kind, run or Run(self, tree, tree, None))

    def holds(self, canonical: str, value: Json, kind: str, run: Run) -> bool | None:
        """Tell whether a value of a type conforms to a profile; None where there is no such profile."""
        if not self.knows(canonical):
            return None
        key = (canonical, id(value))
        if key not in run.known:
            run.known[key] = (value, True)  # what leads back to itself does not fail by that
            is_resource = type(value) is dict and "resourceType" in value and value is not run.resource
            aside = run.within(value, is_contained=_is_contained(value, run)) if is_resource else run.aside()
            self.apply(canonical, value, kind, Place(None, kind), aside)
            run.known[key] = (value, aside.is_sound)
        return run.known[key][1]

    def apply(self, canonical: str, value: Json, kind: str, place: Place, run: Run) -> None:
        """Leave in a run what a profile finds wrong with a value of a type."""
        if run.depth > DEEPEST:
            return
        try:
            compiled = self._profile(canonical)
        except UnknownProfileError as unknown:
            text = f"The profile {unknown.canonical} is not known, so nothing was checked against it."
            run.add("warning", "not-found", text, place, "profile-unknown")
            return
        for problem in compiled.problems:
            text = f"The profile {compiled.canonical} is faulty at {problem.element}: {problem.text}."
            # a fault of the profile's author is none of the resource
            run.add("warning", "processing", text, place, "profile-faulty")
        if kind != compiled.type_name and not is_subtype(kind, compiled.type_name):
            text = f"Found the type {kind}, expected {compiled.type_name} (profile {compiled.canonical})."
            run.error("structure", text, place, "type")
            return
        if type(value) is dict and "resourceType" in value and value is not run.resource:
            inner = run.within(value, is_contained=_is_contained(value, run))
            _check(compiled, value, kind, place, inner)
            run.issues += inner.issues
        else:
            run.depth += 1
            _check(compiled, value, kind, place, run)
            run.depth -= 1

    def binding_issues(self, binding: Binding, coded: Json, kind: str, place: Place) -> Iterable[Issue]:
        """Return what is wrong with the codes of an element that is bound."""
        if self.terminology is None:
            return ()
        return binding_issues(self.terminology, binding, coded, kind, place.path())

    def _profile(self, canonical: str) -> CompiledProfile:
        """Return a profile made ready.

        Raises:
            UnknownProfileError: there is no such profile, or it is based on one that there is not.
            NotAtHandError: a definition has to be fetched first.
        """
        found = self._compiled.get(canonical)
        if found is None:
            with self._lock:
                found = self._compiled[canonical] = self._made(canonical)
                if len(self._compiled) > _KEPT:
                    self._compiled.popitem(last=False)
        return found

    def _made(self, canonical: str) -> CompiledProfile:
        try:
            return compile_profile(self._snapshots.snapshot(canonical), self._snapshots)
        except _MALFORMED:
            # what a package brings need not have the structure of a StructureDefinition
            type_name = self.type_of(canonical) or ""
            return CompiledProfile(canonical, type_name, (), (Problem(type_name, "it cannot be read"),))


def _is_contained(value: Json, run: Run) -> bool:
    return any(value is each for each in run.root.get("contained", ()))


def _check(compiled: CompiledProfile, value: Json, kind: str, place: Place, run: Run) -> None:
    try:
        for check in compiled.checks:
            check(value, kind, place, run)
    except _MALFORMED:
        text = f"The profile {compiled.canonical} states something that cannot be checked."
        run.add("warning", "processing", text, place, "profile-faulty")
