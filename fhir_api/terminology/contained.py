"""Definitions that a resource contains; what it is made of names them ``#id``.

Spec: https://hl7.org/fhir/R4/references.html#contained
"""

from __future__ import annotations

from fhir_api.packages.library import Definition


class ContainedLibrary:
    """The conformance resources inside one resource, by ``#id`` and by their own canonicals."""

    def __init__(self, container: Definition) -> None:
        self._contained = [each for each in container.get("contained", ()) if isinstance(each, dict)]

    def find(self, resource_type: str, canonical: str) -> Definition | None:
        """Return a contained definition, None if there is none."""
        url, _, version = canonical.partition("|")
        for each in self._contained:
            if each.get("resourceType") != resource_type:
                continue
            if canonical == f"#{each.get('id')}" or (url == each.get("url") and version in {"", each.get("version")}):
                return each
        return None
