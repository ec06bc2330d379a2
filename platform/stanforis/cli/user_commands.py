"""``stanforis user``: the commands and their options."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from stanforis.cli.administration_options import Active, Called, Place, Scope, Tenant, made
from stanforis.cli.options import AsJson, Data, DatabaseUrl

user_commands = typer.Typer(no_args_is_help=True)

Who: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="Login name or id.")]
RoleNames: TypeAlias = Annotated[list[str] | None, typer.Option("--role", help="Name of a role; may be repeated.")]
FhirUser: TypeAlias = Annotated[str | None, typer.Option(help="The person's resource, such as Practitioner/1.")]
Facility: TypeAlias = Annotated[str | None, typer.Option(help="FOSA id.")]
Organisation: TypeAlias = Annotated[str | None, typer.Option(help="Id of the organisation.")]


@user_commands.command("add")
def add_user(
    login_name: Annotated[str, typer.Argument(help="What the person types to sign in.")],
    name: Called = None,
    roles: RoleNames = None,
    fhir_user: FhirUser = None,
    patient: Annotated[
        str | None, typer.Option(help="Logical id of the person's own Patient; by default that of --fhir-user.")
    ] = None,
    subject_type: Annotated[
        str | None, typer.Option(help="practitioner or person; by default person where --fhir-user is a patient.")
    ] = None,
    scope: Scope = None,
    organisation: Organisation = None,
    facility: Facility = None,
    tenant: Tenant = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Add somebody who may sign in, and tell the password for the first time."""
    person = made(
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
    Place(data, database_url, tenant, as_json=as_json).people(lambda people: people.add(person))


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
    change = made(
        "PersonChange",
        name=name,
        roles=roles or None,
        fhir_user=fhir_user,
        scope=scope,
        organisation=organisation,
        facility=facility,
        is_active=active,
    )
    Place(data, database_url, tenant, as_json=as_json).people(lambda people: people.change(who, change))


@user_commands.command("list")
def list_users(
    tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Show who may sign in."""
    Place(data, database_url, tenant, as_json=as_json).people(lambda people: people.every(most=1000))


def _about_somebody(command: str, method: str, doc: str) -> None:
    def act(
        who: Who, tenant: Tenant = 1, data: Data = None, database_url: DatabaseUrl = None, as_json: AsJson = False
    ) -> None:
        Place(data, database_url, tenant, as_json=as_json).people(lambda people: getattr(people, method)(who))

    user_commands.command(command, help=doc)(act)


_about_somebody("show", "one", "Show somebody.")
_about_somebody("reset-password", "reset_password", "Tell a one-time password; sessions and tokens end at once.")
_about_somebody("link", "link", "Make a link by which somebody who is locked out chooses a password.")
_about_somebody("reset-second-factor", "forget_second_factor", "Forget authenticator and passkeys.")
_about_somebody("end-sessions", "end_sessions", "End sessions, grants and tokens at once.")
_about_somebody("let-try-again", "let_try_again", "Forget failed attempts to sign in.")
