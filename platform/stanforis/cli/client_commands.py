"""``stanforis client`` and ``grant``: the commands and their options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from stanforis.cli.administration_options import Active, Called, Place, Scope, Tenant, content, made
from stanforis.cli.options import AsJson, Data, DatabaseUrl
from stanforis.errors import OperatorError

client_commands = typer.Typer(no_args_is_help=True)
grant_commands = typer.Typer(no_args_is_help=True)

AfterLogout: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--post-logout-redirect-uri", help="Where browsers may go after a logout it started; repeatable."),
]
Organisation: TypeAlias = Annotated[
    str | None, typer.Option(help="Id of the organisation it works for, which consents may name.")
]
App: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="Id of the application.")]


@client_commands.command("add")
def add_client(
    name: Annotated[str, typer.Argument(help="What people are shown.")],
    scope: Annotated[str, typer.Option(help="The most it may be granted.")],
    redirect_uris: Annotated[list[str] | None, typer.Option("--redirect-uri", help="May be repeated.")] = None,
    after_logout: AfterLogout = None,
    grant_types: Annotated[list[str] | None, typer.Option("--grant-type", help="May be repeated.")] = None,
    authentication: Annotated[str | None, typer.Option(help="none, client_secret_basic or private_key_jwt.")] = None,
    jwks: Annotated[Path | None, typer.Option(help="File with its public keys (private_key_jwt).")] = None,
    dpop: Annotated[bool, typer.Option("--dpop", help="Its tokens are always bound to a key.")] = False,
    organisation: Organisation = None,
    may_introspect: Annotated[bool, typer.Option("--may-introspect", help="It may ask about all tokens.")] = False,
    may_launch: Annotated[bool, typer.Option("--may-launch", help="It may launch apps, as an EHR does.")] = False,
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Register an application, and tell its secret where it has one."""
    app = made(
        "App",
        name=name,
        scope=scope,
        redirect_uris=redirect_uris,
        post_logout_redirect_uris=after_logout or None,
        grant_types=grant_types or None,
        authentication=authentication,
        jwks=None if jwks is None else _keys(jwks),
        dpop_bound=dpop,
        organisation=organisation,
        may_introspect=may_introspect,
        may_launch=may_launch,
    )
    Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.add(app))


@client_commands.command("change")
def change_client(
    client_id: App,
    name: Called = None,
    scope: Scope = None,
    redirect_uris: Annotated[list[str] | None, typer.Option("--redirect-uri", help="May be repeated.")] = None,
    after_logout: AfterLogout = None,
    jwks: Annotated[Path | None, typer.Option(help="File with its public keys (private_key_jwt).")] = None,
    organisation: Organisation = None,
    active: Active = None,
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Change an application, or switch it off."""
    keys = None if jwks is None else _keys(jwks)
    change = made(
        "AppChange",
        name=name,
        scope=scope,
        redirect_uris=redirect_uris or None,
        post_logout_redirect_uris=after_logout or None,
        jwks=keys,
        organisation=organisation,
        is_active=active,
    )
    Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.change(client_id, change))


@client_commands.command("list")
def list_clients(
    tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Show the applications."""
    Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.every(most=1000))


@client_commands.command("new-secret")
def new_secret(
    client_id: App, tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Give an application another secret; the old one is worth nothing."""
    Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.new_secret(client_id))


@grant_commands.command("list")
def list_grants(
    user: Annotated[str, typer.Option(help="Id of a person; all by default.")] = "",
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show what people have allowed applications."""
    Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.grants(user, 1000))


@grant_commands.command("end")
def end_grant(
    grant_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the grant.")],
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """End a grant with all its tokens."""
    Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.end_grant(grant_id))


def _keys(file: Path) -> Any:
    try:
        return json.loads(content(file))
    except ValueError:
        raise OperatorError(f"{file} holds no JSON.") from None
