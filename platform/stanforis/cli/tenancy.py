"""What ``stanforis tenant`` does with the lives of tenants: on the database itself, whether a server runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TextIO, TypeVar

import asyncpg
import msgspec
from rich.console import Console
from rich.table import Table

from fhir_api.definitions import CompiledDefinitions
from fhir_api.opening import open_postgres
from fhir_api.store.postgres.exporting import current_versions
from fhir_api.store.postgres.store import PostgresStores
from stanforis.cli import databases
from stanforis.cli.registering import opened_registry
from stanforis.errors import OperatorError
from stanforis.settings import Settings
from stanforis.tenancy.registry import Registry
from stanforis.tenancy.tenants import PassageError, State, Tenant, UnknownTenantError

_Answer = TypeVar("_Answer")
_HOLDER = "stanforis tenant"


class ExportError(OperatorError):
    """What a tenant has cannot be written where it was wanted."""


def create(settings: Settings, slug: str, wanted: Mapping[str, Any], state: State) -> Tenant:
    """Add a tenant and return it."""
    return _with_registry(settings, lambda registry: registry.create(slug, dict(wanted), state))


def tenants(settings: Settings) -> list[Tenant]:
    """Return all tenants."""
    return _with_registry(settings, lambda registry: registry.tenants())


def change(settings: Settings, slug: str, wanted: Mapping[str, Any]) -> Tenant:
    """Change settings of a tenant and return it."""
    return _with_registry(settings, lambda registry: registry.change(slug, dict(wanted)))


def move(settings: Settings, slug: str, state: State) -> Tenant:
    """Let a tenant pass into a state and return it."""
    return _with_registry(settings, lambda registry: registry.move(slug, state))


def show(settings: Settings, slug: str) -> dict[str, Any]:
    """Return a tenant and what it used."""

    async def found(registry: Registry) -> dict[str, Any]:
        tenant = await registry.tenant(slug)
        used = await registry.consumed(tenant.number)
        return {**msgspec.to_builtins(tenant), "used": used._asdict()}

    return _with_registry(settings, found)


def export(settings: Settings, slug: str, folder: Path) -> dict[str, int]:
    """Write all resources of a suspended tenant into *folder*, a file for each type, and return how many of each.

    Raises:
        PassageError: the tenant is not suspended, so that it might be changed meanwhile.
        ExportError: there are files in the folder already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ExportError(f"{folder} is not empty; name a folder that is, or that is not there yet.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def written(registry: Registry, settings: Settings) -> dict[str, int]:
        tenant = await registry.tenant(slug)
        if tenant.state not in (State.SUSPENDED, State.EXPORTED):
            raise PassageError(
                f"Tenant '{slug}' is {tenant.state}: suspend it first, so that nothing changes meanwhile."
            )
        stores = await open_postgres(settings, CompiledDefinitions(settings))
        if not isinstance(stores, PostgresStores):
            raise ExportError("Only what is stored in PostgreSQL can be exported.")
        try:
            counts = await _write(stores, tenant.number, folder)
        finally:
            await stores.close()
        await registry.move(slug, State.EXPORTED)
        return counts

    with databases.reached(settings, _HOLDER) as database:
        return asyncio.run(_working(database.settings, lambda registry: written(registry, database.settings)))


def shred(settings: Settings, slug: str) -> int:
    """Remove all that an exported tenant has, for good, and return how many rows that were."""

    async def gone(registry: Registry, owner: str) -> int:
        tenant = await registry.tenant(slug)
        if tenant.state is not State.EXPORTED:
            raise PassageError(f"Tenant '{slug}' is {tenant.state}: only what was exported is shredded.")
        connection = await asyncpg.connect(owner)
        try:
            return int(await connection.fetchval("SELECT tenancy.shred($1)", tenant.number))
        finally:
            await connection.close()

    with databases.reached(settings, _HOLDER) as database:
        owner = database.settings.database_url
        return asyncio.run(_working(database.settings, lambda registry: gone(registry, owner)))


def tell(console: Console, told: list[Tenant]) -> None:
    """Show tenants as a table."""
    table = Table("number", "name", "title", "state", "plan")
    for tenant in told:
        table.add_row(str(tenant.number), tenant.slug, tenant.name, tenant.state, tenant.plan)
    console.print(table)


async def _write(stores: PostgresStores, tenant: int, folder: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    files: dict[str, TextIO] = {}
    try:
        async for versions in current_versions(stores.shared, tenant):
            for version in versions:
                name = version.key.resource_type
                if name not in files:
                    # nobody else waits: this is a command
                    files[name] = await asyncio.to_thread((folder / f"{name}.ndjson").open, "x", encoding="utf-8")
                files[name].write(version.resource().decode() + "\n")
                counts[name] = counts.get(name, 0) + 1
    finally:
        for file in files.values():
            file.close()
    return counts


def _with_registry(settings: Settings, work: Callable[[Registry], Awaitable[_Answer]]) -> _Answer:
    with databases.reached(settings, _HOLDER) as database:
        return asyncio.run(_working(database.settings, work))


async def _working(settings: Settings, work: Callable[[Registry], Awaitable[_Answer]]) -> _Answer:
    async with opened_registry(settings) as registry:
        try:
            return await work(registry)
        except UnknownTenantError as error:
            there = ", ".join(tenant.slug for tenant in await registry.tenants())
            raise UnknownTenantError(f"{str(error).removesuffix('.')}; there are: {there}.") from None
