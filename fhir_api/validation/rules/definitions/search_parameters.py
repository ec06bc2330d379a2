"""A SearchParameter in itself, and beside the one it derives from.

Spec: https://hl7.org/fhir/R4/searchparameter.html
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.definitions.expressions import compiles
from fhir_api.validation.rules.place import Place, Tree, items

_ALL_TYPES = frozenset({"Resource", "DomainResource"})
_FEWEST_COMPONENTS = 2


def search_parameter(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check a SearchParameter."""
    if "expression" in resource:
        yield from compiles(resource["expression"], place.at("expression"))
    components = resource.get("component", ())
    is_composite = resource.get("type") == "composite"
    if is_composite and len(components) < _FEWEST_COMPONENTS:
        yield place.error("required", f"Found {len(components)} components, a composite has two or more.", "component")
    elif components and not is_composite:
        yield place.error("invalid", "Only a composite has components.", "component")
    for component, at in items(resource, "component", place):
        if "expression" in component:
            yield from compiles(component["expression"], at.at("expression"))
    if "derivedFrom" in resource:
        yield from _derived(resource, place)


def _derived(resource: Tree, place: Place) -> Iterator[Issue]:
    origin = place.scene.library.find("SearchParameter", resource["derivedFrom"])
    if origin is None:
        yield place.warning("not-found", "The parameter this one derives from is not known here.", "derivedFrom")
        return
    if resource.get("type") != origin.get("type"):
        expected = origin.get("type")
        yield place.error("invalid", f"The parameter this one derives from has the type {expected}.", "type")
    bases = set(origin.get("base", ()))
    for base, at in items(resource, "base", place):
        if base not in bases and bases.isdisjoint(_ALL_TYPES):
            yield at.error("invalid", f"The parameter this one derives from is not there for {base}.")
