"""``stanforis role`` and ``rule``: the commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stanforis.cli.administration_options import Place, Tenant, content, made
from stanforis.cli.options import AsJson, Data, DatabaseUrl

role_commands = typer.Typer(no_args_is_help=True)
rule_commands = typer.Typer(no_args_is_help=True)


@role_commands.command("set")
def set_role(
    name: Annotated[str, typer.Argument(help="Name of the role.")],
    scope: Annotated[str, typer.Option(help="What may be reached, such as 'user/Observation.rs'.")],
    purposes: Annotated[list[str] | None, typer.Option("--purpose", help="Purpose of use; may be repeated.")] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", help="Security label; may be repeated.")] = None,
    breaks_glass: Annotated[bool, typer.Option("--breaks-glass", help="May break the glass.")] = False,
    own: Annotated[bool, typer.Option("--own", help="Only the person's own compartment.")] = False,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Keep a role; one that is built in is replaced for the tenant."""
    text = made(
        "RoleText",
        scope=scope,
        purposes=purposes or [],
        labels=labels or [],
        breaks_glass=breaks_glass,
        own=own,
        description=description,
    )
    Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.keep(name, text))


@role_commands.command("list")
def list_roles(
    tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Show the roles, those built in and the tenant's own."""
    Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.every())


@role_commands.command("remove")
def remove_role(
    name: Annotated[str, typer.Argument(help="Name of the role.")],
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Take a role of the tenant's own away; one that is built in is as it was again."""
    Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.drop(name))


@rule_commands.command("set")
def set_rule(
    name: Annotated[str, typer.Argument(help="Name of the rule.")],
    file: Annotated[Path, typer.Argument(help="File with the rule, in Cedar.")],
    description: Annotated[str, typer.Option(help="For people.")] = "",
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Keep a rule by attributes; it only forbids."""
    text = made("RuleText", text=content(file), description=description)
    Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.keep_rule(name, text))


@rule_commands.command("list")
def list_rules(
    tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Show the rules."""
    Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.rules())


@rule_commands.command("remove")
def remove_rule(
    name: Annotated[str, typer.Argument(help="Name of the rule.")],
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Take a rule away."""
    Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.drop_rule(name))
