"""The extractor: index entries of any resource."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo
from functools import cache
from typing import Any

from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.resource import Resource
from fhir_api.search.contained import add_contained
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.entries import CANONICAL, IndexEntries, ReferenceEntry, canonical_target
from fhir_api.search.extract.plan import plan
from fhir_api.search.extract.source import generate
from fhir_api.search.words import add_words

ExtractFunction = Callable[[dict[str, Any]], IndexEntries]


class Extractor:
    """Gives index entries; the function for a type is generated when its first resource comes.

    Attributes:
        zone: of dates without one.
        words: whether the full text is indexed.
    """

    def __init__(
        self, definitions: SearchDefinitions, zone: tzinfo = UTC, *, whole: bool = True, words: bool = False
    ) -> None:
        """Index by *definitions*; with *whole* also what resources contain, with *words* also their full text."""
        self._definitions = definitions
        self.words = words
        self._whole = whole
        self._codes = cache(lambda name: {found.key: code for code, found in definitions.parameters(name).items()})
        self.zone = zone
        self._functions: dict[str, ExtractFunction] = {}
        self._in_zones: dict[tzinfo, Extractor] = {zone: self}

    def in_zone(self, zone: tzinfo) -> Extractor:
        """Return what does the same with dates without a zone taken as of *zone*."""
        found = self._in_zones.get(zone)
        if found is None:
            found = Extractor(self._definitions, zone, whole=self._whole, words=self.words)
            found._in_zones = self._in_zones
            self._in_zones[zone] = found
        return found

    def extract(self, resource: Resource) -> IndexEntries:
        """Return what *resource* puts into the index.

        Its own references have to be relative already; ``meta`` counts as it stands in the tree.

        Raises:
            FhirError: INVALID for a resource whose structure is not that of its type (it was not checked before).
        """
        return self.extract_tree(resource.resource_type, resource.tree)

    def extract_tree(self, resource_type: str, tree: dict[str, Any]) -> IndexEntries:
        """Return what a resource, given as parsed JSON, puts into the index; see :meth:`extract`."""
        function = self._functions.get(resource_type) or self._compile(resource_type)
        try:
            entries = function(tree)
            if self._whole:
                _add_names(entries, tree)
            if self.words:
                add_words(entries, resource_type, tree)
            if self._whole and (inside := tree.get("contained")):
                add_contained(entries, inside, self._inner, self._codes)
            if self._whole:
                entries.gathered.update(text.parameter for text in entries.texts)
        except (AttributeError, TypeError, ValueError, KeyError, FhirPathEvaluationError):
            # no cause: it would carry values of a patient
            raise refuse(
                ErrorKind.INVALID,
                "The resource cannot be indexed: its structure is not that of its type.",
                expression=resource_type,
            ) from None
        return entries

    def _inner(self, resource_type: str, tree: dict[str, Any]) -> IndexEntries:
        return (self._functions.get(resource_type) or self._compile(resource_type))(tree)

    def _compile(self, resource_type: str) -> ExtractFunction:
        source, names = generate(plan(self._definitions, resource_type), self.zone)
        # the source is made from the definitions of the specification, whose texts enter it as literals only
        exec(compile(source, f"<search parameters of {resource_type}>", "exec"), names)  # noqa: S102 - see above
        function: ExtractFunction = names["extract"]  # type: ignore[assignment]  # what the source defines
        self._functions[resource_type] = function
        return function


def _add_names(entries: IndexEntries, tree: dict[str, Any]) -> None:
    """Add the names by which canonicals point at a resource: its url, with its version and without one."""
    url = tree.get("url")
    if type(url) is str:
        versions = {None, tree.get("version")}
        entries.references += [ReferenceEntry(CANONICAL, canonical_target(url, each)) for each in versions]
