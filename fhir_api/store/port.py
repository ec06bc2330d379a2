"""What a store must do: FHIR's interactions for one tenant, and nothing else.

A :class:`TenantStore` exists only for a tenant; ``fhir_api.store.memory`` and ``fhir_api.store.postgres`` implement it
under one contract suite (``tests/contract``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from stanforis.audit import Record, TenantTrail

from fhir_api.model.keys import ResourceKey
from fhir_api.model.outcome import Issue
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.search.entries import IndexEntries
from fhir_api.search.query import Clause, Parameter, Query
from fhir_api.store.parameters import Job, OwnParameters

Extract = Callable[[str, bytes], IndexEntries]
"""Give the index entries of a stored body: ``extract(resource_type, body)``."""


class Expect(Enum):
    """What must be true of a resource before a write, when it is not one certain version."""

    ANYTHING = "anything"
    ABSENT = "absent"
    """Nothing was ever stored under the key."""


class Access(Protocol):
    """An access, as a store knows it that writes for it."""

    @property
    def trail(self) -> TenantTrail:
        """The trail it goes on record of."""

    def written(self, action: str, versions: Sequence[StoredVersion]) -> Record:
        """Return the record of versions that one *action* makes, see :class:`stanforis.audit.Record`."""


@dataclass(slots=True)
class Write:
    """One change to one resource.

    Attributes:
        key: the resource.
        change: create, update, patch or delete.
        body: the text to store (empty for a delete).
        entries: its index entries (None for a delete).
        expected: the version that must be current, or an :class:`Expect`.
        skip_unchanged: give the current version back instead of storing equal bytes again.
        remarks: what the client is told about the resource although it is stored.
        access: the access that asks for it, which goes on record together with the change; None for the server's own.
    """

    key: ResourceKey
    change: Change
    body: bytes
    entries: IndexEntries | None
    expected: int | Expect = Expect.ANYTHING
    skip_unchanged: bool = False
    remarks: tuple[Issue, ...] = ()
    access: Access | None = None


class DefinitionsState(NamedTuple):
    """What decides how a tenant's resources are checked, read on each check that needs the tenant's own definitions.

    Attributes:
        generation: another number whenever a definition of the tenant has changed.
        profiles: the tenant's own policy for declared profiles, None where the installation's holds.
    """

    generation: int
    profiles: str | None


@dataclass(frozen=True, slots=True)
class PackageRecord:
    """A package that was added to a tenant.

    Attributes:
        name, version, canonical: from its manifest.
        dependencies: ``name@version`` of each package it builds on.
        digest: of its content.
        complete: every definition in it was stored.
        added_at: milliseconds since 1970, UTC.
        resources: what it brought, with the version that was stored then.
    """

    name: str
    version: str
    canonical: str
    dependencies: tuple[str, ...]
    digest: str
    complete: bool
    added_at: int
    resources: tuple[tuple[ResourceKey, int], ...]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which versions are asked for.

    Attributes:
        resource_type: None for the whole server.
        logical_id: None for a whole type.
        since: only versions at or after this instant (milliseconds), or None.
        at: only versions that were current at some time in ``[low, high)``, or None.
        count: versions a page holds at most.
        cursor: where the page starts; None for the newest.
    """

    resource_type: str | None
    logical_id: str | None
    count: int
    since: int | None = None
    at: tuple[int, int] | None = None
    cursor: bytes | None = None


