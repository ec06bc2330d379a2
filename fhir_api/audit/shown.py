"""A tenant's store that shows the audit trail too: as AuditEvents, and its records of writes as Provenances.

Both are read only and stand beside what clients stored themselves: a search gives what the trail has, the newest first,
and then what is stored. Whatever a search asks is looked at in the resource that is made of a record, so the whole
search grammar holds, but for what leads to other resources.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson
from msgspec.structs import replace as changed
from stanforis.audit import Record, TenantTrail
from stanforis.audit.looking import Asked, Found, Place, look_at, look_up
from stanforis.audit.port import AuditStoreError
from stanforis.audit.terms import Kind, Said, said_by

from fhir_api.access.telling import TRAIL, is_of_trail
from fhir_api.audit.asking import best_of, shown_ids, span
from fhir_api.audit.events import audit_event
from fhir_api.audit.patients import patients_of
from fhir_api.audit.provenances import is_write, provenance
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.search.entries import IndexEntries
from fhir_api.search.matching import Index, holds, indexed
from fhir_api.search.query import ChainClause, Clause, HasClause, IdClause, Include, Query, Total, ValueClause
from fhir_api.store.forwarding import ForwardingReader, ForwardingStore, ForwardingTransaction
from fhir_api.store.port import HistoryQuery, Page, TenantStore, Transaction, Write

Extract = Callable[[str, dict[str, Any]], IndexEntries]
"""Gives the index entries of a resource: ``extract(resource_type, tree)``."""
_TRAIL, _STORED = b"t", b"s"
_NEWEST_FIRST = frozenset({"date", "recorded", "_lastUpdated"})
_MOST_COUNTED = 10_000
_MOST_VERSIONS = 1000
_MOST_PROVENANCES = 1000


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the trail is shown as: a resource of each record that *has* one."""

    make: Callable[[Found, str], dict[str, Any]]
    has: Callable[[Record], bool]


_KINDS: Mapping[str, _Kind] = {
    "AuditEvent": _Kind(audit_event, lambda _: True),
    "Provenance": _Kind(lambda found, _: provenance(found), is_write),
}


class _Shown:
    """A record as a resource; see :class:`fhir_api.search.matching.Indexed`."""

    def __init__(self, kind: _Kind, found: Found, site: str, extract: Extract) -> None:
        self.tree = kind.make(found, site)
        self.key = ResourceKey(self.tree["resourceType"], self.tree["id"])
        self.last_updated = found.record.at
        self._extract = extract

    @cached_property
    def index(self) -> Index:
        """Its index entries."""
        return indexed(self._extract(self.key.resource_type, self.tree))

    @property
    def version(self) -> StoredVersion:
        """The resource as the only version there is."""
        return StoredVersion(self.key, 1, self.last_updated, Change.CREATE, orjson.dumps(self.tree))


