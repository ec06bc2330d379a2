"""Resources and searches that a query needs: asked for one by one, fetched together.

Spec: https://hl7.org/fhir/R4/graphql.html#searching
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from fhir_api.interactions.context import Context
from fhir_api.interactions.vread import is_version_number
from fhir_api.model import exact_json
from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.model.keys import ResourceKey
from fhir_api.model.references import RestfulReference
from fhir_api.model.versions import StoredVersion
from fhir_api.operations.graphql.budget import Budget
from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.tree import Members
from fhir_api.operations.operation import Cursors
from fhir_api.search.parse import parse_query
from fhir_api.search.query import Query, Total
from fhir_api.store.port import Page

MOST_RESOURCES: Final = 2000
"""Resources that one query may read."""
MOST_SEARCHES: Final = 50
"""Searches that one query may make."""
_AT_ONCE: Final = 4
"""Searches carried out side by side: other requests still find a connection."""
_PLACE_BYTES: Final = 4


class Missing:
    """Stands for what has been asked for and is not here yet."""


MISSING: Final = Missing()


class Search(NamedTuple):
    """A search that a field asks for.

    Attributes:
        resource_type: the type searched.
        pairs: search parameters.
        has_total: the number of all matches is wanted.
        cursor: of the page before; None for the first page.
    """

    resource_type: str
    pairs: tuple[tuple[str, str], ...]
    has_total: bool = False
    cursor: str | None = None


_REFUSED: Final = frozenset({ErrorKind.MALFORMED, ErrorKind.NOT_SUPPORTED})
"""Refusals that are the query's own fault."""


