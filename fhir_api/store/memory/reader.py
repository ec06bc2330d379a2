"""Reading from a state: the part that stores and transactions share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.entries import TokenEntry, UriEntry, WordsEntry
from fhir_api.search.matching import Entry
from fhir_api.search.query import Clause, Parameter, Query, Total
from fhir_api.store.memory.including import included
from fhir_api.store.memory.matching import matching
from fhir_api.store.memory.ordering import Start, ordered, place
from fhir_api.store.memory.state import Record, State
from fhir_api.store.parameters import Job, OwnParameter, OwnParameters
from fhir_api.store.port import Criteria, DefinitionsState, HistoryQuery, PackageRecord, Page, ValueInUse


class MemoryReader:
    """Implements :class:`fhir_api.store.port.Reader`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def current(self, key: ResourceKey) -> StoredVersion | None:
        """Return the newest version, a deletion too; None if nothing was ever stored."""
        record = self._state.current(key)
        return None if record is None else record.version

    async def currents(self, keys: Sequence[ResourceKey]) -> dict[ResourceKey, StoredVersion]:
        """Return the newest versions of several resources; what was never stored is left out."""
        records = (self._state.current(key) for key in keys)
        return {record.version.key: record.version for record in records if record is not None}

    async def version(self, key: ResourceKey, version_id: int) -> StoredVersion | None:
        """Return one version; None if there is none of that number."""
        versions = self._state.versions.get(key, ())
        return versions[version_id - 1].version if 0 < version_id <= len(versions) else None

    async def history(self, query: HistoryQuery) -> Page:
        """Return versions, newest first."""
        numbered = list(enumerate(self._state.log))
        if query.cursor is not None:
            numbered = numbered[: _position(query.cursor)]
        found = [(position, record) for position, record in reversed(numbered) if self._is_wanted(record, query)]
        page = found[: query.count]
        more = len(found) > len(page) and page
        return Page([record.version for _, record in page], str(page[-1][0]).encode() if more else None)

    def _is_wanted(self, record: Record, query: HistoryQuery) -> bool:
        version = record.version
        if query.resource_type not in {None, version.key.resource_type}:
            return False
        if query.logical_id not in {None, version.key.logical_id}:
            return False
        if query.since is not None and version.last_updated < query.since:
            return False
        return query.at is None or self._was_current(record, *query.at)

    def _was_current(self, record: Record, low: int, high: int) -> bool:
        versions = self._state.versions[record.version.key]
        following = versions[record.version.version_id :]
        return record.version.last_updated < high and (not following or following[0].version.last_updated > low)

    async def search(self, query: Query) -> Page:
        """Return current resources that match, in a stable order."""
        found = matching(self._state, query.resource_types, query.clauses)
        total = None if query.total is Total.NONE else len(found)
        start = None if query.cursor is None else Start.read(query.cursor, query.sort)
        begun = len(self._state.log) if start is None else start.begun
        # a resource keeps the place that it had when the walk began; what was made since is left out
        former = zip(found, self._state.before(found, begun), strict=True)
        placed = [(place(was, query.sort), record) for record, was in former if was is not None]
        following = ordered(placed, query.sort, start)
        shown = following[: query.count]
        page = [record for _, record in shown]
        more = len(following) > len(shown) and shown
        return Page(
            [record.version for record in page],
            Start(begun, shown[-1][0]).cursor() if more else None,
            total,
            [record.version for record in included(self._state, page, query)],
        )

    async def matching_keys(self, resource_type: str, clauses: Sequence[Clause], limit: int) -> list[ResourceKey]:
        """Return up to *limit* keys of current resources that match (for conditional interactions)."""
        return [record.version.key for record in matching(self._state, (resource_type,), clauses)[:limit]]

    async def matching_keys_of(self, asked: Sequence[Criteria], limit: int) -> list[list[ResourceKey]]:
        """Return up to *limit* keys for each of several criteria."""
        return [await self.matching_keys(criteria.resource_type, criteria.clauses, limit) for criteria in asked]

    async def values_in_use(self, parameters: Sequence[Parameter]) -> list[ValueInUse]:
        """Return the different values that current resources have for some token and uri parameters."""
        found = {
            value
            for record in self._state.live()
            for parameter in parameters
            for entry in record.index.get(parameter.key, ())
            if (value := _value_in_use(entry)) is not None
        }
        return list(found)

    async def definitions_state(self) -> DefinitionsState:
        """Return whether definitions changed, and the tenant's policy."""
        return DefinitionsState(self._state.generation, self._state.profiles)

    async def own_parameters(self) -> OwnParameters:
        """Return the tenant's own search parameters."""
        registry = self._state.registry
        parameters = (self._as_stored(each) for _, each in sorted(registry.parameters.items()))
        return OwnParameters(
            registry.generation,
            tuple(parameters),
            tuple(job for job in registry.jobs.values() if job.finished is None),
        )

    def _as_stored(self, parameter: OwnParameter) -> OwnParameter:
        """Return *parameter* with what became of its resource since it was registered."""
        newest = next(
            (versions[-1] for versions in self._state.versions.values() if versions[-1].number == parameter.source),
            None,
        )
        is_current = (
            newest is not None
            and not newest.version.is_deletion
            and newest.version.version_id == parameter.source_version
        )
        return replace(parameter, is_current=is_current)

    async def reindex_jobs(self, number: int | None = None) -> list[Job]:
        """Return jobs on index entries, the newest first."""
        return [job for job in reversed(self._state.registry.jobs.values()) if number in {None, job.number}]

    async def packages(self) -> list[PackageRecord]:
        """Return the packages that were added, by name and version."""
        return [record for _, record in sorted(self._state.packages.items())]


def _value_in_use(entry: Entry) -> ValueInUse | None:
    match entry:
        case TokenEntry(parameter=parameter, system=system, code=code):
            return ValueInUse(parameter, system, code)
        case UriEntry(parameter=parameter, uri=uri):
            return ValueInUse(parameter, None, uri)
        case WordsEntry(parameter=parameter):
            return ValueInUse(parameter, None, "")
        case _:
            return None


def _position(cursor: bytes) -> int:
    try:
        return int(cursor)
    except ValueError:
        raise refuse(ErrorKind.MALFORMED, "The cursor is not one of this history.") from None
