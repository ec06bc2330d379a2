"""Asking a tenant's definitions: read from its store when a check first needs them, and anew when one has changed.

Every process holds what it has read. Each request that needs definitions of the tenant reads one number first, which
is another one after any change: so a definition counts, in every process, from the moment it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, Final, TypeVar
from urllib.parse import quote

import orjson

from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey, is_logical_id
from fhir_api.model.versions import StoredVersion
from fhir_api.packages.library import Definition, Library, NotAtHandError
from fhir_api.search.query import Clause, Query
from fhir_api.store.limited import behind
from fhir_api.store.port import DefinitionsState, Reader

T = TypeVar("T")
Criteria = Callable[[str, str], tuple[Clause, ...]]
"""Parses criteria: see :meth:`fhir_api.interactions.context.Rules.criteria`."""

_ROUNDS: Final = 500
"""How often one check may ask for definitions that are not at hand."""
_AT_ONCE: Final = 100
_PAGE: Final = 200
ESCAPED: Final = str.maketrans({character: f"\\{character}" for character in "\\,|$"})
"""For ``str.translate``: what has to be escaped in the value of a search parameter."""
_SEARCHED = frozenset({
    "CodeSystem",
    "ConceptMap",
    "OperationDefinition",
    "Questionnaire",
    "SearchParameter",
    "StructureDefinition",
    "ValueSet",
})  # fmt: skip
"""Types with a canonical that can be searched for (NamingSystem has none in R4)."""


class TenantDefinitions:
    """One tenant's definitions as this process holds them."""

    def __init__(self, core: Library, criteria: Criteria, default_policy: str = "off") -> None:
        """Hold nothing yet.

        Args:
            core: the definitions of R4 itself.
            criteria: parses the search for a canonical.
            default_policy: what is done about declared profiles where the tenant has no policy of its own.
        """
        self._core = core
        self._criteria = criteria
        self.default_policy = default_policy
        self._generation = -1
        self._library = TenantLibrary(core)

    def consult(self, reader: Reader) -> Consultation:
        """Return one request's view, read by *reader* (the tenant's store, or the transaction the request is in)."""
        return Consultation(self, behind(reader))

    def library_of(self, generation: int) -> TenantLibrary:
        """Return the library of a generation, a new one if definitions have changed since the last question."""
        if generation != self._generation:
            self._generation, self._library = generation, TenantLibrary(self._core)
        return self._library

    async def fetch(self, reader: Reader, library: TenantLibrary, missing: NotAtHandError) -> None:
        """Put a definition into *library*, and what it builds on: that will be asked for next."""
        wanted = {(missing.resource_type, missing.canonical.partition("|")[0])}
        while wanted:
            found: list[Definition] = []
            for resource_type, pairs in groupby(sorted(wanted), key=lambda pair: pair[0]):
                found += await self._fetch(reader, library, resource_type, [url for _, url in pairs])
            wanted = {
                (resource_type, url)
                for definition in found
                for resource_type, url in mentioned(definition)
                if not library.is_known(resource_type, url)
            }

    async def _fetch(
        self, reader: Reader, library: TenantLibrary, resource_type: str, urls: list[str]
    ) -> list[Definition]:
        """Learn all versions of all *urls* and return them."""
        found: list[Definition] = []
        for start in range(0, len(urls), _AT_ONCE):
            found += await self._search(reader, resource_type, urls[start : start + _AT_ONCE])
        for url in urls:
            known = [each for each in found if each.get("url") == url] or await _read(reader, resource_type, url)
            library.learn(resource_type, url, known)
        return found

    async def _search(self, reader: Reader, resource_type: str, urls: list[str]) -> list[Definition]:
        if resource_type not in _SEARCHED:
            return []
        values = ",".join(url.translate(ESCAPED) for url in urls)
        try:
            clauses = self._criteria(resource_type, f"url={quote(values, safe='')}")
        except FhirError:
            return []  # no resource can have a URL that cannot be searched for
        query: Query | None = Query((resource_type,), clauses, count=_PAGE)
        found: list[StoredVersion] = []
        while query is not None:
            page = await reader.search(query)
            found += page.matches
            query = Query((resource_type,), clauses, count=_PAGE, cursor=page.next_cursor) if page.next_cursor else None
        # of equal versions of a definition the one stored last comes first
        found.sort(key=lambda version: version.last_updated, reverse=True)
        return [orjson.loads(version.body) for version in found]


async def _read(reader: Reader, resource_type: str, url: str) -> list[Definition]:
    """Return the resource that a relative URL names: what has no canonical of its own is known by ``Type/id``."""
    named, _, logical_id = url.partition("/")
    if named != resource_type or not is_logical_id(logical_id):
        return []
    version = await reader.current(ResourceKey(resource_type, logical_id))
    return [] if version is None or version.is_deletion else [orjson.loads(version.body)]


class Consultation:
    """One request's view of its tenant's definitions: what they are is asked once and holds to the request's end."""

    def __init__(self, definitions: TenantDefinitions, reader: Reader) -> None:
        self._definitions = definitions
        self._reader = reader
        self._state: DefinitionsState | None = None

    @property
    def reader(self) -> Reader:
        """What the definitions are read by."""
        return self._reader

    async def policy(self) -> str:
        """Return what is done about declared profiles: ``off | warn | enforce``."""
        return (await self._known_state()).profiles or self._definitions.default_policy

    async def settle(self, check: Callable[[TenantLibrary], T]) -> T:
        """Return what *check* gives once all definitions it asks for are at hand; it may run several times.

        Raises:
            FhirError: TOO_COSTLY when it asks for more and more of them.
        """
        library = self._definitions.library_of((await self._known_state()).generation)
        for _ in range(_ROUNDS):
            try:
                return check(library)
            except NotAtHandError as missing:
                await self._definitions.fetch(self._reader, library, missing)
        raise refuse(ErrorKind.TOO_COSTLY, f"The check needs more than {_ROUNDS} definitions one after another.")

    async def _known_state(self) -> DefinitionsState:
        if self._state is None:
            self._state = await self._reader.definitions_state()
        return self._state


def mentioned(definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield type and URL of the definitions that checking by *definition* will ask for."""
    match definition.get("resourceType"):
        case "StructureDefinition":
            yield from _of_structure(definition)
        case "ValueSet":
            compose = definition.get("compose") or {}
            for part in [*compose.get("include", ()), *compose.get("exclude", ())]:
                yield from _named("CodeSystem", [part.get("system")])
                yield from _named("ValueSet", part.get("valueSet", ()))
        case "CodeSystem":
            yield from _named("CodeSystem", [definition.get("supplements")])
        case _:
            return


def _of_structure(definition: Definition) -> Iterator[tuple[str, str]]:
    yield from _named("StructureDefinition", [definition.get("baseDefinition")])
    for view in ("snapshot", "differential"):
        for element in (definition.get(view) or {}).get("element", ()):
            for kind in element.get("type", ()):
                yield from _named("StructureDefinition", kind.get("profile", ()))
            yield from _named("ValueSet", [(element.get("binding") or {}).get("valueSet")])


def _named(resource_type: str, canonicals: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for canonical in canonicals:
        if isinstance(canonical, str):
            yield resource_type, canonical.partition("|")[0].partition("#")[0]
