"""The commands and their options; the work itself is imported when a command runs, so that help comes at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from stanforis.cli.audit_commands import audit_commands
from stanforis.cli.client_commands import client_commands, grant_commands
from stanforis.cli.explain_commands import access_commands
from stanforis.cli.hl7_commands import hl7_commands
from stanforis.cli.options import DONE_IN_PART, AsJson, Base, Data, DatabaseUrl, TokenFile
from stanforis.cli.package_commands import package_commands
from stanforis.cli.role_commands import role_commands, rule_commands
from stanforis.cli.tenant_commands import tenant_commands
from stanforis.cli.user_commands import user_commands
from stanforis.settings import Settings

application = typer.Typer(
    name="stanforis",
    help="A FHIR R4 server and the health platform behind it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 could not be done, 2 wrong usage or setting, 3 done in part, 130 interrupted.",
)
database_commands = typer.Typer(no_args_is_help=True)
application.add_typer(database_commands, name="db", help="Look after the database's schema.")

application.add_typer(user_commands, name="user", help="People who may sign in.")
application.add_typer(client_commands, name="client", help="Applications that may ask for tokens.")
application.add_typer(role_commands, name="role", help="What people and systems may do.")
application.add_typer(rule_commands, name="rule", help="What nobody may do under certain conditions.")
application.add_typer(grant_commands, name="grant", help="What people have allowed applications.")
application.add_typer(access_commands, name="access", help="Explain what somebody may reach.")
application.add_typer(hl7_commands, name="hl7", help="HL7 v2: look at mapping rows, try them, measure them.")
application.add_typer(audit_commands, name="audit", help="Verify the audit trail, and ask it who saw what.")
application.add_typer(package_commands, name="package", help="Add, list and remove packages of FHIR definitions.")
application.add_typer(tenant_commands, name="tenant", help="Add tenants, end and resume them, set their policies.")


@application.command()
def up(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Loopback address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, max=256, help="API processes; 0: one a core.")] = None,
    database_url: DatabaseUrl = None,
    demo: Annotated[bool, typer.Option("--demo", help="Put a few invented patients into an empty server.")] = False,
    hl7: Annotated[
        int | None, typer.Option(min=0, max=65535, help="TCP port for HL7 v2 messages; 0 takes a free one.")
    ] = None,
    is_open: Annotated[
        bool, typer.Option("--open", help="No access control: for development, on loopback only.")
    ] = False,
) -> None:
    """Start the server: database, schema and API processes. Ctrl-C stops it."""
    from stanforis.cli.up import up as run  # noqa: PLC0415 - heavy, and needed by this command only

    settings = Settings.from_environment(
        data=data, host=host, port=port, workers=workers, database_url=database_url, hl7_port=hl7
    )
    run(settings, _announce, demo=demo, is_open=is_open)


@application.command()
def load(
    sources: Annotated[list[Path], typer.Argument(help="Files, and folders with files, of Bundles or NDJSON.")],
    base: Base = None,
    data: Data = None,
    token_file: TokenFile = None,
    connections: Annotated[int, typer.Option(min=1, max=64, help="Requests at a time.")] = 4,
    new_ids: Annotated[
        bool, typer.Option("--new-ids", help="Let the server choose ids of what the file creates.")
    ] = False,
    report: Annotated[Path, typer.Option(help="Where refused entries are written (NDJSON).")] = Path("refused.ndjson"),
    as_json: AsJson = False,
) -> None:
    """Send files of Bundles and NDJSON (plain, .gz, .bz2) to a running server.

    Resources keep the ids they come with, so that loading a file again changes nothing.
    """
    from stanforis.cli.credentials import chosen  # noqa: PLC0415 - heavy, and needed by this command only
    from stanforis.cli.loading.run import load as run  # noqa: PLC0415 - heavy, and needed by this command only

    url, shown = chosen(base, data, token_file)
    summary = run(
        sources,
        url,
        connections=connections,
        keep_ids=not new_ids,
        report=report,
        as_json=as_json,
        credentials=shown.headers,
    )
    if summary.refused:
        raise typer.Exit(DONE_IN_PART)


@application.command()
def bench(
    base: Base = None,
    data: Data = None,
    token_file: TokenFile = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each kind of request is sent.")] = 3.0,
    connections: Annotated[int, typer.Option(min=1, max=64, help="Requests at a time.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Measure a running server with a small load of reads, searches and writes (it adds a few resources)."""
    from stanforis.cli.bench import bench as run  # noqa: PLC0415 - heavy, and needed by this command only
    from stanforis.cli.credentials import chosen  # noqa: PLC0415 - heavy, and needed by this command only

    url, shown = chosen(base, data, token_file)
    run(url, seconds=seconds, connections=connections, as_json=as_json, credentials=shown.headers)