class _ShowingReader(ForwardingReader):
    """The reading half, the same inside and outside a transaction."""

    _trail: TenantTrail
    _site: str
    _extract: Extract

    async def current(self, key: ResourceKey) -> StoredVersion | None:
        """See :class:`fhir_api.store.port.Reader`."""
        if not is_of_trail(key):
            return await self._inner.current(key)
        kind, place = _KINDS[key.resource_type], Place.read(key.logical_id.removeprefix(TRAIL))
        if place is None:
            return None
        with _available():
            record = await look_at(self._trail.trail.store, self._trail.tenant, place)
        if record is None or not kind.has(record):
            return None
        return _Shown(kind, Found(place, record), self._site, self._extract).version

    async def currents(self, keys: Sequence[ResourceKey]) -> dict[ResourceKey, StoredVersion]:
        """See :class:`fhir_api.store.port.Reader`."""
        found = await self._inner.currents([key for key in keys if not is_of_trail(key)])
        for key in filter(is_of_trail, keys):
            version = await self.current(key)
            if version is not None:
                found[key] = version
        return found

    async def version(self, key: ResourceKey, version_id: int) -> StoredVersion | None:
        """See :class:`fhir_api.store.port.Reader`."""
        if is_of_trail(key):
            return await self.current(key) if version_id == 1 else None
        return await self._inner.version(key, version_id)

    async def history(self, query: HistoryQuery) -> Page:
        """See :class:`fhir_api.store.port.Reader`."""
        key = ResourceKey(query.resource_type or "", query.logical_id or "")
        if not is_of_trail(key):
            return await self._inner.history(query)
        version = await self.current(key)
        return Page([] if version is None else [version])

    async def search(self, query: Query) -> Page:
        """See :class:`fhir_api.store.port.Reader`."""
        kind = _KINDS.get(query.resource_types[0]) if len(query.resource_types) == 1 else None
        if kind is None or (query.cursor or b"").startswith(_STORED):
            return await self._stored(query, is_shown=kind is not None)
        said = await self._said(query.clauses)
        if query.resource_types[0] != "AuditEvent" and said is None:
            # without a target there is no telling which records to look at; what is stored is indexed
            return await self._stored(query, is_shown=False)
        _check(query)
        return await self._page(query, kind, said)

    async def _stored(self, query: Query, *, is_shown: bool) -> Page:
        """Return a page of what is stored, and what the trail says of it where that is to be included."""
        if is_shown and query.cursor is not None:
            query = changed(query, cursor=query.cursor.removeprefix(_STORED) or None)
        page = await self._inner.search(query)
        if is_shown and page.next_cursor is not None:
            page = replace(page, next_cursor=_STORED + page.next_cursor)
        meant = [match for match in page.matches if any(_leads_to(match, include) for include in query.includes)]
        if meant:
            page = replace(page, included=[*page.included, *await self._provenances(query, meant)])
        return page

    async def _page(self, query: Query, kind: _Kind, said: frozenset[Said] | None) -> Page:
        asked = self._asked(query.clauses, kind, said)
        if query.count == 0:
            return Page([], total=await self._total(query, asked))
        behind = (
            None if query.cursor is None else Place.read(query.cursor.removeprefix(_TRAIL).decode("ascii", "replace"))
        )
        if query.cursor is not None and behind is None:
            raise refuse(ErrorKind.MALFORMED, "The cursor is not one of this search.")
        with _available():
            page = await look_up(self._trail.trail.store, self._trail.tenant, asked, query.count, behind)
        versions = [_Shown(kind, found, self._site, self._extract).version for found in page.found]
        total = None if query.total is not Total.ACCURATE else await self._total(query, asked)
        if page.following is not None:
            return Page(versions, _TRAIL + str(page.following).encode(), total)
        if len(versions) == query.count:
            return Page(versions, _STORED, total)
        rest = await self._stored(
            changed(query, count=query.count - len(versions), cursor=None, total=Total.NONE), is_shown=True
        )
        return Page([*versions, *rest.matches], rest.next_cursor, total, rest.included)

    async def _total(self, query: Query, asked: Asked) -> int:
        with _available():
            page = await look_up(self._trail.trail.store, self._trail.tenant, asked, _MOST_COUNTED)
        if page.following is not None:
            raise refuse(ErrorKind.TOO_COSTLY, f"More than {_MOST_COUNTED} match, which are not counted; narrow it.")
        stored = await self._inner.search(changed(query, count=0, total=Total.ACCURATE, cursor=None, includes=()))
        return len(page.found) + (stored.total or 0)

    def _asked(self, clauses: Sequence[Clause], kind: _Kind, said: frozenset[Said] | None) -> Asked:
        ids = [set(shown_ids(clause.ids)) for clause in clauses if isinstance(clause, IdClause)]

        def fits(found: Found) -> bool:
            if not kind.has(found.record) or (said is not None and said.isdisjoint(said_by(found.record))):
                return False
            if any(str(found.place) not in each for each in ids):
                return False
            shown = _Shown(kind, found, self._site, self._extract)
            return all(holds(shown, clause, _beyond) for clause in clauses)

        return Asked(None if said is None else [*said], *span(clauses), fits)

    async def _said(self, clauses: Sequence[Clause]) -> frozenset[Said] | None:
        """Return what a record has to say; a resource is found by the patients as well that it was about."""
        said = best_of(clauses)
        if said is None:
            return None
        about: set[Said] = set()
        for name, value in said:
            resource_type, _, logical_id = value.partition("/")
            if name is Kind.ENTITY and resource_type != "Patient":
                page = await self._inner.history(HistoryQuery(resource_type, logical_id, _MOST_VERSIONS))
                about.update((Kind.PATIENT, patient) for version in page.matches for patient in patients_of(version))
        return said | about

    async def _provenances(self, query: Query, versions: Sequence[StoredVersion]) -> list[StoredVersion]:
        """Return who made some resources what they are, as ``_revinclude=Provenance:target`` asks."""
        visible = [query.visible["Provenance"]] if query.visible and "Provenance" in query.visible else []
        said = frozenset(
            (Kind.PATIENT, version.key.logical_id)
            if version.key.resource_type == "Patient"
            else (Kind.ENTITY, str(version.key))
            for version in versions
        )
        kind = _KINDS["Provenance"]
        with _available():
            page = await look_up(
                self._trail.trail.store, self._trail.tenant, self._asked(visible, kind, said), _MOST_PROVENANCES
            )
        return [_Shown(kind, found, self._site, self._extract).version for found in page.found]


