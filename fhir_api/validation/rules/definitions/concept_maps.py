"""A ConceptMap in itself: codes that exist in the systems it maps between.

Spec: https://hl7.org/fhir/R4/conceptmap.html
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.coded import has_code
from fhir_api.validation.rules.place import Place, Tree, items


def concept_map(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check the codes of a ConceptMap."""
    for group, at in items(resource, "group", place):
        source, target = group.get("source"), group.get("target")
        for element, element_at in items(group, "element", at):
            yield from _code(element, source, element_at)
            for each, target_at in items(element, "target", element_at):
                yield from _code(each, target, target_at)


def _code(element: Tree, system: str | None, at: Place) -> Iterator[Issue]:
    if system is not None and "code" in element and has_code(system, element["code"], at.scene) is False:
        yield at.warning("code-invalid", "The code system has no such code.", "code")
