"""One tenant's resources and their versions, and the rules of writing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from msgspec import structs

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.packages.kinds import CONSULTED_TYPES
from fhir_api.search.entries import IndexEntries
from fhir_api.search.matching import Index, indexed
from fhir_api.store.memory.parameters import Registry
from fhir_api.store.port import Expect, PackageRecord, Write


@dataclass(frozen=True)
class Record:
    """One version with its index entries.

    Attributes:
        version: as stored.
        entries: None for a deletion.
        number: counts resources in the order of their creation; the same for all versions of one.
        own: entries for the tenant's own parameters; None where it has none.
    """

    version: StoredVersion
    entries: IndexEntries | None
    number: int
    own: IndexEntries | None = None

    @cached_property
    def index(self) -> Index:
        """The entries of each parameter."""
        return indexed(self.entries, self.own)

    @property
    def key(self) -> ResourceKey:
        """The resource's name."""
        return self.version.key

    @property
    def last_updated(self) -> int:
        """When the version was made, milliseconds since 1970."""
        return self.version.last_updated


@dataclass(slots=True)
class State:
    """All versions of all resources of a tenant.

    Attributes:
        versions: of each resource, oldest first.
        log: every version, in the order of commits.
        packages: by name and version.
        generation: counts changes of definitions.
        profiles: the tenant's own policy for declared profiles.
        registry: the tenant's own search parameters, one for all copies.
    """

    versions: dict[ResourceKey, tuple[Record, ...]] = field(default_factory=dict)
    log: list[Record] = field(default_factory=list)
    packages: dict[tuple[str, str], PackageRecord] = field(default_factory=dict)
    generation: int = 0
    profiles: str | None = None
    registry: Registry = field(default_factory=Registry)

    def copy(self) -> State:
        """Return a state that can go its own way."""
        copied = State(dict(self.versions), list(self.log), dict(self.packages), self.generation, self.profiles)
        copied.registry = self.registry
        return copied

    def current(self, key: ResourceKey) -> Record | None:
        """Return the newest version, a deletion too."""
        versions = self.versions.get(key)
        return versions[-1] if versions else None

    def live(self) -> Iterator[Record]:
        """Yield the newest version of each resource that is not deleted, in the order of creation."""
        return (versions[-1] for versions in self.versions.values() if not versions[-1].version.is_deletion)

    def before(self, records: Sequence[Record], count: int) -> list[Record | None]:
        """Return what was current of each resource when the log held *count* versions; None where there was nothing."""
        later = Counter(record.version.key for record in self.log[count:])
        found: list[Record | None] = []
        for record in records:
            versions = self.versions[record.version.key]
            number = len(versions) - later[record.version.key]
            was = versions[number - 1] if number > 0 else None
            found.append(None if was is None or was.version.is_deletion else was)
        return found

    def prepare(self, writes: Sequence[Write], now: int) -> list[Record]:
        """Return the versions that *writes* make, without storing them; one that changes nothing is there already.

        Raises:
            FhirError: as :meth:`fhir_api.store.port.TenantStore.write`.
        """
        created = len(self.versions)
        records: list[Record] = []
        for write in writes:
            current = self.current(write.key)
            record = _prepare(write, current, created, now)
            records.append(record if record is current else self.with_own(record))
            created += current is None
        return records

    def with_own(self, record: Record) -> Record:
        """Return *record* with the entries that the tenant's own parameters give it now."""
        return Record(record.version, record.entries, record.number, self.registry.entries(record.version))

    def apply(self, records: Sequence[Record]) -> list[StoredVersion]:
        """Store what :meth:`prepare` gave, but for what was there already, and return the versions."""
        given: list[StoredVersion] = []
        for record in records:
            versions = self.versions.get(record.version.key, ())
            if versions and versions[-1] is record:
                given.append(structs.replace(record.version, unchanged=True))
                continue
            self.versions[record.version.key] = (*versions, record)
            self.log.append(record)
            self.generation += record.version.key.resource_type in CONSULTED_TYPES
            is_new = not versions or versions[-1].version.is_deletion
            given.append(structs.replace(record.version, is_new=is_new))
        return given


def _prepare(write: Write, current: Record | None, created: int, now: int) -> Record:
    _check(write, current)
    if current is not None:
        version = current.version
        if write.change is Change.DELETE and version.is_deletion:
            return current
        if write.skip_unchanged and not version.is_deletion and version.body == write.body:
            return current
    elif write.change is Change.DELETE:
        raise refuse(ErrorKind.NOT_FOUND, f"{write.key} does not exist.")
    version_id = 1 if current is None else current.version.version_id + 1
    stored = StoredVersion(write.key, version_id, now, write.change, write.body)
    return Record(stored, write.entries, created if current is None else current.number)


def _check(write: Write, current: Record | None) -> None:
    if write.expected is Expect.ABSENT:
        if current is not None:
            raise refuse(ErrorKind.CONFLICT, f"{write.key} exists already.")
    elif write.expected is not Expect.ANYTHING and (current is None or current.version.version_id != write.expected):
        found = "nothing" if current is None else f"version {current.version.version_id}"
        raise refuse(
            ErrorKind.PRECONDITION_FAILED, f"Version {write.expected} of {write.key} was expected, {found} is current."
        )
