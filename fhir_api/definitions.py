"""The FHIR definitions as the server uses them, put together once for each process."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from datetime import tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from stanforis.settings import Settings

from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.search.code_sets import CodeSets
from fhir_api.search.compartments import compartment_clause, members
from fhir_api.search.definitions import SearchDefinitions, base_definitions
from fhir_api.search.entries import IndexEntries
from fhir_api.search.extract.extractor import Extractor
from fhir_api.search.parse import ParsedQuery, criteria, parse_query
from fhir_api.search.query import Clause
from fhir_api.validation.validator import base_validator

_REMEMBERED_QUERIES = 1024
_REMEMBERED_LENGTH = 300
"""How many parsed searches are kept, and how many characters one may have."""


class CompiledDefinitions:
    """Structure rules and search parameters: the rules of interactions, and the search parser of the REST layer.

    Attributes:
        search: the search parameters.
        resource_types: names of all resource types.
        extractor: gives the index entries of a resource.
        zone: of dates that have none.
    """

    def __init__(self, settings: Settings) -> None:
        self.search: SearchDefinitions = base_definitions()
        self.resource_types: frozenset[str] = self.search.resource_types
        self.zone: tzinfo = ZoneInfo(settings.time_zone)
        self.extractor = Extractor(self.search, self.zone, words=settings.full_text_search)
        self._validator = base_validator(with_invariants=settings.validation_on_write == "base")
        self._base_url = settings.base_url.rstrip("/")
        self._page_size = settings.page_size
        self._page_size_max = settings.page_size_max
        self._remembered = lru_cache(_REMEMBERED_QUERIES)(self._parse)

    def in_zone(self, name: str | None) -> CompiledDefinitions:
        """Return the same for a tenant whose dates without a zone are of *name*; None: as the installation has it."""
        if name is None:
            return self
        found = copy(self)
        found.zone = ZoneInfo(name)
        found.extractor = self.extractor.in_zone(found.zone)
        return found

    def is_resource_type(self, name: str) -> bool:
        """See :class:`fhir_api.interactions.context.Rules`."""
        return name in self.resource_types

    def check(self, resource: Resource) -> Sequence[Issue]:
        """See :class:`fhir_api.interactions.context.Rules`."""
        return self._validator.check(resource)

    def extract(self, resource: Resource) -> IndexEntries:
        """See :class:`fhir_api.interactions.context.Rules`."""
        return self.extractor.extract(resource)

    def criteria(
        self, resource_type: str, query: str, definitions: SearchDefinitions | None = None, base_url: str = ""
    ) -> tuple[Clause, ...]:
        """See :class:`fhir_api.interactions.context.Rules`."""
        return criteria(
            definitions or self.search,
            resource_type,
            query,
            zone=self.zone,
            base_url=base_url or self._base_url,
            full_text=self.extractor.words,
        )

    def parse_search(
        self,
        resource_type: str | None,
        pairs: Sequence[tuple[str, str]],
        *,
        compartment: tuple[str, str] | None = None,
        lenient: bool = False,
        codes: CodeSets | None = None,
        definitions: SearchDefinitions | None = None,
        base_url: str = "",
        zone: tzinfo | None = None,
        contained_types: Sequence[str] | None = None,
    ) -> ParsedQuery:
        """See :class:`fhir_api.rest.wiring.ParseSearch`."""
        asked = tuple(pairs)
        base_url, zone = base_url or self._base_url, zone or self.zone
        if codes is not None or contained_types is not None or definitions not in {None, self.search}:
            return self._parse(
                resource_type, asked, compartment, lenient, base_url, zone, codes, definitions, contained_types
            )
        # clients ask the same again and again; what is long is rare, and "approximately" depends on the time
        length = sum(len(name) + len(value) for name, value in asked)
        if length > _REMEMBERED_LENGTH or any("ap" in value for _, value in asked):
            return self._parse(resource_type, asked, compartment, lenient, base_url, zone)
        return self._remembered(resource_type, asked, compartment, lenient, base_url, zone)

    def _parse(
        self,
        resource_type: str | None,
        pairs: tuple[tuple[str, str], ...],
        compartment: tuple[str, str] | None,
        lenient: bool,
        base_url: str,
        zone: tzinfo,
        codes: CodeSets | None = None,
        definitions: SearchDefinitions | None = None,
        contained_types: Sequence[str] | None = None,
    ) -> ParsedQuery:
        parsed = parse_query(
            definitions or self.search,
            () if resource_type is None else (resource_type,),
            pairs,
            lenient=lenient,
            zone=zone,
            default_count=self._page_size,
            max_count=self._page_size_max,
            base_url=base_url,
            codes=codes,
            full_text=self.extractor.words,
            contained_types=contained_types,
        )
        if compartment is None:
            return parsed
        query = parsed.query
        types = query.resource_types or members(compartment[0])
        inside = compartment_clause(self.search, *compartment, types)
        contained = {name: (inside, *clauses) for name, clauses in parsed.inside.items()}
        query = replace(query, resource_types=types, clauses=(inside, *query.clauses))
        return replace(parsed, query=query, inside=contained)