class Records:
    """What one query has read so far.

    Attributes:
        budget: counts what it makes of that.
    """

    def __init__(self, context: Context, cursors: Cursors) -> None:
        self.budget = Budget()
        self._context = context
        self._cursors = cursors
        self._resources: dict[tuple[ResourceKey, str | None], Members | None] = {}
        self._connections: dict[Search, Members] = {}
        self._wanted: dict[tuple[ResourceKey, str | None], None] = {}
        self._searches: dict[Search, None] = {}
        self._bundles: dict[int, dict[str, Members]] = {}
        self._read = 0

    def resource(self, key: ResourceKey, version_id: str | None = None) -> Members | Missing | None:
        """Return a resource, None where there is none, or that it is still to be fetched."""
        place = (key, version_id)
        if place in self._resources:
            return self._resources[place]
        self._wanted[place] = None
        return MISSING

    def referred(self, reference: RestfulReference) -> Members | Missing | None:
        """Return what a reference names; None for what is not on this server."""
        known = self._context.rules.is_resource_type(reference.key.resource_type)
        if not known or reference.base not in (None, self._context.base_url):
            return None
        return self.resource(reference.key, reference.version_id)

    def bundled(self, bundle: Members, reference: str) -> Members | None:
        """Return the entry of a Bundle that a reference between entries names."""
        entries = self._bundles.get(id(bundle))
        if entries is None:
            entries = self._bundles[id(bundle)] = _entries(bundle)
        return entries.get(reference)

    def connection(self, search: Search) -> Members | Missing:
        """Return a page of matches as a ``Connection``, or that it is still to be fetched."""
        found = self._connections.get(search)
        if found is None:
            self._searches[search] = None
            return MISSING
        return found

    def reference_parameter(self, resource_type: str, code: str) -> bool:
        """Tell whether a type has a search parameter on references under this code."""
        parameter = self._context.rules.search.parameter(resource_type, code)
        return parameter is not None and parameter.type == "reference"

    async def fetch(self) -> bool:
        """Fetch all that was asked for: every resource in one round trip, each search in one of its own.

        False: nothing was missing.

        Raises:
            QueryError: the query needs too much, or a search cannot be understood.
        """
        wanted, self._wanted = self._wanted, {}
        searches, self._searches = self._searches, {}
        self._count(len(wanted))
        if len(self._connections) + len(searches) > MOST_SEARCHES:
            raise QueryError(f"The query needs more than {MOST_SEARCHES} searches", code="too-costly")
        await self._fetch_currents([key for key, version_id in wanted if version_id is None])
        for key, version_id in wanted:
            if version_id is not None:
                await self._fetch_version(key, version_id)
        asked = [*searches]
        for start in range(0, len(asked), _AT_ONCE):
            await asyncio.gather(*(self._search(search) for search in asked[start : start + _AT_ONCE]))
        return bool(wanted or searches)

    def _count(self, resources: int) -> None:
        self._read += resources
        if self._read > MOST_RESOURCES:
            raise QueryError(f"The query needs more than {MOST_RESOURCES} resources", code="too-costly")

    async def _fetch_currents(self, keys: list[ResourceKey]) -> None:
        found = await self._context.store.currents(keys) if keys else {}
        for key in keys:
            self._resources[key, None] = _tree(found.get(key))

    async def _fetch_version(self, key: ResourceKey, version_id: str) -> None:
        found = None
        if is_version_number(version_id):
            found = await self._context.store.version(key, int(version_id))
        self._resources[key, version_id] = _tree(found)

    async def _search(self, search: Search) -> None:
        try:
            query, place = self._query(search)
        except FhirError as error:
            if error.kind not in _REFUSED:
                raise
            raise QueryError(error.issues[0].diagnostics, code=error.issues[0].code) from None
        page = await self._context.store.search(query)
        self._count(len(page.matches) + len(page.included))
        self._connections[search] = self._connected(search, query, page, place)

    def _query(self, search: Search) -> tuple[Query, int]:
        """Return a search as the store takes it, and how many matches came before."""
        rules = self._context.rules
        parsed = parse_query(
            rules.search, (search.resource_type,), search.pairs, zone=rules.zone, base_url=self._context.base_url
        )
        query = replace(parsed.query, total=Total.ACCURATE if search.has_total else parsed.query.total)
        if search.cursor is None:
            return query, 0
        opened = self._cursors.open(_sealed_with(search), search.cursor)
        return replace(query, cursor=opened[_PLACE_BYTES:]), int.from_bytes(opened[:_PLACE_BYTES], "big")

    def _connected(self, search: Search, query: Query, page: Page, place: int) -> Members:
        found = [(version, "match") for version in page.matches]
        found += [(version, "include") for version in page.included]
        edges = [{"mode": mode, "resource": self._remembered(version)} for version, mode in found]
        made: dict[str, Any] = {"offset": place, "pagesize": query.count, "edges": edges}
        if page.total is not None:
            made["count"] = page.total
        if page.next_cursor is not None:
            position = (place + len(page.matches)).to_bytes(_PLACE_BYTES, "big") + page.next_cursor
            made["next"] = self._cursors.seal(_sealed_with(search), position)
        return made

    def _remembered(self, version: StoredVersion) -> Members | None:
        tree = self._resources[version.key, None] = _tree(version)
        return tree


def _entries(bundle: Members) -> dict[str, Members]:
    """Return the resources of a Bundle by what may refer to them: ``fullUrl`` and, where it ends so, ``Type/id``."""
    found: dict[str, Members] = {}
    for entry in bundle.get("entry", ()):
        resource, full_url = entry.get("resource"), entry.get("fullUrl", "")
        if resource is not None and full_url:
            literal = f"{resource['resourceType']}/{resource.get('id')}"
            found.setdefault(full_url, resource)
            if full_url.endswith(f"/{literal}"):
                found.setdefault(literal, resource)
    return found


def _sealed_with(search: Search) -> bytes:
    """Return what a cursor is bound to: the type and parameters of its search."""
    return repr(("graphql", search.resource_type, search.pairs)).encode()


def _tree(version: StoredVersion | None) -> Members | None:
    if version is None or version.is_deletion:
        return None
    tree: Members = exact_json.read(version.resource())
    return tree
