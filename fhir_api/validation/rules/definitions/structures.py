"""A StructureDefinition in itself: paths of its type, constraints that compile, values of an allowed type.

Spec: https://hl7.org/fhir/R4/structuredefinition.html, https://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conformance.types import is_subtype, nodes
from fhir_api.model.outcome import Issue
from fhir_api.packages.library import Definition, Library
from fhir_api.validation.profiles.snapshots import Snapshots, UnknownProfileError
from fhir_api.validation.rules.definitions.expressions import compiles
from fhir_api.validation.rules.place import Place, Tree, items
from fhir_api.validation.rules.uris import is_absolute

_OF_VALUES: Final = ("fixed", "pattern", "defaultValue", "minValue", "maxValue")


def structure_definition(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check a StructureDefinition."""
    yield from _type(resource, place)
    for name in ("snapshot", "differential"):
        yield from _elements(resource, resource.get(name, {}), place.at(name))
    yield from _contradictions(resource, place)


def _type(resource: Tree, place: Place) -> Iterator[Issue]:
    kind = resource.get("type", "")
    if kind not in nodes() and not is_absolute(kind):
        yield place.error("invalid", "Found a type that R4 does not have; other types are absolute URLs.", "type")
    base = place.scene.library.find("StructureDefinition", resource.get("baseDefinition", ""))
    if base is None:
        return
    if resource.get("derivation") == "constraint" and base.get("type") != kind:
        yield place.error("invalid", f"A constraint keeps the type of its base, {base.get('type')}.", "type")
    elif resource.get("derivation") == "specialization" and base.get("type") == kind:
        yield place.error("invalid", "A specialization has another type than its base.", "type")


def _elements(resource: Tree, view: Tree, place: Place) -> Iterator[Issue]:
    # a logical model is named by a URL, its paths by the end of it
    root = str(resource.get("type", "")).rpartition("/")[2]
    ids: set[str] = set()
    for element, at in items(view, "element", place):
        if str(element.get("path", "")).partition(".")[0] != root:
            yield at.error(
                "invalid", f"Found a path of another type, expected one that starts with {root[:64]}.", "path"
            )
        if element.get("id") in ids:
            yield at.error("duplicate", "Another element of this view has the same id.", "id")
        ids.add(str(element.get("id")))
        yield from _constraints(element, at)
        yield from _values(element, at)
        yield from _profiles(element, at)


def _constraints(element: Tree, place: Place) -> Iterator[Issue]:
    for constraint, at in items(element, "constraint", place):
        if "expression" in constraint:
            yield from compiles(constraint["expression"], at.at("expression"))


def _values(element: Tree, at: Place) -> Iterator[Issue]:
    codes = {kind.get("code", "") for kind in element.get("type", ())}
    if not codes:
        return
    names = {code[:1].upper() + code[1:] for code in codes}
    for member in element:
        prefix = next((each for each in _OF_VALUES if member.startswith(each)), None)
        # FHIRPath types stand for id and the values of primitives
        if prefix is not None and member[len(prefix) :] not in names and not any("/" in code for code in codes):
            expected = " or ".join(sorted(codes)[:8])
            yield at.error("invalid", f"Found {member}, but the element is {expected}.", prefix)


def _profiles(element: Tree, place: Place) -> Iterator[Issue]:
    """Check that the profiles of a type are profiles of this type."""
    for kind, at in items(element, "type", place):
        code = kind.get("code", "")
        for canonical, canonical_at in items(kind, "profile", at):
            profile = at.scene.library.find("StructureDefinition", str(canonical))
            wanted = None if profile is None else profile.get("type")
            if wanted is not None and not _may_follow(code, wanted):
                yield canonical_at.error("invalid", f"Found a profile of {wanted}, the type is {code}.")


def _may_follow(code: str, wanted: str) -> bool:
    """Tell whether an element of a type may follow a profile of another; a resource of any type may be one of it."""
    known = nodes().get(code)
    if known is None or is_subtype(code, wanted):
        return True
    return known.kind == "resource" and is_subtype(wanted, code)


class _With:
    """A library, and in it a definition that it has not, or in another form."""

    def __init__(self, library: Library, definition: Definition) -> None:
        self._library = library
        self._definition = definition

    def find(self, resource_type: str, canonical: str) -> Definition | None:
        """See :class:`fhir_api.packages.library.Library`."""
        if resource_type == "StructureDefinition" and canonical == self._definition.get("url"):
            return self._definition
        return self._library.find(resource_type, canonical)


def _contradictions(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check the differential of a profile against the snapshot of its base."""
    library, url, base = place.scene.library, resource.get("url"), resource.get("baseDefinition")
    is_profile = resource.get("derivation") == "constraint" and "differential" in resource
    if not is_profile or url is None or base is None or base == url:
        return
    try:
        found = Snapshots(_With(library, resource), trusts_published=False).snapshot(url)
    except (UnknownProfileError, KeyError):
        diagnostics = "The base of the profile, or one below it, is not known or not complete."
        yield place.warning("not-found", diagnostics, "baseDefinition")
        return
    places = {each.get("id"): at for each, at in items(resource["differential"], "element", place.at("differential"))}
    for problem in found.problems:
        yield places.get(problem.element, place).error("invalid", f"Against its base: {problem.text}.")
