"""The index entries of a few parameters only.

Spec: https://hl7.org/fhir/R4/searchparameter.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache

from msgspec.structs import replace

from fhir_api.search.definitions import SearchDefinitions, base_definitions
from fhir_api.search.extract.extractor import Extractor
from fhir_api.search.query import Parameter


class _Only(SearchDefinitions):
    """A few parameters, of R4 or of a tenant."""

    def __init__(self, parameters: tuple[Parameter, ...]) -> None:
        super().__init__(())
        # each by itself, wherever the index has its rows
        self._chosen = tuple(replace(each, parts=(), only=None) for each in parameters)

    def parameters(self, resource_type: str) -> Mapping[str, Parameter]:
        return {each.code: each for each in self._chosen if each.resource_type == resource_type}

    def primary_date(self, resource_type: str) -> Parameter | None:
        return None

    def component_expressions(self, composite: Parameter) -> tuple[str, ...]:
        return base_definitions().component_expressions(composite)


@lru_cache(1024)
def partial_extractor(parameters: tuple[Parameter, ...], zone: tzinfo) -> Extractor:
    """Return what gives the entries of *parameters*, and nothing of what a resource contains."""
    return Extractor(_Only(parameters), zone, whole=False)
