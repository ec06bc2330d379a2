"""``stanforis audit``: the commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stanforis.cli.options import DONE_IN_PART, AsJson, Data, DatabaseUrl
from stanforis.settings import Settings

audit_commands = typer.Typer(no_args_is_help=True)


@audit_commands.command("verify")
def verify(
    tenant: Annotated[str | None, typer.Option(help="Name of the tenant; all of them by default.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Look at every record and seal of the audit trail for what was changed, removed or added (exit code 3).

    The server may be running.
    """
    from stanforis.cli import auditing  # noqa: PLC0415 - heavy, and needed here only

    settings = Settings.from_environment(data=data, database_url=database_url)
    if not auditing.verify(settings, tenant=tenant, as_json=as_json):
        raise typer.Exit(DONE_IN_PART)


@audit_commands.command("who")
def who(
    resource: Annotated[str, typer.Argument(help="A resource, such as Patient/1, or a URN of the trail.")],
    tenant: Annotated[str, typer.Option(help="Name of the tenant.")] = "default",
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Accesses that are shown, the newest first.")] = 50,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show who saw or changed a resource; of a patient, who saw anything that is about them."""
    from stanforis.cli import auditing  # noqa: PLC0415 - the same

    settings = Settings.from_environment(data=data, database_url=database_url)
    auditing.who(settings, resource, tenant=tenant, count=count, as_json=as_json)


@audit_commands.command("months")
def months(data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show the months that the trail has, and what each takes on disk."""
    from stanforis.cli import audit_retiring  # noqa: PLC0415 - the same

    audit_retiring.months(Settings.from_environment(data=data, database_url=database_url), as_json=as_json)


@audit_commands.command("retire")
def retire(
    month: Annotated[str, typer.Argument(help="A month that is over, such as 2026-08.")],
    to: Annotated[Path | None, typer.Option(help="Folder for a copy, a file for each tenant.")] = None,
    without_copy: Annotated[bool, typer.Option("--without-copy", help="Remove it for good.")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Remove a month that need not be kept any longer; what stays is verified as before.

    The server may be running.
    """
    from stanforis.cli import audit_retiring, auditing  # noqa: PLC0415 - the same

    if (to is None) is not without_copy:
        raise auditing.AuditCommandError("Say where to copy it (--to FOLDER), or that there is to be no copy.")
    audit_retiring.retire(Settings.from_environment(data=data, database_url=database_url), month, to)


@audit_commands.command("read")
def read(
    copy: Annotated[Path, typer.Argument(help="A file that `retire` wrote.")],
    data: Data = None,
) -> None:
    """Show the records of a copy as JSON, one a line; each is verified with the installation's secret."""
    from stanforis.cli import audit_retiring  # noqa: PLC0415 - the same

    audit_retiring.read(Settings.from_environment(data=data), copy)
