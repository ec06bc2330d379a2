"""Reading as one caller may: what they may not reach is as if it were not there.

An interaction that is not allowed on a type at all is refused; of what exists, nothing is told by that.

Spec: https://hl7.org/fhir/R4/security.html#AccessDenied
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from msgspec.structs import replace as with_fields

from fhir_api.access.access import Access, refused
from fhir_api.access.clauses import every, never, some
from fhir_api.access.implied import asked_by_type, is_implied
from fhir_api.access.judging import Judge
from fhir_api.access.telling import NAMING, is_of_trail, told_of, without
from fhir_api.access.visibility import narrowed
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.contained import PRESENT
from fhir_api.search.query import EVERYTHING, NOTHING, Clause, Include, Parameter, Query, TypeClause
from fhir_api.store.parameters import Job, OwnParameters
from fhir_api.store.port import Criteria, DefinitionsState, HistoryQuery, PackageRecord, Page, Reader, ValueInUse

_FEW_TYPES: Final = 4
MOST_SCANNED: Final = 1000
"""Versions that are looked at for one page of a history; a page with fewer has a next one."""


class GuardedReader:
    """Implements :class:`fhir_api.store.port.Reader` for one caller."""

    def __init__(self, reader: Reader, access: Access) -> None:
        """Read from *reader* what *access* allows."""
        self._reader = reader
        self._access = access

    @property
    def behind(self) -> Reader:
        """What is read from, without limits: for the server's own needs, such as a tenant's profiles."""
        return self._reader

    async def current(self, key: ResourceKey) -> StoredVersion | None:
        """Return the newest version; None if there is none, or it may not be reached."""
        judge = self._access.admitted("read", key.resource_type)
        version = await self._reader.current(key)
        if version is None or not await self._is_seen(version, judge):
            return None
        return await self._told(version)

    async def currents(self, keys: Sequence[ResourceKey]) -> dict[ResourceKey, StoredVersion]:
        """Return those newest versions that may be reached."""
        found = await self._readable(keys)
        return {version.key: version for version in await self._all_told(tuple(found.values()))}

    async def _readable(self, keys: Sequence[ResourceKey]) -> dict[ResourceKey, StoredVersion]:
        allowed = [key for key in keys if self._access.reach("read", key.resource_type) is not NOTHING]
        found = await self._reader.currents(allowed) if allowed else {}
        return {key: version for key, version in found.items() if await self._may_read(version)}

    async def version(self, key: ResourceKey, version_id: int) -> StoredVersion | None:
        """Return one version; None if there is none, or it or the newest one may not be reached."""
        judge = self._access.admitted("vread", key.resource_type)
        version = await self._reader.version(key, version_id)
        if version is None:
            return None
        if judge.clause is EVERYTHING:
            return await self._told(version)
        current = await self._reader.current(key)
        is_seen = current is not None and await self._is_seen(current, judge) and await self._is_seen(version, judge)
        return await self._told(version) if is_seen else None

    async def history(self, query: HistoryQuery) -> Page:
        """Return versions that may be reached, newest first; a page may have fewer than asked for and a next one."""
        page = await self._history(query)
        told = await self._all_told(page.matches)
        return page if told is page.matches else replace(page, matches=told)

    async def _history(self, query: HistoryQuery) -> Page:
        interaction = "history-type" if query.logical_id is None else "history-instance"
        if query.resource_type is not None:
            if self._access.admitted(interaction, query.resource_type).clause is EVERYTHING:
                return await self._reader.history(query)
        elif not self._access.searched:
            raise refuse(ErrorKind.FORBIDDEN, "You may not read the history of any type.")
        elif self._access.sees_all:
            return await self._reader.history(query)
        return await self._scanned(query, interaction)

    async def _scanned(self, query: HistoryQuery, interaction: str) -> Page:
        found: list[StoredVersion] = []
        scanned, cursor = 0, query.cursor
        while True:
            page = await self._reader.history(replace(query, cursor=cursor, count=query.count - len(found)))
            newest = await self._reader.currents(list({version.key for version in page.matches}))
            for version in page.matches:
                judge = self._access.judge(interaction, version.key.resource_type)
                if await self._is_seen(newest[version.key], judge) and await self._is_seen(version, judge):
                    found.append(version)
            scanned, cursor = scanned + len(page.matches), page.next_cursor
            if cursor is None or len(found) >= query.count or scanned >= MOST_SCANNED:
                return Page(found, cursor)

    async def search(self, query: Query) -> Page:
        """Return resources that match and may be reached; nothing is learned of others."""
        page = await self._reader.search(self._within(query))
        matches, included = await self._all_told(page.matches), await self._all_told(page.included)
        if matches is page.matches and included is page.included:
            return page
        # a total would tell how many are left out
        total = page.total if len(matches) == len(page.matches) else None
        return replace(page, matches=matches, included=included, total=total)

    async def _told(self, version: StoredVersion) -> StoredVersion | None:
        if version.key.resource_type not in NAMING:
            return version
        return next(iter(await self._all_told((version,))), None)

    async def _all_told(self, versions: Sequence[StoredVersion]) -> Sequence[StoredVersion]:
        """Return *versions* without what they tell of resources that may not be read; themselves where that is all."""
        told = told_of(version for version in versions if self._is_told_in_part(version.key.resource_type))
        if not told:
            return versions
        asked = {key for keys in told.values() for key in keys}
        unsure = [key for key in asked if self._access.reach("read", key.resource_type) is not EVERYTHING]
        hidden = set(unsure) - (await self._readable(unsure)).keys() if unsure else set[ResourceKey]()
        gone = {
            key
            for key, named in told.items()
            if key.resource_type == "Provenance" and named and hidden.issuperset(named)
        }
        return [
            without(version, hidden) if version.key in told and is_of_trail(version.key) else version
            for version in versions
            if version.key not in gone
        ]

    def _is_told_in_part(self, resource_type: str) -> bool:
        """Tell whether resources of a type tell of others to this caller; whoever reads the whole trail is told all."""
        if resource_type == "AuditEvent":
            return self._access.reach("read", resource_type) is not EVERYTHING
        return resource_type in NAMING

    def _within(self, query: Query) -> Query:
        """Return *query* as it looks at nothing else but what may be reached.

        Raises:
            FhirError: FORBIDDEN where none of its types may be searched.
        """
        types = self._searched_types(query.resource_types)
        clauses = tuple(narrowed(clause, self._reach) for clause in query.clauses)
        seen = self._seen(types, clauses)
        if seen is not EVERYTHING:
            clauses = (*clauses, seen)
        includes = tuple(include for include in query.includes if self._may_follow(include))
        visible = self._access.shown if includes else None
        return with_fields(query, resource_types=types, clauses=clauses, includes=includes, visible=visible)

    def _searched_types(self, types: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the types of a search that may be searched; none where all are meant, and may be."""
        access = self._access
        if len(types) == 1:
            access.admitted("search-type", types[0])
            return types
        if not types and access.sees_all:
            return types
        allowed = tuple(name for name in types or access.searched if name in access.searched)
        if not allowed:
            raise refused("search-type", types[0]) if types else refuse(ErrorKind.FORBIDDEN, "You may search no type.")
        return allowed

    def _seen(self, types: tuple[str, ...], asked: Sequence[Clause]) -> Clause:
        """Return what has to hold for what a search over *types* finds, beside what it asks for."""
        if len(types) == 1:
            seen = self._reach(types[0])
            return EVERYTHING if seen is EVERYTHING or is_implied(seen, asked) else seen
        narrowing = {name: seen for name in types if (seen := self._access.searched[name]) is not EVERYTHING}
        if not narrowing:
            return EVERYTHING
        asked_of = asked_by_type(asked)
        left = {name: seen for name, seen in narrowing.items() if not is_implied(seen, asked_of(name))}
        if len(left) > _FEW_TYPES:
            return self._access.across(types)
        return every(some((never(TypeClause(name)), seen)) for name, seen in left.items())

    def _may_follow(self, include: Include) -> bool:
        """Tell whether an include adds only what could be found by a search or a read as well."""
        if not include.reverse:
            return True
        searched = self._reach(include.source_type)
        return searched is EVERYTHING or searched == self._access.reach("read", include.source_type)

    async def matching_keys(self, resource_type: str, clauses: Sequence[Clause], limit: int) -> list[ResourceKey]:
        """Return keys of resources that match and may be reached."""
        allowed = self._allowed(Criteria(resource_type, tuple(clauses)))
        return await self._reader.matching_keys(resource_type, allowed.clauses, limit)

    def _allowed(self, asked: Criteria) -> Criteria:
        """Return criteria that match only what may be reached."""
        seen = self._access.admitted("search-type", asked.resource_type).clause
        clauses = tuple(narrowed(clause, self._reach) for clause in asked.clauses)
        return Criteria(asked.resource_type, clauses if seen is EVERYTHING else (*clauses, seen))

    async def matching_keys_of(self, asked: Sequence[Criteria], limit: int) -> list[list[ResourceKey]]:
        """Return for each of several criteria keys of resources that match and may be reached."""
        return await self._reader.matching_keys_of([self._allowed(criteria) for criteria in asked], limit)

    async def values_in_use(self, parameters: Sequence[Parameter]) -> list[ValueInUse]:
        """Return values of those types whose resources may all be reached, and which types are contained somewhere.

        Raises:
            FhirError: FORBIDDEN where there are none of these.
        """
        seen = [each for each in parameters if each.code == PRESENT or self._reach(each.resource_type) is EVERYTHING]
        if parameters and not seen:
            raise refuse(ErrorKind.FORBIDDEN, "You may reach some resources only; what all of them have is not told.")
        return await self._reader.values_in_use(seen)

    async def definitions_state(self) -> DefinitionsState:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._reader.definitions_state()

    async def packages(self) -> list[PackageRecord]:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._reader.packages()

    async def own_parameters(self) -> OwnParameters:
        """See :class:`fhir_api.store.port.Reader`."""
        return await self._reader.own_parameters()

    async def reindex_jobs(self, number: int | None = None) -> list[Job]:
        """See :class:`fhir_api.store.port.Reader`; only for those who administer."""
        self._check_administers()
        return await self._reader.reindex_jobs(number)

    def _check_administers(self) -> None:
        if not self._access.administers:
            raise refuse(ErrorKind.FORBIDDEN, "Only those who administer this tenant may do this.")

    def _reach(self, resource_type: str) -> Clause:
        return self._access.reach("search-type", resource_type)

    async def _may_read(self, version: StoredVersion) -> bool:
        return await self._is_seen(version, self._access.judge("read", version.key.resource_type))

    async def _is_seen(self, version: StoredVersion, judge: Judge) -> bool:
        """Tell whether a version may be reached; a deletion as what was deleted."""
        if judge.clause is EVERYTHING or judge.clause is NOTHING:
            return judge.clause is EVERYTHING
        told: StoredVersion | None = version
        if version.is_deletion:
            told = await self._reader.version(version.key, version.version_id - 1)
        return told is not None and not told.is_deletion and judge.fits(told)
