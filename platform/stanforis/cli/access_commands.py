"""``stanforis user``, ``client``, ``role``, ``rule`` and ``grant``: the commands and their options."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from stanforis.cli.options import AsJson, Data, DatabaseUrl
from stanforis.errors import OperatorError
from stanforis.settings import Settings

if TYPE_CHECKING:
    from identity.access.administration.apps import Apps
    from identity.access.administration.people import People
    from identity.access.administration.roles import Roles

user_commands = typer.Typer(no_args_is_help=True)
client_commands = typer.Typer(no_args_is_help=True)
role_commands = typer.Typer(no_args_is_help=True)
rule_commands = typer.Typer(no_args_is_help=True)
grant_commands = typer.Typer(no_args_is_help=True)

Tenant: TypeAlias = Annotated[int, typer.Option(min=1, help="Number of the tenant.")]
Who: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="Login name or id.")]
App: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="Id of the application.")]
Scope: TypeAlias = Annotated[str | None, typer.Option(help="The most that may be granted.")]
RoleNames: TypeAlias = Annotated[list[str] | None, typer.Option("--role", help="Name of a role; may be repeated.")]
Called: TypeAlias = Annotated[str | None, typer.Option(help="What people are shown.")]
FhirUser: TypeAlias = Annotated[str | None, typer.Option(help="The person's resource, such as Practitioner/1.")]
Facility: TypeAlias = Annotated[str | None, typer.Option(help="FOSA id.")]
Organisation: TypeAlias = Annotated[str | None, typer.Option(help="Id of the organisation.")]
Active: TypeAlias = Annotated[bool | None, typer.Option("--active/--locked", help="Whether it may be used.")]


class _Place:
    """Where a command works, and how it answers."""

    def __init__(self, data: Path | None, database_url: str | None, tenant: int, *, as_json: bool) -> None:
        self._settings = Settings.from_environment(data=data, database_url=database_url)
        self._tenant = tenant
        self._as_json = as_json

    def people(self, act: Callable[[People], Awaitable[Any]]) -> None:
        from identity.access.administration.people import People  # noqa: PLC0415 - heavy

        self._do(lambda server: act(People(server)))

    def apps(self, act: Callable[[Apps], Awaitable[Any]]) -> None:
        from identity.access.administration.apps import Apps  # noqa: PLC0415 - heavy

        self._do(lambda server: act(Apps(server)))

    def roles(self, act: Callable[[Roles], Awaitable[Any]]) -> None:
        from identity.access.administration.roles import Roles  # noqa: PLC0415 - heavy

        self._do(lambda server: act(Roles(server)))

    def _do(self, act: Callable[[Any], Awaitable[Any]]) -> None:
        from stanforis.cli.administering import administer  # noqa: PLC0415 - heavy

        administer(self._settings, self._tenant, act, as_json=self._as_json)


def _made(kind: str, **told: Any) -> Any:
    from identity.access.administration import shown  # noqa: PLC0415 - heavy
    from stanforis.cli.administering import made  # noqa: PLC0415 - the same

    return made(getattr(shown, kind), told)


@user_commands.command("add")
def add_user(
    login_name: Annotated[str, typer.Argument(help="What the person types to sign in.")],
    name: Called = None,
    roles: RoleNames = None,
    fhir_user: FhirUser = None,
    patient: Annotated[str | None, typer.Option(help="Logical id of the person's own Patient.")] = None,
    subject_type: Annotated[str | None, typer.Option(help="practitioner or person.")] = None,
    scope: Scope = None,
    organisation: Organisation = None,
    facility: Facility = None,
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Add somebody who may sign in, and tell the password for the first time."""
    person = _made(
        "Person",
        login_name=login_name,
        name=name,
        roles=roles,
        fhir_user=fhir_user,
        patient=patient,
        subject_type=subject_type,
        scope=scope,
        organisation=organisation,
        facility=facility,
    )
    _Place(data, database_url, tenant, as_json=as_json).people(lambda people: people.add(person))


