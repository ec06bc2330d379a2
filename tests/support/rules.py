"""Asking the rules beyond structure, with a library of given definitions."""

from __future__ import annotations

from typing import Any, NamedTuple

from fhir_api.packages.library import Definition
from fhir_api.terminology import Terminology
from fhir_api.validation.rules import Exists, Options, issues


class Given:
    """A library of definitions that a test gives."""

    def __init__(self, *definitions: dict[str, Any]) -> None:
        self._definitions = {(each["resourceType"], each["url"]): each for each in definitions}

    def find(self, resource_type: str, canonical: str) -> Definition | None:
        return self._definitions.get((resource_type, canonical.partition("|")[0]))


class Told(NamedTuple):
    """What a test wants to know of an issue."""

    severity: str
    rule: str
    place: str


def told(
    resource: dict[str, Any], *definitions: dict[str, Any], exists: Exists | None = None, options: Options | None = None
) -> set[Told]:
    """Return what the rules say of a resource."""
    library = Given(*definitions)
    found = issues(
        resource, library=library, terminology=Terminology(library), exists=exists, options=options or Options()
    )
    return {Told(issue.severity, issue.details[0], issue.expressions[0]) for issue in found}


def errors(resource: dict[str, Any], *definitions: dict[str, Any], **options: Any) -> set[tuple[str, str]]:
    """Return rule and place of each error."""
    return {(each.rule, each.place) for each in told(resource, *definitions, **options) if each.severity == "error"}
