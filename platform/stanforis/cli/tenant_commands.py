"""``stanforis tenant``: the commands and their options for the lives of tenants."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from stanforis.cli.options import AsJson, Data, DatabaseUrl
from stanforis.cli.package_commands import tenant_commands
from stanforis.settings import Settings
from stanforis.tenancy.tenants import State, Tenant

__all__ = ["tenant_commands"]

Slug: TypeAlias = Annotated[str, typer.Argument(help="The tenant's name in addresses: /t/NAME/fhir.")]
Title: TypeAlias = Annotated[str | None, typer.Option(help="Its name for people.")]
Plan: TypeAlias = Annotated[
    str | None, typer.Option(help="What it may use: unlimited, trial, clinic, hospital, or one of yours.")
]
Languages: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--language", help="BCP 47 tag of what its pages are shown in; may be repeated, preferred first."),
]
Origins: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--origin", help="Origin whose pages may call it from a browser; may be repeated."),
]


class Policy(StrEnum):
    """What is done about declared profiles."""

    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"
    DEFAULT = "default"


Profiles: TypeAlias = Annotated[
    Policy | None, typer.Option(help="What is done about declared profiles; `default` is the installation's setting.")
]


@tenant_commands.command("create")
def create_tenant(
    name: Slug,
    title: Title = None,
    plan: Plan = None,
    profiles: Profiles = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA zone of dates without one; later `db reindex --time-zone` changes it.")
    ] = None,
    languages: Languages = None,
    origins: Origins = None,
    is_active: Annotated[bool, typer.Option("--active", help="Without a trial.")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Add a tenant; running servers serve it within a second."""
    from stanforis.cli import tenancy  # noqa: PLC0415 - heavy, and needed here only

    wanted = _wanted(title, plan, profiles, languages, origins) | ({"time_zone": time_zone} if time_zone else {})
    state = State.ACTIVE if is_active else State.TRIAL
    _say(tenancy.create(_settings(data, database_url), name, wanted, state), as_json=as_json)


@tenant_commands.command("set")
def set_tenant(
    name: Slug,
    title: Title = None,
    plan: Plan = None,
    profiles: Profiles = None,
    languages: Languages = None,
    origins: Origins = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Change settings of a tenant; what is not named stays. Running servers follow within a second."""
    from stanforis.cli import tenancy  # noqa: PLC0415 - heavy, and needed here only

    wanted = _wanted(title, plan, profiles, languages, origins)
    if not wanted:
        raise typer.BadParameter("Name at least one setting to change.")
    _say(tenancy.change(_settings(data, database_url), name, wanted), as_json=as_json)


@tenant_commands.command("list")
def list_tenants(data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List all tenants."""
    from rich.console import Console  # noqa: PLC0415 - heavy, and needed here only

    from stanforis.cli import tenancy  # noqa: PLC0415 - the same

    found = tenancy.tenants(_settings(data, database_url))
    if as_json:
        typer.echo(json.dumps([_plain(tenant) for tenant in found]))
    else:
        tenancy.tell(Console(), found)


@tenant_commands.command("show")
def show_tenant(name: Slug, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show a tenant and what it used."""
    from stanforis.cli import tenancy  # noqa: PLC0415 - heavy, and needed here only

    found = tenancy.show(_settings(data, database_url), name)
    typer.echo(json.dumps(found) if as_json else "\n".join(f"{key}: {value}" for key, value in found.items()))


@tenant_commands.command("activate")
def activate_tenant(name: Slug, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """End a tenant's trial."""
    _move(name, State.ACTIVE, _settings(data, database_url), as_json=as_json)


@tenant_commands.command("suspend")
def suspend_tenant(name: Slug, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Let a tenant be read and exported only."""
    _move(name, State.SUSPENDED, _settings(data, database_url), as_json=as_json)


@tenant_commands.command("resume")
def resume_tenant(name: Slug, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Let a suspended tenant be changed again."""
    _move(name, State.ACTIVE, _settings(data, database_url), as_json=as_json)


@tenant_commands.command("export")
def export_tenant(
    name: Slug,
    folder: Annotated[Path, typer.Argument(help="New or empty folder for a file of NDJSON for each type.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write all resources of a suspended tenant into files; it is not served any more."""
    from stanforis.cli import tenancy  # noqa: PLC0415 - heavy, and needed here only

    counts = tenancy.export(_settings(data, database_url), name, folder)
    if as_json:
        typer.echo(json.dumps({"tenant": name, "resources": counts}))
    else:
        typer.echo(f"Tenant {name}: {sum(counts.values())} resources in {folder}.")


@tenant_commands.command("shred")
def shred_tenant(
    name: Slug,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Remove all that an exported tenant has, for good."""
    from stanforis.cli import tenancy  # noqa: PLC0415 - heavy, and needed here only

    if not is_sure:
        typer.confirm(f"Remove all resources, messages and people of tenant {name} for good?", abort=True)
    rows = tenancy.shred(_settings(data, database_url), name)
    typer.echo(json.dumps({"tenant": name, "rows": rows}) if as_json else f"Tenant {name}: {rows} rows removed.")


def _wanted(
    title: str | None,
    plan: str | None,
    profiles: Policy | None,
    languages: list[str] | None,
    origins: list[str] | None,
) -> dict[str, Any]:
    """Return the settings that were named; an empty text among languages or origins takes all away."""
    named = {
        "name": title,
        "plan": plan,
        "profiles": profiles,
        "languages": languages and list(filter(None, languages)),
        "cors_origins": origins and list(filter(None, origins)),
    }
    found = {setting: value for setting, value in named.items() if value is not None}
    return found | ({"profiles": None} if profiles is Policy.DEFAULT else {})


def _move(name: str, state: State, settings: Settings, *, as_json: bool) -> None:
    from stanforis.cli import tenancy  # noqa: PLC0415 - heavy, and needed here only

    _say(tenancy.move(settings, name, state), as_json=as_json)


def _say(tenant: Tenant, *, as_json: bool) -> None:
    typer.echo(json.dumps(_plain(tenant)) if as_json else f"Tenant {tenant.slug} ({tenant.number}): {tenant.state}.")


def _plain(tenant: Tenant) -> dict[str, Any]:
    from msgspec import to_builtins  # noqa: PLC0415 - needed here only

    plain: dict[str, Any] = to_builtins(tenant)
    return plain


def _settings(data: Path | None, database_url: str | None) -> Settings:
    return Settings.from_environment(data=data, database_url=database_url)
