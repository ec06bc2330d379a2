"""A ConceptMap in itself: codes of the systems and value sets it maps between.

Spec: https://hl7.org/fhir/R4/conceptmap.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_api.model.outcome import Issue
from fhir_api.terminology import Terminology
from fhir_api.validation.rules.coded import has_code
from fhir_api.validation.rules.place import Place, Tree, items

_SIDES: Final = ("source", "target")


def concept_map(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check the codes of a ConceptMap."""
    sources, targets = (resource.get(f"{side}Canonical", resource.get(f"{side}Uri")) for side in _SIDES)
    terminology = place.scene.terminology.within(place.owner.container)
    for group, at in items(resource, "group", place):
        for element, element_at in items(group, "element", at):
            yield from _code(element, group.get("source"), element_at)
            if _is_outside(element, group.get("source"), sources, terminology):
                yield element_at.error("code-invalid", "The code is not in the map's source value set.", "code")
            for each, target_at in items(element, "target", element_at):
                yield from _code(each, group.get("target"), target_at)
                if _is_outside(each, group.get("target"), targets, terminology):
                    yield target_at.warning("code-invalid", "The code is not in the map's target value set.", "code")


def _code(element: Tree, system: str | None, at: Place) -> Iterator[Issue]:
    if system is not None and "code" in element and has_code(system, element["code"], at.scene) is False:
        yield at.warning("code-invalid", "The code system has no such code.", "code")


def _is_outside(element: Tree, system: str | None, value_set: str | None, terminology: Terminology) -> bool:
    if system is None or value_set is None or "code" not in element:
        return False
    coding = {"system": system, "code": element["code"]}
    return terminology.member_of(value_set, coding) is False