class ContainedMatch(NamedTuple):
    """A resource inside another that is a match by itself.

    Attributes:
        container: what it is contained in.
        resource_type: its type.
        id: its id within the container.
        body: its JSON.
    """

    container: ResourceKey
    resource_type: str
    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Versions in order, and where the next page starts (None: there is no more).

    Attributes:
        matches: what was asked for.
        included: resources that ``_include`` and ``_revinclude`` add, each once, none of them in *matches*.
        next_cursor: opaque; handed back as ``cursor``.
        total: how many match in all, when it was asked for.
        contained: matches inside others; a store gives none.
    """

    matches: Sequence[StoredVersion]
    next_cursor: bytes | None = None
    total: int | None = None
    included: Sequence[StoredVersion] = ()
    contained: Sequence[ContainedMatch] = ()


class ValueInUse(NamedTuple):
    """A value that at least one current resource has.

    Attributes:
        parameter: the number of the search parameter.
        system: of a token; None where it has none, and for a uri.
        code: of a token; a uri itself, of which only the first 500 characters may be kept.
    """

    parameter: int
    system: str | None
    code: str


class Criteria(NamedTuple):
    """What chooses resources of a type: all of *clauses* hold."""

    resource_type: str
    clauses: tuple[Clause, ...]


class Reader(Protocol):
    """Reading, the same inside and outside a transaction."""

    async def current(self, key: ResourceKey) -> StoredVersion | None:
        """Return the newest version, a deletion too; None if nothing was ever stored."""

    async def currents(self, keys: Sequence[ResourceKey]) -> dict[ResourceKey, StoredVersion]:
        """Return the newest versions of several resources; what was never stored is left out."""

    async def version(self, key: ResourceKey, version_id: int) -> StoredVersion | None:
        """Return one version; None if there is none of that number."""

    async def history(self, query: HistoryQuery) -> Page:
        """Return versions, newest first."""

    async def search(self, query: Query) -> Page:
        """Return current resources that match, in a stable order."""

    async def matching_keys(self, resource_type: str, clauses: Sequence[Clause], limit: int) -> list[ResourceKey]:
        """Return up to *limit* keys of current resources that match (for conditional interactions)."""

    async def matching_keys_of(self, asked: Sequence[Criteria], limit: int) -> list[list[ResourceKey]]:
        """Return up to *limit* keys for each of several criteria; those by an identifier are looked up together."""

    async def values_in_use(self, parameters: Sequence[Parameter]) -> list[ValueInUse]:
        """Return the different values that current resources have for some token and uri parameters.

        Of what is told by words it is told that there are some.
        """

    async def definitions_state(self) -> DefinitionsState:
        """Return whether definitions changed, and the tenant's policy; as cheap as reading one resource."""

    async def packages(self) -> list[PackageRecord]:
        """Return the packages that were added, by name and version."""

    async def own_parameters(self) -> OwnParameters:
        """Return the tenant's own search parameters; as cheap as reading one resource where it has none."""

    async def reindex_jobs(self, number: int | None = None) -> list[Job]:
        """Return jobs on index entries, the newest first: those that are open, and the last that are done."""


class Transaction(Reader, Protocol):
    """Several reads and writes that happen together or not at all."""

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """Carry out writes of different resources; see :meth:`TenantStore.write`."""

    async def record_package(self, record: PackageRecord) -> None:
        """Note a package as added; what was noted under its name and version is replaced."""

    async def forget_package(self, name: str, version: str) -> None:
        """Note a package as removed."""


class TenantStore(Reader, Protocol):
    """One tenant's resources."""

    async def write(self, writes: Sequence[Write]) -> list[StoredVersion]:
        """Store the changes durably, all or none, and return the versions in the order of *writes*.

        A delete of what is already deleted gives the deletion that is there. A delete of what was never stored is
        refused with NOT_FOUND.

        Raises:
            FhirError: PRECONDITION_FAILED if ``expected`` is a version that is not current; CONFLICT if it is
                ``ABSENT`` and something is there, or if writers kept colliding.
        """

    def transaction(self, locks: Sequence[str] = ()) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that holds the named *locks* until it ends; leaving by an exception undoes everything.

        A lock's name is any text, such as normalised search criteria: whoever holds it is alone with it in this tenant.
        """

    async def look_after(self, share: float = 0.5) -> float | None:
        """Do what is due next for the tenant's own search parameters and for jobs on index entries.

        Registers what changed among the SearchParameters, or carries a job on by one batch. Any process may call this
        at any time; what one process began another one goes on with.

        Args:
            share: how much of the time a job may work, between 0 and 1; the rest is left to others.

        Returns:
            Seconds until there may be more to do; None where nothing is left.
        """

    async def begin_reindex(self, resource_types: Sequence[str]) -> int:
        """Begin to make the index entries of all resources of some types anew, and return the job's number."""

    async def rebuild(self, numbers: Sequence[int]) -> int:
        """Begin to make the entries of own parameters anew, by their numbers, and return the job's number.

        They cannot be searched by until that is done.
        """

    async def reindex(self, key: ResourceKey) -> int:
        """Make the index entries of one resource anew, and return how many it has; 0 where there is none."""