@user_commands.command("change")
def change_user(
    who: Who,
    name: Called = None,
    roles: RoleNames = None,
    fhir_user: FhirUser = None,
    scope: Scope = None,
    organisation: Organisation = None,
    facility: Facility = None,
    active: Active = None,
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Change or lock somebody; sessions and tokens end at once."""
    change = _made(
        "PersonChange",
        name=name,
        roles=roles or None,
        fhir_user=fhir_user,
        scope=scope,
        organisation=organisation,
        facility=facility,
        is_active=active,
    )
    _Place(data, database_url, tenant, as_json=as_json).people(lambda people: people.change(who, change))


@user_commands.command("list")
def list_users(
    tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Show who may sign in."""
    _Place(data, database_url, tenant, as_json=as_json).people(lambda people: people.every(most=1000))


def _about_somebody(command: str, method: str, doc: str) -> None:
    def act(
        who: Who, tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
    ) -> None:
        _Place(data, database_url, tenant, as_json=as_json).people(lambda people: getattr(people, method)(who))

    user_commands.command(command, help=doc)(act)


_about_somebody("show", "one", "Show somebody.")
_about_somebody("reset-password", "reset_password", "Tell a one-time password; sessions and tokens end at once.")
_about_somebody("link", "link", "Make a link by which somebody who is locked out chooses a password.")
_about_somebody("reset-second-factor", "forget_second_factor", "Forget authenticator and passkeys.")
_about_somebody("end-sessions", "end_sessions", "End sessions, grants and tokens at once.")
_about_somebody("let-try-again", "let_try_again", "Forget failed attempts to sign in.")


@client_commands.command("add")
def add_client(
    name: Annotated[str, typer.Argument(help="What people are shown.")],
    scope: Annotated[str, typer.Option(help="The most it may be granted.")],
    redirect_uris: Annotated[list[str] | None, typer.Option("--redirect-uri", help="May be repeated.")] = None,
    grant_types: Annotated[list[str] | None, typer.Option("--grant-type", help="May be repeated.")] = None,
    authentication: Annotated[str | None, typer.Option(help="none, client_secret_basic or private_key_jwt.")] = None,
    jwks: Annotated[Path | None, typer.Option(help="File with its public keys (private_key_jwt).")] = None,
    dpop: Annotated[bool, typer.Option("--dpop", help="Its tokens are always bound to a key.")] = False,
    may_introspect: Annotated[bool, typer.Option("--may-introspect", help="It may ask about all tokens.")] = False,
    may_launch: Annotated[bool, typer.Option("--may-launch", help="It may launch apps, as an EHR does.")] = False,
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Register an application, and tell its secret where it has one."""
    app = _made(
        "App",
        name=name,
        scope=scope,
        redirect_uris=redirect_uris,
        grant_types=grant_types or None,
        authentication=authentication,
        jwks=None if jwks is None else _keys(jwks),
        dpop_bound=dpop,
        may_introspect=may_introspect,
        may_launch=may_launch,
    )
    _Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.add(app))


@client_commands.command("change")
def change_client(
    client_id: App,
    name: Called = None,
    scope: Scope = None,
    redirect_uris: Annotated[list[str] | None, typer.Option("--redirect-uri", help="May be repeated.")] = None,
    jwks: Annotated[Path | None, typer.Option(help="File with its public keys (private_key_jwt).")] = None,
    active: Active = None,
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Change an application, or switch it off."""
    keys = None if jwks is None else _keys(jwks)
    change = _made(
        "AppChange", name=name, scope=scope, redirect_uris=redirect_uris or None, jwks=keys, is_active=active
    )
    _Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.change(client_id, change))


@client_commands.command("list")
def list_clients(
    tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Show the applications."""
    _Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.every(most=1000))


@client_commands.command("new-secret")
def new_secret(
    client_id: App, tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Give an application another secret; the old one is worth nothing."""
    _Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.new_secret(client_id))


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
    text = _made(
        "RoleText",
        scope=scope,
        purposes=purposes or [],
        labels=labels or [],
        breaks_glass=breaks_glass,
        own=own,
        description=description,
    )
    _Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.keep(name, text))


@role_commands.command("list")
def list_roles(
    tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Show the roles, those built in and the tenant's own."""
    _Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.every())


@role_commands.command("remove")
def remove_role(
    name: Annotated[str, typer.Argument(help="Name of the role.")],
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Take a role of the tenant's own away; one that is built in is as it was again."""
    _Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.drop(name))


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
    text = _made("RuleText", text=_content(file), description=description)
    _Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.keep_rule(name, text))


@rule_commands.command("list")
def list_rules(
    tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Show the rules."""
    _Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.rules())


@rule_commands.command("remove")
def remove_rule(
    name: Annotated[str, typer.Argument(help="Name of the rule.")],
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Take a rule away."""
    _Place(data, database_url, tenant, as_json=as_json).roles(lambda roles: roles.drop_rule(name))


@grant_commands.command("list")
def list_grants(
    user: Annotated[str, typer.Option(help="Id of a person; all by default.")] = "",
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show what people have allowed applications."""
    _Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.grants(user, 1000))


@grant_commands.command("end")
def end_grant(
    grant_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the grant.")],
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """End a grant with all its tokens."""
    _Place(data, database_url, tenant, as_json=as_json).apps(lambda apps: apps.end_grant(grant_id))


def _keys(file: Path) -> Any:
    try:
        return json.loads(_content(file))
    except ValueError:
        raise OperatorError(f"{file} holds no JSON.") from None


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{file} cannot be read: {type(error).__name__}.") from None
