"""A CapabilityStatement beside the definitions it names.

Spec: https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.place import Place, Tree, items


def capability_statement(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check that search parameters have the type of their definitions."""
    for rest, rest_at in items(resource, "rest", place):
        for each, at in ((rest, rest_at), *items(rest, "resource", rest_at)):
            for parameter, parameter_at in items(each, "searchParam", at):
                definition = place.scene.library.find("SearchParameter", parameter.get("definition", ""))
                if definition is not None and definition.get("type") != parameter.get("type"):
                    expected = definition.get("type")
                    yield parameter_at.error("invalid", f"The parameter's definition has the type {expected}.", "type")
