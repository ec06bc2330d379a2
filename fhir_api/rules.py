"""The FHIR definitions, compiled once for each process, behind one door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo

from conformance.search_parameters import search_parameters
from conformance.types import resource_types
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.entries import IndexEntries
from fhir_api.search.extract.extractor import Extractor
from fhir_api.search.parse import parse_criteria
from fhir_api.search.query import Clause
from fhir_api.validation.structure import StructureValidator


class CompiledRules:
    """Implements :class:`fhir_api.interactions.context.Rules`.

    Attributes:
        definitions: all search parameters.
        extractor: gives index entries.
        zone: of dates without one.
    """

    def __init__(self, base_url: str = "", zone: tzinfo = UTC) -> None:
        self.definitions = SearchDefinitions(search_parameters())
        self.extractor = Extractor(self.definitions, zone)
        self.zone = zone
        self._base_url = base_url
        self._types = frozenset(resource_types())
        self._validator = StructureValidator()

    def is_resource_type(self, name: str) -> bool:
        """See :class:`fhir_api.interactions.context.Rules`."""
        return name in self._types

    def check(self, resource: Resource) -> Sequence[Issue]:
        """See :class:`fhir_api.interactions.context.Rules`."""
        return self._validator.check(resource)

    def extract(self, resource: Resource) -> IndexEntries:
        """See :class:`fhir_api.interactions.context.Rules`."""
        return self.extractor.extract(resource)

    def criteria(self, resource_type: str, query: str) -> tuple[Clause, ...]:
        """See :class:`fhir_api.interactions.context.Rules`."""
        return parse_criteria(self.definitions, resource_type, query, zone=self.zone, base_url=self._base_url)
