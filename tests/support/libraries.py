"""Libraries of definitions that a test writes down."""

from __future__ import annotations

from typing import Any

from fhir_api.packages.core import core_library
from fhir_api.packages.library import Definition, Library


class ListLibrary:
    """A library over a list of definitions; what it does not have, another library is asked for."""

    def __init__(self, definitions: list[dict[str, Any]], beyond: Library | None = None) -> None:
        self._definitions = definitions
        self._beyond = beyond

    def find(self, resource_type: str, canonical: str) -> Definition | None:
        url, _, version = canonical.partition("|")
        for each in self._definitions:
            named = (each["resourceType"], each.get("url"))
            if named == (resource_type, url) and version in {"", each.get("version")}:
                return each
        return None if self._beyond is None else self._beyond.find(resource_type, canonical)


def beside_core(*definitions: dict[str, Any]) -> ListLibrary:
    """Return a library with some definitions and those of R4."""
    return ListLibrary(list(definitions), core_library())
