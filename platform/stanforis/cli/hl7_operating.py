"""``stanforis hl7 messages|senders|replay|answer|send``: the commands and their options."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanforis.cli.options import AsJson, Base, Data, TokenFile

if TYPE_CHECKING:
    from stanforis.cli.hl7_operation import Interface

operating_commands = typer.Typer()

TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
Of = Annotated[str, typer.Option("--sender", help="Only those of this sender: site/sender.")]
Type = Annotated[str, typer.Option("--type", help="Only these: ADT^A01, or ADT for all its events.")]
State = Annotated[str, typer.Option(help="Only these: received, parked, mapped, dead, closed.")]
ControlId = Annotated[str, typer.Option(help="Only those with this MSH-10.")]
Since = Annotated[datetime | None, typer.Option(formats=TIMES, help="Received at or after this (UTC).")]
Until = Annotated[datetime | None, typer.Option(formats=TIMES, help="Received before this (UTC).")]


@operating_commands.command("messages")
def messages(
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="One message, in place of a list.")] = None,
    sender: Of = "",
    kind: Type = "",
    state: State = "",
    control_id: ControlId = "",
    since: Since = None,
    until: Until = None,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Messages at most, the newest first.")] = 50,
    content: Annotated[bool, typer.Option("--content", help="Show what the message says; goes on record.")] = False,
    base: Base = None,
    data: Data = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List messages of a running server, or show one. Exit code 1: there is none."""
    from stanforis.cli import hl7_operation  # noqa: PLC0415 - needed here only

    interface = interface_of(base, data, token_file)
    if number is not None:
        leave(hl7_operation.message(interface, number, content=content, as_json=as_json))
        return
    criteria = _criteria(sender, kind, state, control_id, since, until)
    leave(hl7_operation.messages(interface, criteria, count=count, as_json=as_json))


@operating_commands.command("senders")
def senders(base: Base = None, data: Data = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show how each sender stands. Exit code 3: one is silent, or has dead letters."""
    from stanforis.cli import hl7_operation  # noqa: PLC0415 - needed here only

    leave(hl7_operation.senders(interface_of(base, data, token_file), as_json=as_json))


@operating_commands.command("replay")
def replay(
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[NUMBERS...]", help="Single messages.")] = None,
    sender: Of = "",
    kind: Type = "",
    state: State = "",
    control_id: ControlId = "",
    since: Since = None,
    until: Until = None,
    rate: Annotated[float, typer.Option(min=0, help="Messages a second at most; 0: as many as can be.")] = 0,
    alone: Annotated[
        bool, typer.Option("--alone", help="Without later messages about the same patients: older content may win.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count them only.")] = False,
    base: Base = None,
    data: Data = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Have messages worked on again, in the order they came. Exit code 1: there is none."""
    from stanforis.cli import hl7_operation  # noqa: PLC0415 - needed here only

    asked = {**_criteria(sender, kind, state, control_id, since, until), "numbers": numbers or []}
    asked |= {"rate": rate, "later": not alone, "dry_run": dry_run}
    leave(hl7_operation.replay(interface_of(base, data, token_file), asked, as_json=as_json))


@operating_commands.command("answer")
def answer(
    question: Annotated[str | None, typer.Argument(metavar="[QUESTION]", help="Its id; else they are listed.")] = None,
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="What the sender's code means.")] = None,
    system: Annotated[str, typer.Option(help="Code system; by default that of the table's row with the code.")] = "",
    display: Annotated[str, typer.Option(help="What people call it.")] = "",
    base: Base = None,
    data: Data = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a code means that no row has; messages that wait go on. Alone: list questions, exit code 3 if any."""
    from stanforis.cli import hl7_operation  # noqa: PLC0415 - needed here only

    interface = interface_of(base, data, token_file)
    if question is None:
        leave(hl7_operation.questions(interface, as_json=as_json))
    elif code is None:
        raise typer.BadParameter("what does the code mean?", param_hint="CODE")
    else:
        said = {"code": code, "system": system, "display": display}
        leave(hl7_operation.answer(interface, question, said, as_json=as_json))


@operating_commands.command("send")
def send(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Messages: one, several, or a batch a file.")],
    to: Annotated[str, typer.Option(metavar="HOST:PORT", help="The listener.")],
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS; the certificate is checked.")] = False,
    authorities: Annotated[Path | None, typer.Option(help="PEM file of who signed the listener's certificate.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="PEM file of a certificate to show.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each answer.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Send messages over MLLP, each until it is answered. Exit codes: 3 some were not taken, 1 none was."""
    from stanforis.cli import hl7_sending  # noqa: PLC0415 - needed here only

    is_tls = tls or authorities is not None or certificate is not None
    context = hl7_sending.tls_of(authorities, certificate, key) if is_tls else None
    leave(hl7_sending.send(files, to, context, seconds=wait, as_json=as_json))


def interface_of(base: str | None, data: Path | None, token_file: Path | None) -> Interface:
    """Return the operation of interfaces on the server that is meant."""
    from stanforis.cli import hl7_operation  # noqa: PLC0415 - needed here only
    from stanforis.cli.credentials import chosen  # noqa: PLC0415 - the same

    return hl7_operation.Interface(*chosen(base, data, token_file))


def _criteria(
    sender: str, kind: str, state: str, control_id: str, since: datetime | None, until: datetime | None
) -> dict[str, Any]:
    told = {"sender": sender, "type": kind, "state": state, "control_id": control_id}
    return {**told, **times_of(since, until)}


def times_of(since: datetime | None, until: datetime | None) -> dict[str, str]:
    """Return the times that are given, in UTC, as they are asked for."""
    times = {"since": since, "until": until}
    return {name: at.replace(tzinfo=UTC).isoformat() for name, at in times.items() if at is not None}


def leave(code: int) -> None:
    """End with an exit code."""
    if code:
        raise typer.Exit(code)
