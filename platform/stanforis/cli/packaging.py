"""What ``stanforis package`` and ``stanforis tenant`` do: on the database itself, whether a server runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from conformance.profiles import shipped_packages
from conformance.profiles.packing import pack
from fhir_api.definitions import CompiledDefinitions
from fhir_api.interactions import packages
from fhir_api.interactions.consulting import TenantDefinitions
from fhir_api.interactions.context import Context
from fhir_api.model.versions import instant
from fhir_api.opening import Stores, open_postgres
from fhir_api.packages.archive import archived_files
from fhir_api.packages.core import core_library
from fhir_api.packages.dependencies import PackageName, resolve
from fhir_api.packages.npm import Package, package_of
from fhir_api.store.port import PackageRecord
from fhir_api.store.postgres.administration import Administration, administering
from stanforis.cli import databases
from stanforis.errors import OperatorError
from stanforis.settings import Settings

_HOLDER = "stanforis package"
_NO_BASE = "http://localhost/fhir"


class UnknownTenantError(OperatorError):
    """There is no tenant of that name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Packages to add.

    Attributes:
        sources: files, folders, or names of packages that are shipped.
        shelves: files and folders in which dependencies are looked for.
        examples: store examples too.
        allow_missing: go on without dependencies that are nowhere.
        strict: nothing of a package with a broken definition.
    """

    sources: tuple[str, ...]
    shelves: tuple[str, ...]
    examples: bool
    allow_missing: bool
    strict: bool

    def resolved(self, present: Sequence[PackageRecord]) -> list[Package]:
        """Return the packages in the order in which they are added.

        Raises:
            PackageError: see :func:`fhir_api.packages.dependencies.resolve`.
        """
        shipped = shipped_packages()
        paths = [_path(each, shipped) for each in self.sources]
        names = [PackageName(record.name, record.version) for record in present]
        shelves = [*map(Path, self.shelves), *shipped.values()]
        return resolve(paths, shelves, names, allow_missing=self.allow_missing)


def _path(source: str, shipped: Mapping[str, Path]) -> Path:
    """Return the file or folder that *source* is, or the package of ours that it names."""
    path = Path(source)
    if path.exists() or source not in shipped:
        return path
    return shipped[source]


@dataclass(frozen=True, slots=True)
class Installation:
    """A database that is open: its tenants and their stores."""

    settings: Settings
    definitions: CompiledDefinitions
    stores: Stores
    administration: Administration
    tenants: dict[str, int]

    def context(self, tenant: str) -> Context:
        """Return what interactions with a tenant need."""
        number = self.tenants[tenant]
        record = self.stores.directory.tenant(number)
        definitions = self.definitions.in_zone(None if record is None else record.time_zone)
        return Context(
            store=self.stores.for_tenant(number),
            rules=definitions,
            base_url=self.settings.base_url.rstrip("/") or _NO_BASE,
            definitions=TenantDefinitions(core_library(), definitions.criteria),
        )

    def named(self, tenant: str | None) -> list[str]:
        """Return the tenant of that name, or all of them for None.

        Raises:
            UnknownTenantError: there is none.
        """
        if tenant is None:
            return list(self.tenants)
        if tenant not in self.tenants:
            raise UnknownTenantError(f"There is no tenant '{tenant}'; there are: {', '.join(self.tenants)}.")
        return [tenant]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Installation]:
    """Open what *settings* name; its database is up to date already."""
    definitions = CompiledDefinitions(settings)
    stores = await open_postgres(settings, definitions)
    try:
        async with administering(settings.database_url) as administration:
            tenants = await administration.tenants()
            yield Installation(settings, definitions, stores, administration, tenants)
    finally:
        await stores.close()


def add(settings: Settings, wanted: Wanted, *, tenant: str | None, as_json: bool) -> bool:
    """Add packages to a tenant (None: to all) and tell whether every definition of them was stored.

    Raises:
        PackageError, UnknownTenantError: nothing, or not every package, was added; those that were stay whole.
    """

    async def run(settings: Settings) -> dict[str, list[packages.Added]]:
        async with opened(settings) as installation:
            return {
                name: await _add(installation, name, wanted, is_shared=tenant is None, as_json=as_json)
                for name in installation.named(tenant)
            }

    with databases.reached(settings, _HOLDER) as database:
        added = asyncio.run(run(database.settings))
    _tell([{"tenant": name} | asdict(each) for name in added for each in added[name]], _added_line, as_json=as_json)
    return not any(each.problems for of_tenant in added.values() for each in of_tenant)


async def _add(
    installation: Installation, tenant: str, wanted: Wanted, *, is_shared: bool, as_json: bool
) -> list[packages.Added]:
    context = installation.context(tenant)
    added: list[packages.Added] = []
    with _progress(as_json=as_json) as progress:
        for package in wanted.resolved(await context.store.packages()):
            task = progress.add_task(str(package.manifest), total=len(package.files))

            def advance(task: Any = task) -> None:
                progress.advance(task)

            added.append(
                await packages.add(context, package, strict=wanted.strict, examples=wanted.examples, progress=advance)
            )
            progress.update(task, completed=len(package.files))
            if is_shared:
                manifest = package.manifest
                await installation.administration.share(manifest.name, manifest.version, pack(package.files))
    return added


def equip(settings: Settings, tenant: str, *, as_json: bool) -> bool:
    """Give a tenant the packages that all tenants get, and tell whether every definition of them was stored.

    Raises:
        UnknownTenantError: there is no such tenant.
    """

    async def run(settings: Settings) -> list[packages.Added]:
        async with opened(settings) as installation:
            (name,) = installation.named(tenant)
            return [
                await packages.add(installation.context(name), package_of(source, archived_files(source, BytesIO(raw))))
                for source, raw in await installation.administration.shared()
            ]

    with databases.reached(settings, _HOLDER) as database:
        added = asyncio.run(run(database.settings))
    _tell([{"tenant": tenant} | asdict(each) for each in added], _added_line, as_json=as_json)
    return not any(each.problems for each in added)


def remove(settings: Settings, package: str, *, tenant: str | None, force: bool, as_json: bool) -> None:
    """Remove ``name`` or ``name@version`` from a tenant (None: from all).

    Raises:
        PackageError, UnknownTenantError: it cannot be removed.
    """
    name, _, version = package.partition("@")

    async def run(settings: Settings) -> dict[str, packages.Removed]:
        async with opened(settings) as installation:
            removed = {
                each: await packages.remove(installation.context(each), name, version or None, force=force)
                for each in installation.named(tenant)
            }
            if tenant is None:
                await installation.administration.unshare(name, version or None)
            return removed

    with databases.reached(settings, _HOLDER) as database:
        removed = asyncio.run(run(database.settings))
    told = [{"tenant": each} | asdict(removed[each]) | {"kept": list(map(str, removed[each].kept))} for each in removed]
    _tell(told, _removed_line, as_json=as_json)


def show(settings: Settings, tenant: str, *, as_json: bool) -> None:
    """Write the packages of a tenant on standard output.

    Raises:
        UnknownTenantError: there is no such tenant.
    """

    async def run(settings: Settings) -> list[PackageRecord]:
        async with opened(settings) as installation:
            (name,) = installation.named(tenant)
            return await installation.context(name).store.packages()

    with databases.reached(settings, _HOLDER) as database:
        records = asyncio.run(run(database.settings))
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        console.out(orjson.dumps([_row(record) for record in records]).decode(), highlight=False)
    elif not records:
        console.print("No packages were added.")
    else:
        console.print(_table(records))


def _row(record: PackageRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "version": record.version,
        "canonical": record.canonical,
        "dependencies": list(record.dependencies),
        "added": instant(record.added_at),
        "complete": record.complete,
        "resources": len(record.resources),
    }


def _table(records: Sequence[PackageRecord]) -> Table:
    names = ("package", "version", "resources", "added", "needs")
    table = Table(*(Column(name, overflow="fold") for name in names), box=None)
    for record in records:
        count = f"{len(record.resources)}{'' if record.complete else ' (incomplete)'}"
        table.add_row(record.name, record.version, count, instant(record.added_at)[:10], ", ".join(record.dependencies))
    return table


def _added_line(added: dict[str, Any]) -> str:
    what = "was there already" if added["unchanged"] else f"{added['stored']} resources"
    problems = "".join(f"\n  broken: {each['path']}: {each['problem']}" for each in added["problems"])
    return f"{added['name']}@{added['version']} ({added['tenant']}): {what}{problems}"


def _removed_line(removed: dict[str, Any]) -> str:
    kept = "".join(f"\n  kept, changed since: {key}" for key in removed["kept"])
    return f"{removed['name']}@{removed['version']} ({removed['tenant']}): {removed['removed']} resources removed{kept}"


def _tell(rows: Sequence[dict[str, Any]], line: Callable[[dict[str, Any]], str], *, as_json: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.out(orjson.dumps(rows).decode() if as_json else "\n".join(map(line, rows)), highlight=False)


def _progress(*, as_json: bool) -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=as_json or not console.is_terminal)
