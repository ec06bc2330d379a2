"""Adding packages to a tenant, and removing them: their definitions become resources like any other.

They are written by the same path as a client's, so that reading, searching, history and checking know no difference.
Each package is one transaction: all of it or nothing.

Spec: https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from msgspec.structs import replace

from fhir_api.interactions.claims import tenant_profiles
from fhir_api.interactions.context import Context
from fhir_api.interactions.delete import deletion
from fhir_api.interactions.library import TenantLibrary
from fhir_api.interactions.preparing import consult, prepare
from fhir_api.interactions.retrying import retried
from fhir_api.model.errors import FhirError
from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import parse_compact
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.packages.errors import PackageError
from fhir_api.packages.identity import key_in, readdressed
from fhir_api.packages.npm import Broken, Package, Packaged
from fhir_api.packages.versions import satisfies
from fhir_api.store.port import PackageRecord, Reader, Write

_SHOWN_ISSUES = 3
_LOCK = "packages"
_FAULTS = frozenset({"profile-faulty", "profile-unknown"})
"""Details of issues that blame the profile, not the resource."""


@dataclass(frozen=True, slots=True)
class Added:
    """What adding a package came to.

    Attributes:
        name, version: of the package.
        unchanged: it was there already, as it is.
        stored: how many resources it has in the tenant.
        problems: definitions that could not be stored, and profiles that cannot be checked by.
    """

    name: str
    version: str
    unchanged: bool
    stored: int
    problems: tuple[Broken, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """What removing a package came to.

    Attributes:
        name, version: of the package.
        removed: how many resources were deleted.
        kept: resources it brought that were changed since, and so were left alone.
    """

    name: str
    version: str
    removed: int
    kept: tuple[ResourceKey, ...]


@dataclass(slots=True)
class _Prepared:
    """The writes of a package, its profiles of resources, and what could not be prepared."""

    writes: dict[ResourceKey, Write] = field(default_factory=dict)
    profiles: list[Packaged] = field(default_factory=list)
    problems: list[Broken] = field(default_factory=list)


async def add(
    context: Context,
    package: Package,
    *,
    strict: bool = False,
    examples: bool = False,
    progress: Callable[[], None] | None = None,
) -> Added:
    """Store the definitions of a package; adding it again changes nothing.

    Args:
        context: of the tenant.
        package: as read.
        strict: store nothing when a definition is broken.
        examples: store the examples as well.
        progress: called for each file that was looked at.

    Raises:
        PackageError: a definition is broken and *strict*; the text names them all.
    """
    prepared = await _prepared(context, package, examples=examples, progress=progress)
    if strict:
        _refuse_broken(package, prepared.problems)

    async def attempt() -> Added:
        async with context.store.transaction([_LOCK]) as transaction:
            before = _record(await transaction.packages(), package.manifest.name, package.manifest.version)
            if before is not None and _is_there(before, package, prepared):
                return Added(before.name, before.version, unchanged=True, stored=len(before.resources))
            leaving = [] if before is None else await _unchanged(transaction, before, beside=prepared.writes)
            writes = [*prepared.writes.values(), *map(deletion, leaving)]
            versions = (await transaction.write(writes))[: len(prepared.writes)] if writes else []
            problems = (*prepared.problems, *await _faulty(context, transaction, prepared.profiles))
            if strict:
                _refuse_broken(package, problems)
            await transaction.record_package(_as_record(package, versions, complete=not problems))
        name, version = package.manifest.name, package.manifest.version
        return Added(name, version, unchanged=False, stored=len(versions), problems=problems)

    return await retried(attempt)


async def _prepared(
    context: Context, package: Package, *, examples: bool, progress: Callable[[], None] | None
) -> _Prepared:
    found = list(package.definitions(examples=examples))
    prepared = _Prepared(problems=[each for each in found if isinstance(each, Broken)])
    packaged = [each for each in found if isinstance(each, Packaged)]
    keys = [key_in(package.manifest, each) for each in packaged]
    stored = {
        (each.resource.resource_type, each.resource.logical_id or ""): key
        for each, key in zip(packaged, keys, strict=True)
    }
    # what a definition says of its own profile concerns its authors, not the tenant's policy
    # nor does what a parameter cannot do here keep it from being stored
    context = replace(context, claims=None, parameters=None)
    for each, key in zip(packaged, keys, strict=True):
        if progress is not None:
            progress()
        if key in prepared.writes:
            prepared.problems.append(Broken(each.path, f"{each.resource.resource_type} with an id that another has."))
            continue
        try:
            resource = parse_compact(readdressed(each.resource.text, stored))
            prepared.writes[key] = await prepare(context, resource, key, Change.UPDATE)
            if _is_profile(resource.tree):
                prepared.profiles.append(each)
        except FhirError as error:
            prepared.problems.append(Broken(each.path, "; ".join(_told(error))))
    return prepared


def _is_there(record: PackageRecord, package: Package, prepared: _Prepared) -> bool:
    """Tell whether a package was added as it is, with all that is wanted of it now."""
    stored = {key for key, _ in record.resources}
    return record.complete and record.digest == package.digest and stored >= prepared.writes.keys()


def _is_profile(tree: dict[str, Any]) -> bool:
    return (
        tree["resourceType"] == "StructureDefinition"
        and tree["kind"] == "resource"
        and tree.get("derivation") == "constraint"
    )


async def _faulty(context: Context, transaction: Reader, packaged: Sequence[Packaged]) -> list[Broken]:
    """Return the profiles that cannot be made ready: their base is not known, or what they say of it cannot be."""
    consultation = consult(context, transaction)
    if consultation is None:
        return []
    found = {each.path: await consultation.settle(partial(_faults, each.resource.tree)) for each in packaged}
    return [Broken(path, "; ".join(faults[:_SHOWN_ISSUES])) for path, faults in found.items() if faults]


def _faults(profile: dict[str, Any], library: TenantLibrary) -> list[str]:
    canonical = f"{profile['url']}|{profile['version']}" if "version" in profile else profile["url"]
    issues = library.made(tenant_profiles).issues({"resourceType": profile["type"]}, canonical)
    return [issue.diagnostics for issue in issues if not _FAULTS.isdisjoint(issue.details)]


def _refuse_broken(package: Package, problems: Sequence[Broken]) -> None:
    if problems:
        told = "; ".join(f"{problem.path}: {problem.problem}" for problem in problems)
        raise PackageError(f"{package.manifest} has broken definitions: {told}")


def _told(error: FhirError) -> Iterator[str]:
    for issue in error.issues[:_SHOWN_ISSUES]:
        place = f" ({', '.join(issue.expressions)})" if issue.expressions else ""
        yield f"{issue.diagnostics}{place}"
    if len(error.issues) > _SHOWN_ISSUES:
        yield f"{len(error.issues) - _SHOWN_ISSUES} more"


def _as_record(package: Package, versions: Sequence[StoredVersion], *, complete: bool) -> PackageRecord:
    manifest = package.manifest
    return PackageRecord(
        manifest.name,
        manifest.version,
        manifest.canonical,
        tuple(f"{name}@{wanted}" for name, wanted in sorted(manifest.dependencies.items())),
        package.digest,
        complete,
        time.time_ns() // 1_000_000,
        tuple((version.key, version.version_id) for version in versions),
    )


async def remove(context: Context, name: str, version: str | None = None, *, force: bool = False) -> Removed:
    """Delete what a package brought, but for what was changed since, and forget the package.

    Args:
        context: of the tenant.
        name: of the package.
        version: needed only where there are several.
        force: remove it although other packages need it.

    Raises:
        PackageError: it is not there, several versions are, or another package needs it.
    """

    async def attempt() -> Removed:
        async with context.store.transaction([_LOCK]) as transaction:
            records = await transaction.packages()
            record = _only(records, name, version)
            if not force:
                _refuse_needed(record, records)
            leaving = await _unchanged(transaction, record)
            if leaving:
                await transaction.write([deletion(key) for key in leaving])
            await transaction.forget_package(record.name, record.version)
            kept = tuple([key for key, _ in record.resources if key not in leaving])
        return Removed(record.name, record.version, len(leaving), kept)

    return await retried(attempt)


async def _unchanged(
    reader: Reader, record: PackageRecord, beside: dict[ResourceKey, Write] | None = None
) -> list[ResourceKey]:
    """Return the resources of a package that are as it brought them; those in *beside* do not count."""
    known = await reader.currents([key for key, _ in record.resources])
    return [
        key
        for key, version_id in record.resources
        if key in known and known[key].version_id == version_id and key not in (beside or {})
    ]


def _record(records: Sequence[PackageRecord], name: str, version: str) -> PackageRecord | None:
    return next((record for record in records if (record.name, record.version) == (name, version)), None)


def _only(records: Sequence[PackageRecord], name: str, version: str | None) -> PackageRecord:
    found = [record for record in records if record.name == name and version in {None, record.version}]
    if not found:
        raise PackageError(f"The package {name}{f'@{version}' if version else ''} was not added.")
    if len(found) > 1:
        versions = ", ".join(record.version for record in found)
        raise PackageError(f"{name} was added in several versions ({versions}); say which: {name}@VERSION.")
    return found[0]


def _refuse_needed(leaving: PackageRecord, records: Sequence[PackageRecord]) -> None:
    staying = [record for record in records if record is not leaving]
    for record in staying:
        for dependency in record.dependencies:
            name, _, wanted = dependency.partition("@")
            if name != leaving.name or not satisfies(leaving.version, wanted):
                continue
            if not any(other.name == name and satisfies(other.version, wanted) for other in staying):
                raise PackageError(
                    f"{leaving.name}@{leaving.version} is needed by {record.name}@{record.version}; remove that first."
                )
