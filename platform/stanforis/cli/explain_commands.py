"""``stanforis access``: the command that explains a decision, and its options."""

from __future__ import annotations

from typing import Annotated

import typer

from stanforis.cli.options import AsJson, Data, DatabaseUrl, TokenFile
from stanforis.settings import Settings

access_commands = typer.Typer(no_args_is_help=True)


@access_commands.callback()
def access() -> None:
    """Explain what somebody may reach."""


@access_commands.command()
def explain(
    interaction: Annotated[str, typer.Argument(help="Such as read, search-type, create, update, delete.")],
    what: Annotated[str, typer.Argument(help="A resource type, or Type/id.")],
    token_file: TokenFile = None,
    scope: Annotated[str, typer.Option(help="Scopes of somebody who has no token yet.")] = "user/*.cruds",
    roles: Annotated[list[str] | None, typer.Option("--role", help="Name of a role; may be repeated.")] = None,
    subject_type: Annotated[str, typer.Option(help="practitioner, person, system or device.")] = "practitioner",
    patient: Annotated[str | None, typer.Option(help="Logical id of the patient in context.")] = None,
    fhir_user: Annotated[str | None, typer.Option(help="The caller's resource, such as Practitioner/1.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Id of the organisation they act for.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Purpose of use, such as TREAT.")] = None,
    emergency: Annotated[bool, typer.Option(help="As if they broke the glass.")] = False,
    tenant: Annotated[int, typer.Option(min=1, help="Number of the tenant.")] = 1,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Say who may reach what, and which rule decides: for a token, or for somebody as described by options."""
    from stanforis.cli.credentials import read_token  # noqa: PLC0415 - needed by this command only
    from stanforis.cli.explaining import Question  # noqa: PLC0415 - heavy
    from stanforis.cli.explaining import explain as run  # noqa: PLC0415 - the same

    question = Question(
        interaction,
        what,
        tenant,
        token=None if token_file is None else read_token(token_file),
        scope=scope,
        roles=tuple(roles or ()),
        subject_type=subject_type,
        patient=patient,
        fhir_user=fhir_user,
        organisation=organisation,
        purpose=purpose,
        emergency=emergency,
    )
    run(Settings.from_environment(data=data, database_url=database_url), question, as_json=as_json)
