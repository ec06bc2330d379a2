"""``stanforis package`` and ``stanforis tenant``: the commands and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from stanforis.cli.options import DONE_IN_PART, AsJson, Data, DatabaseUrl
from stanforis.settings import Settings

package_commands = typer.Typer(no_args_is_help=True)
tenant_commands = typer.Typer(no_args_is_help=True)


@package_commands.command("add")
def add(
    sources: Annotated[
        list[str], typer.Argument(metavar="FILES...", help="Archives (.tgz), unpacked folders, or names of our own.")
    ],
    dependencies: Annotated[
        list[str] | None, typer.Option(help="Folder or package in which dependencies are looked for; may be repeated.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Name of the tenant that gets the packages.")] = "default",
    for_all: Annotated[
        bool, typer.Option("--all", help="Give them to every tenant, also to those that come later.")
    ] = False,
    examples: Annotated[bool, typer.Option("--examples", help="Store the packages' examples as well.")] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Go on without dependencies that are nowhere.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Add nothing of a package with a broken definition.")
    ] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Add FHIR packages and those they need. Nothing is fetched; the server may be running.

    Adding a package again changes nothing. Broken definitions are named and left out (exit code 3).
    """
    from stanforis.cli import packaging  # noqa: PLC0415 - heavy, and needed here only

    settings = Settings.from_environment(data=data, database_url=database_url)
    wanted = packaging.Wanted(
        tuple(sources), tuple(dependencies or ()), examples=examples, allow_missing=allow_missing, strict=strict
    )
    if not packaging.add(settings, wanted, tenant=None if for_all else tenant, as_json=as_json):
        raise typer.Exit(DONE_IN_PART)


@package_commands.command("list")
def list_packages(
    tenant: Annotated[str, typer.Option(help="Name of the tenant.")] = "default",
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show the packages a tenant has."""
    from stanforis.cli import packaging  # noqa: PLC0415 - heavy, and needed here only

    packaging.show(Settings.from_environment(data=data, database_url=database_url), tenant, as_json=as_json)


@package_commands.command("remove")
def remove(
    package: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The package.")],
    tenant: Annotated[str, typer.Option(help="Name of the tenant that loses the package.")] = "default",
    for_all: Annotated[bool, typer.Option("--all", help="Take it from every tenant.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Although another package needs it.")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Remove a package and what it brought, but for resources that were changed since."""
    from stanforis.cli import packaging  # noqa: PLC0415 - heavy, and needed here only

    settings = Settings.from_environment(data=data, database_url=database_url)
    packaging.remove(settings, package, tenant=None if for_all else tenant, force=force, as_json=as_json)


@tenant_commands.command("equip")
def equip_tenant(
    name: Annotated[str, typer.Argument(help="The tenant.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Give a tenant the packages that were added for all before it was there."""
    from stanforis.cli import packaging  # noqa: PLC0415 - heavy, and needed here only

    settings = Settings.from_environment(data=data, database_url=database_url)
    if not packaging.equip(settings, name, as_json=as_json):
        raise typer.Exit(DONE_IN_PART)
