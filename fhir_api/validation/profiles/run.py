"""One check of one resource: what the closures of a profile are handed, and where they leave their issues."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final, Protocol

from conformance.types import Binding
from fhir_api.fhirpath import Budget, Environment, typed_only
from fhir_api.model.outcome import Issue
from fhir_api.packages.library import Definition
from fhir_api.terminology import Terminology
from fhir_api.validation.profiles.elements import ElementTree
from fhir_api.validation.profiles.places import Place

Json = Any
Resolver = Callable[[str], dict[str, Any] | None]
Known = dict[tuple[str, int], tuple[Json, bool]]
Check = Callable[[Json, str, Place, "Run"], None]
"""Checks one element: its value (an ``Item`` for a primitive with a companion), its FHIR type and its place."""

DEEPEST: Final = 48
"""How many profiles may lead to each other before the rest is not checked: real ones stay below 10."""


class OtherProfiles(Protocol):
    """The profiles that one profile may lead to; see :class:`fhir_api.validation.profiles.Profiles`."""

    @property
    def terminology(self) -> Terminology | None:
        """What codes mean."""

    def knows(self, canonical: str) -> bool:
        """Tell whether there is a StructureDefinition of that canonical."""

    def type_of(self, canonical: str) -> str | None:
        """Return the type that a profile constrains."""

    def definition(self, canonical: str) -> Definition | None:
        """Return a StructureDefinition."""

    def root(self, canonical: str) -> ElementTree | None:
        """Return all elements of a profile."""

    def conforms(self, tree: Json, canonical: str, run: Run | None = None) -> bool | None:
        """Tell whether an element or resource conforms to a profile."""

    def holds(self, canonical: str, value: Json, kind: str, run: Run) -> bool | None:
        """Tell whether a value of a type conforms to a profile."""

    def apply(self, canonical: str, value: Json, kind: str, place: Place, run: Run) -> None:
        """Leave in a run what a profile finds wrong with a value of a type."""

    def binding_issues(self, binding: Binding, coded: Json, kind: str, place: Place) -> Iterable[Issue]:
        """Return what is wrong with the codes of an element that is bound."""


def within_bundle(tree: Json, resolver: Resolver | None) -> Resolver | None:
    """Return a resolver that looks into a Bundle first; the same one where a resource is none."""
    if tree.get("resourceType") != "Bundle":
        return resolver
    by_url: dict[str, Json] = {}
    for entry in tree.get("entry", ()):
        resource, url = entry.get("resource"), entry.get("fullUrl")
        if resource is not None and type(url) is str:
            by_url.setdefault(url, resource)
            # a relative reference meets what stands at the end of a RESTful fullUrl
            by_url.setdefault("/".join(url.rsplit("/", 2)[-2:]), resource)

    def find(reference: str) -> Json | None:
        found = by_url.get(reference.partition("/_history/")[0])
        return resolver(reference) if found is None and resolver is not None else found

    return find


class Run:
    """The check of one resource, or of one in it.

    Attributes:
        profiles: where further profiles are found.
        resource: ``%resource``.
        root: ``%rootResource``: what contains a contained resource, else the resource itself.
        issues: what was found up to now.
        known: by profile and identity: the value, which so keeps its identity, and whether it conforms; True while
            that is being found out.
        depth: how many profiles led here.
        budget: what the expressions of profiles may still take, shared by all runs that come from one.
    """

    __slots__ = (
        "_environment",
        "_typed",
        "budget",
        "depth",
        "issues",
        "known",
        "profiles",
        "resolver",
        "resource",
        "root",
    )

    def __init__(
        self,
        profiles: OtherProfiles,
        resource: Json,
        root: Json,
        resolver: Resolver | None,
        known: Known | None = None,
        depth: int = 0,
        budget: Budget | None = None,
    ) -> None:
        self.profiles = profiles
        self.resource = resource
        self.root = root
        self.resolver = resolver
        self.issues: list[Issue] = []
        self.known: Known = {} if known is None else known
        self.depth = depth
        self.budget = budget or Budget()
        self._environment: Environment | None = None
        self._typed: Environment | None = None

    @property
    def environment(self) -> Environment:
        """What FHIRPath expressions know besides their input."""
        if self._environment is None:
            self._environment = Environment(
                resource=self.resource,
                root_resource=self.root,
                resolver=self.resolver,
                terminology=self.profiles.terminology,
                conforms_to=self._conforms_to,
                budget=self.budget,
            )
        return self._environment

    @property
    def typed_environment(self) -> Environment:
        """The same, where a reference that leads nowhere gives the type in its text.

        That is enough for ``resolve() is Patient``.
        """
        if self._typed is None:
            resolver = self.resolver
            self._typed = replace(
                self.environment,
                resolver=typed_only if resolver is None else lambda text: resolver(text) or typed_only(text),
            )
        return self._typed

    def environment_with(self, variables: dict[str, Json]) -> Environment:
        """Return the environment with external constants."""
        return replace(self.environment, variables=variables)

    def add(self, severity: str, code: str, text: str, place: Place, *details: str) -> None:
        """Leave an issue."""
        self.issues.append(Issue(severity, code, text, (place.path(),), details))

    def error(self, code: str, text: str, place: Place, *details: str) -> None:
        """Leave an issue that makes the resource invalid."""
        self.issues.append(Issue("error", code, text, (place.path(),), details))

    def aside(self) -> Run:
        """Return a run over the same resource whose issues are its own."""
        return Run(self.profiles, self.resource, self.root, self.resolver, self.known, self.depth + 1, self.budget)

    def within(self, resource: Json, *, is_contained: bool) -> Run:
        """Return a run over a resource in this one, whose issues are its own."""
        root = self.root if is_contained else resource
        return Run(self.profiles, resource, root, self.resolver, self.known, self.depth + 1, self.budget)

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found that makes the resource invalid."""
        return not any(issue.severity in ("error", "fatal") for issue in self.issues)

    def _conforms_to(self, value: Json, canonical: str) -> bool | None:
        return self.profiles.conforms(value, canonical, self)
