"""The search parameters of one tenant: those of R4 and, behind them, its own.

Spec: https://hl7.org/fhir/R4/searchparameter.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from types import MappingProxyType
from typing import Any, NamedTuple

from conformance.search_parameters import SearchParameterDefinition
from fhir_api.model.errors import FhirError
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.entries import IndexEntries, parameter_key
from fhir_api.search.extract.extractor import Extractor
from fhir_api.search.query import Parameter


class OwnDefinition(NamedTuple):
    """A parameter that a tenant defined.

    Attributes:
        number: of its registration; a changed definition gets another one, so the entries of the old are not its own.
        definition: of the types it is used on only, each by its name.
    """

    number: int
    definition: SearchParameterDefinition


def own_key(resource_type: str, own: OwnDefinition) -> int:
    """Return the number under which a type's entries for a parameter of a tenant are kept."""
    return parameter_key(resource_type, f"{own.definition.code}#{own.number}")


class OwnDefinitions(SearchDefinitions):
    """The parameters that a tenant defined, alone: what has to be indexed for it beside those of R4."""

    def __init__(self, base: SearchDefinitions, own: Iterable[OwnDefinition]) -> None:
        """Stand beside *base*, which no parameter of the tenant can change."""
        self.own = tuple(own)
        super().__init__(tuple(each.definition for each in self.own))
        self._base = base
        self._own_by_url = {each.definition.url: each for each in self.own}

    def key(self, resource_type: str, definition: SearchParameterDefinition) -> int:
        """See :class:`SearchDefinitions`; the number of the registration counts."""
        return own_key(resource_type, self._own_by_url[definition.url])

    def component(self, resource_type: str, url: str, simple: Mapping[str, Parameter]) -> Parameter:
        """See :class:`SearchDefinitions`; a component may be of R4."""
        url = url.partition("|")[0]
        own = self._own_by_url.get(url)
        if own is not None:
            return simple[own.definition.code]
        return next(each for each in self._base.parameters(resource_type).values() if each.url == url)

    def primary_date(self, resource_type: str) -> Parameter | None:
        """See :class:`SearchDefinitions`; the order of resources is R4's."""
        return self._base.primary_date(resource_type)

    def shared(self, parameters: dict[str, Parameter]) -> dict[str, Parameter]:
        """See :class:`SearchDefinitions`; any of them may be removed, and its rows with it: none relies on another."""
        return parameters

    @property
    def types(self) -> frozenset[str]:
        """The types that have parameters of the tenant."""
        return frozenset(base for each in self.own for base in each.definition.base)


def own_keys(base: SearchDefinitions, own: OwnDefinition) -> set[int]:
    """Return every number under which the index may have something for a parameter of a tenant."""
    keys = {own_key(name, own) for name in own.definition.base}
    if own.definition.type == "composite":
        return keys
    alone = OwnDefinitions(base, (own,))
    parameters = [alone.parameters(name)[own.definition.code] for name in own.definition.base]
    later = {each.later for each in parameters if each.later is not None}
    return keys.union(later, *(each.texts for each in parameters))


class TenantSearchDefinitions(SearchDefinitions):
    """The parameters a tenant's resources can be searched by."""

    def __init__(self, base: SearchDefinitions, own: OwnDefinitions) -> None:
        """Join *base* and *own*."""
        super().__init__(())
        self._base = base
        self._own = own

    def _compile(self, resource_type: str) -> dict[str, Parameter]:
        own = self._own.parameters(resource_type)
        return dict(sorted({**own, **self._base.parameters(resource_type)}.items()))

    def primary_date(self, resource_type: str) -> Parameter | None:
        """See :class:`SearchDefinitions`."""
        return self._base.primary_date(resource_type)

    def component_expressions(self, composite: Parameter) -> tuple[str, ...]:
        """See :class:`SearchDefinitions`."""
        try:
            return self._own.component_expressions(composite)
        except KeyError:
            return self._base.component_expressions(composite)


Extract = Callable[[dict[str, Any]], IndexEntries]
_LISTS = (
    "tokens",
    "identifiers",
    "references",
    "dates",
    "strings",
    "numbers",
    "quantities",
    "uris",
    "composites",
    "texts",
)


class OwnExtractor:
    """Gives the index entries of a tenant's own parameters.

    Each parameter is extracted by itself: where its expression fails on a resource it has no entries there, and no
    resource that R4 allows is refused because of it.
    """

    def __init__(self, base: SearchDefinitions, own: Iterable[OwnDefinition], zone: tzinfo) -> None:
        """Compile each parameter when its first resource comes; *zone* is of dates without one."""
        self.definitions = OwnDefinitions(base, own)
        self.types = self.definitions.types
        self._base = base
        self._zone = zone
        self._functions: dict[str, tuple[Extractor, ...]] = {}

    def extract(self, resource_type: str, tree: dict[str, Any]) -> IndexEntries:
        """Return the entries of a resource, given as parsed JSON; ``low`` is not told."""
        merged = IndexEntries(0)
        for extractor in self._extractors(resource_type):
            try:
                entries = extractor.extract_tree(resource_type, tree)
            except FhirError:
                continue
            for name in _LISTS:
                getattr(merged, name).extend(getattr(entries, name))
        return merged

    def _extractors(self, resource_type: str) -> tuple[Extractor, ...]:
        found = self._functions.get(resource_type)
        if found is None:
            parameters = self.definitions.parameters(resource_type)
            found = tuple(
                Extractor(_One(self.definitions, parameter), self._zone, whole=False)
                for parameter in parameters.values()
            )
            self._functions[resource_type] = found
        return found


class _One(SearchDefinitions):
    """One parameter of one type."""

    def __init__(self, own: OwnDefinitions, parameter: Parameter) -> None:
        super().__init__(())
        self._own = own
        self._only = MappingProxyType({parameter.code: parameter})

    def parameters(self, resource_type: str) -> Mapping[str, Parameter]:
        return self._only

    def primary_date(self, resource_type: str) -> Parameter | None:
        return None

    def component_expressions(self, composite: Parameter) -> tuple[str, ...]:
        return self._own.component_expressions(composite)
