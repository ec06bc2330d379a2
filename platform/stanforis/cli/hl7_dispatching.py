"""``stanforis hl7 destinations|sent|resend``: the commands and their options."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from stanforis.cli.hl7_operating import TIMES, interface_of, leave, times_of
from stanforis.cli.options import AsJson, Base, Data, TokenFile

dispatching_commands = typer.Typer()

Destination = Annotated[str, typer.Option("--destination", help="Only those for this destination: site/destination.")]


@dispatching_commands.command("destinations")
def destinations(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them: site/destination.")] = None,
    mode: Annotated[
        str, typer.Option(help="runs; paused: nothing is sent; drains: what waits is sent, nothing new is made.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; others see it.")] = "",
    base: Base = None,
    data: Data = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show how destinations stand, or set one going or stop it. Exit code 3: one gets nothing, or has dead messages."""
    from stanforis.cli import hl7_dispatch  # noqa: PLC0415 - needed here only

    if mode and name is None:
        raise typer.BadParameter("which destination?", param_hint="NAME")
    interface = interface_of(base, data, token_file)
    if mode and name is not None:
        leave(hl7_dispatch.switch(interface, name, mode, reason, as_json=as_json))
    else:
        leave(hl7_dispatch.destinations(interface, name, as_json=as_json))


@dispatching_commands.command("sent")
def sent(
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="One message, in place of a list.")] = None,
    destination: Destination = "",
    state: Annotated[str, typer.Option(help="Only these: waiting, done, dead, closed, unmade, withdrawn.")] = "",
    control_id: Annotated[str, typer.Option(help="Only those with this MSH-10.")] = "",
    resource: Annotated[str, typer.Option(help="Only those of this resource: Encounter/1.")] = "",
    since: Annotated[datetime | None, typer.Option(formats=TIMES, help="Made at or after this (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(formats=TIMES, help="Made before this (UTC).")] = None,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Messages at most, the newest first.")] = 50,
    content: Annotated[bool, typer.Option("--content", help="Show what the message says; goes on record.")] = False,
    base: Base = None,
    data: Data = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List messages that are sent, or show one. Exit code 1: there is none."""
    from stanforis.cli import hl7_dispatch, hl7_operation  # noqa: PLC0415 - needed here only

    interface = interface_of(base, data, token_file)
    if number is not None:
        leave(hl7_operation.message(interface, number, content=content, as_json=as_json, of="/sent"))
        return
    criteria = {"destination": destination, "state": state, "control_id": control_id, "resource": resource}
    leave(hl7_dispatch.sent(interface, criteria | times_of(since, until), count=count, as_json=as_json))


@dispatching_commands.command("resend")
def resend(
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[NUMBERS...]", help="Single messages.")] = None,
    destination: Destination = "",
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Messages at most, the oldest first.")] = 1000,
    base: Base = None,
    data: Data = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Send dead messages again, in their order, behind what waits. Exit code 1: there is none."""
    from stanforis.cli import hl7_dispatch  # noqa: PLC0415 - needed here only

    if bool(numbers) == bool(destination):
        raise typer.BadParameter("name messages, or the destination whose dead ones are meant", param_hint="NUMBERS")
    interface = interface_of(base, data, token_file)
    leave(hl7_dispatch.resend(interface, numbers or [], destination, count=count, as_json=as_json))