def _leads_to(version: StoredVersion, include: Include) -> bool:
    """Tell whether *include* adds the Provenances whose target a resource is."""
    if not include.reverse or include.source_type != "Provenance":
        return False
    kind, codes = version.key.resource_type, {parameter.code for parameter in include.parameters}
    is_followed = "target" in codes or (kind == "Patient" and "patient" in codes)
    return is_followed and include.target_type in (None, kind)


class _ShowingTransaction(_ShowingReader, ForwardingTransaction):
    """Reads and writes that happen together."""

    def __init__(self, inner: Transaction, trail: TenantTrail, site: str, extract: Extract) -> None:
        super().__init__(inner)
        self._trail = trail
        self._site = site
        self._extract = extract

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See :class:`fhir_api.store.port.Transaction`."""
        _check_writable(writes)
        return await self._transaction.write(writes)


class ShowingStore(_ShowingReader, ForwardingStore):
    """Implements :class:`fhir_api.store.port.TenantStore`."""

    def __init__(self, inner: TenantStore, trail: TenantTrail, site: str, extract: Extract) -> None:
        """Show *trail* beside what *inner* holds; *site* is the base URL of the server."""
        super().__init__(inner)
        self._trail = trail
        self._site = site
        self._extract = extract

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """See :class:`fhir_api.store.port.TenantStore`."""
        _check_writable(writes)
        return await self._store.write(writes)

    @asynccontextmanager
    async def transaction(self, locks: Sequence[str] = ()) -> AsyncIterator[Transaction]:
        """See :class:`fhir_api.store.port.TenantStore`."""
        async with self._store.transaction(locks) as inner:
            yield _ShowingTransaction(inner, self._trail, self._site, self._extract)


class _available:  # noqa: N801 - reads as a word of the with statement
    """Turns a trail that does not answer into :class:`FhirError`."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise what *error* means."""
        if isinstance(error, AuditStoreError):
            raise refuse(ErrorKind.UNAVAILABLE, "The audit trail does not answer; try again shortly.") from error


def _check_writable(writes: Sequence[Write]) -> None:
    for write in writes:
        if is_of_trail(write.key):
            raise refuse(ErrorKind.FORBIDDEN, f"{write.key} is made from the audit trail, which nobody changes.")


def _check(query: Query) -> None:
    """Check that a search asks nothing that the trail cannot do.

    Raises:
        FhirError: NOT_SUPPORTED.
    """
    newest_first = all(key.code in _NEWEST_FIRST and key.descending for key in query.sort)
    if not newest_first or len(query.sort) > 1:
        raise refuse(ErrorKind.NOT_SUPPORTED, "The audit trail is given the newest first only: _sort=-date.")
    if query.includes:
        raise refuse(ErrorKind.NOT_SUPPORTED, "What the audit trail names cannot be included in a search.")


def _beyond(shown: _Shown, clause: ChainClause | HasClause | ValueClause) -> bool:
    raise _unreachable()


def _unreachable() -> FhirError:
    return refuse(ErrorKind.NOT_SUPPORTED, "The audit trail is not searched through to other resources.")