@application.command()
def token(
    data: Data = None,
    scope: Annotated[str | None, typer.Option(help="What it allows, such as 'system/Patient.rs'.")] = None,
    tenant: Annotated[int, typer.Option(min=1, help="Number of the tenant whose records are meant.")] = 1,
    lifetime: Annotated[int, typer.Option(min=1, max=86_400, help="Seconds for which it is good.")] = 600,
    base: Base = None,
    as_json: AsJson = False,
) -> None:
    """Write an access token for scripts, made with the key of the data folder's owner, on standard output."""
    from stanforis.cli.token import token as run  # noqa: PLC0415 - heavy, and needed by this command only

    settings = Settings.from_environment(data=data, base_url=base)
    typer.echo(run(settings, scope=scope, tenant=tenant, lifetime=lifetime, as_json=as_json))


@application.command()
def doctor(
    data: Data = None, port: int | None = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Say what is wrong with this set-up and how to right it."""
    from stanforis.cli.doctor import doctor as run  # noqa: PLC0415 - heavy, and needed by this command only

    if not run(Settings.from_environment(data=data, port=port, database_url=database_url), as_json=as_json):
        raise typer.Exit(DONE_IN_PART)


@database_commands.command("upgrade")
def database_upgrade(data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Bring the schema up to date; `up` does so by itself."""
    from stanforis.cli import databases  # noqa: PLC0415 - heavy, and needed by this command only

    with databases.opened(Settings.from_environment(data=data, database_url=database_url), "stanforis db") as database:
        databases.upgrade(database)
    _announce("The schema is up to date.")


@database_commands.command("check")
def database_check(data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Say whether the schema is up to date (exit code 3 when it is not)."""
    from stanforis.cli import databases  # noqa: PLC0415 - heavy, and needed by this command only

    with databases.opened(Settings.from_environment(data=data, database_url=database_url), "stanforis db") as database:
        found = databases.problem(database)
    _announce(found or "The schema is up to date.")
    if found:
        raise typer.Exit(DONE_IN_PART)


@database_commands.command("reindex")
def database_reindex(
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Resource type to index anew; may be repeated.")
    ] = None,
    parameter: Annotated[
        str | None, typer.Option(help="Search parameter: its canonical, or its code beside a type.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Name of the tenant, with a type or parameter.")] = "default",
    time_zones: Annotated[
        list[str] | None,
        typer.Option("--time-zone", metavar="TENANT=ZONE", help="Give a tenant another time zone; may be repeated."),
    ] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make the search index anew from the stored resources; stop the server first.

    With a type or a parameter only a part of it is made anew, and the server may go on.
    """
    settings = Settings.from_environment(data=data, database_url=database_url)
    zones = _zones(time_zones or [])
    if zones and (types or parameter):
        raise typer.BadParameter("A time zone is of the whole index: leave --type and --parameter out.")
    if types or parameter:
        from stanforis.cli import indexing  # noqa: PLC0415 - heavy, and needed here only

        asked = indexing.Asked(tuple(types or ()), parameter)
        indexing.reindex(settings, asked, tenant=tenant, as_json=as_json)
        return
    _reindex_all(settings, zones)


def _zones(given: list[str]) -> dict[str, str | None]:
    """Return the zones of tenants by their names; ``north=`` is None."""
    if any("=" not in each for each in given):
        raise typer.BadParameter("--time-zone is a tenant's name and a zone: north=Africa/Kigali.")
    return {name: zone or None for name, _, zone in (each.partition("=") for each in given)}


def _reindex_all(settings: Settings, zones: Mapping[str, str | None]) -> None:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - heavy, and needed by this command only

    from stanforis.cli import databases  # noqa: PLC0415 - heavy, and needed by this command only

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} resources indexed"), TimeElapsedColumn())
    with databases.opened(settings, "stanforis db") as database:
        databases.upgrade(database)
        with Progress(*columns) as shown:
            task = shown.add_task("", total=None)
            databases.reindex(database, lambda count: shown.advance(task, count), zones)
    _announce("The search index is up to date.")


def _announce(line: str) -> None:
    typer.echo(line)
