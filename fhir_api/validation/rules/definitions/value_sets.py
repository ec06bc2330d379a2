"""A ValueSet in itself: systems that are absolute, codes that exist, no circle.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.coded import has_code, names_value_set
from fhir_api.validation.rules.definitions.filters import filters
from fhir_api.validation.rules.place import Place, Tree, items
from fhir_api.validation.rules.uris import is_absolute


def value_set(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check what a ValueSet is composed of."""
    compose = resource.get("compose", {})
    for name in ("include", "exclude"):
        for include, at in items(compose, name, place.at("compose")):
            yield from _include(include, resource.get("url"), at)


def _include(include: Tree, own_url: str | None, at: Place) -> Iterator[Issue]:
    for canonical, canonical_at in items(include, "valueSet", at):
        if own_url is not None and str(canonical).partition("|")[0] == own_url:
            yield canonical_at.error("invalid", "The value set includes itself.")
    system = include.get("system")
    if system is None:
        return
    if not is_absolute(system):
        yield at.error("value", "Found a relative URI, expected the absolute one of a code system.", "system")
    elif names_value_set(system, at.scene):
        yield at.error("value", "Found the URL of a value set, expected that of a code system.", "system")
    else:
        yield from _concepts(include, system, at)
        yield from filters(include, system, at)


def _concepts(include: Tree, system: str, at: Place) -> Iterator[Issue]:
    seen: set[str] = set()
    for concept, concept_at in items(include, "concept", at):
        code = concept.get("code", "")
        if code in seen:
            yield concept_at.warning("duplicate", "The code is listed twice.", "code")
        seen.add(code)
        if has_code(system, code, at.scene) is False:
            yield concept_at.error("code-invalid", "The code system has no such code.", "code")
