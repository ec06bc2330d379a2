"""``stanforis hl7``: the commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stanforis.cli.hl7_dispatching import dispatching_commands
from stanforis.cli.hl7_operating import operating_commands
from stanforis.cli.options import AsJson

hl7_commands = typer.Typer(no_args_is_help=True)
hl7_commands.add_typer(operating_commands)
hl7_commands.add_typer(dispatching_commands)

Sender = Annotated[
    str, typer.Option(help="Sender whose rows count: LAB1, or north/LAB1; none: the rows of every sender.")
]
Sites = Annotated[
    Path | None,
    typer.Option(envvar="STANFORIS_HL7_SITES", help="Folder of the sites; the example that comes along if not given."),
]
Messages = Annotated[list[Path], typer.Argument(metavar="FILES...", help="Files of messages, or folders of them.")]


@hl7_commands.command("check")
def check(
    sender: Sender = "",
    sites: Sites = None,
    everything: Annotated[bool, typer.Option("--all", help="Name rows of the guide that are not used, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask of each row whether FHIR R4 has its element, of its type. Exit code 1: a row of a site is wrong."""
    from stanforis.cli import hl7_mapping  # noqa: PLC0415 - heavy, and needed here only

    _exit(hl7_mapping.check(sender, sites, everything=everything, as_json=as_json))


@hl7_commands.command("begin")
def begin(
    name: Annotated[str, typer.Argument(metavar="SITE/SENDER", help="What the sender is to be called: north/LAB1.")],
    messages: Messages,
    sites: Annotated[
        Path, typer.Option(envvar="STANFORIS_HL7_SITES", help="Folder of the sites; made where there is none.")
    ] = Path("sites"),
) -> None:
    """Write the files of a new sender: what its messages say and no row maps. Nothing is overwritten."""
    from stanforis.cli import hl7_mapping  # noqa: PLC0415 - heavy, and needed here only

    _exit(hl7_mapping.begin_sender(name, messages, sites))


@hl7_commands.command("preview")
def preview(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A message.")],
    sender: Sender = "",
    sites: Sites = None,
    as_json: AsJson = False,
) -> None:
    """Show the Bundle that a message becomes. Nothing is stored. Exit code 1: no rows map the message."""
    from stanforis.cli import hl7_mapping  # noqa: PLC0415 - heavy, and needed here only

    _exit(hl7_mapping.preview(file, sender, sites, as_json=as_json))


@hl7_commands.command("explain")
def explain(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="A field or segment, such as PID-8 or ZIN.")],
    sender: Sender = "",
    sites: Sites = None,
    as_json: AsJson = False,
) -> None:
    """Show the rows that map a place, and where each of them stands. Exit code 1: none does."""
    from stanforis.cli import hl7_mapping  # noqa: PLC0415 - heavy, and needed here only

    _exit(hl7_mapping.explain(place, sender, sites, as_json=as_json))


@hl7_commands.command("test")
def run_tests(sender: Sender = "", sites: Sites = None, as_json: AsJson = False) -> None:
    """Run the tests of a sender, or of all. Exit code 1: an expectation is not met."""
    from stanforis.cli import hl7_mapping  # noqa: PLC0415 - heavy, and needed here only

    _exit(hl7_mapping.run_tests(sender, sites, as_json=as_json))


@hl7_commands.command("diff")
def diff(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN1", help="A sender, or SENDER@FOLDER for another folder of sites.")
    ],
    other: Annotated[str, typer.Argument(metavar="PLAN2", help="The same; - for the rows of every sender.")],
    messages: Messages,
    sites: Sites = None,
    as_json: AsJson = False,
) -> None:
    """Show what two plans make of the same messages. Exit code 1: something else."""
    from stanforis.cli import hl7_mapping  # noqa: PLC0415 - heavy, and needed here only

    _exit(hl7_mapping.diff(plan, other, messages, sites, as_json=as_json))


@hl7_commands.command("coverage")
def coverage(messages: Messages, sender: Sender = "", sites: Sites = None, as_json: AsJson = False) -> None:
    """Count what of messages is mapped, left out with a reason, or not mapped, and codes without a row."""
    from stanforis.cli import hl7_mapping  # noqa: PLC0415 - heavy, and needed here only

    _exit(hl7_mapping.coverage(messages, sender, sites, as_json=as_json))


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)
