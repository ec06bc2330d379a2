"""Options and exit codes that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DONE_IN_PART = 3

Data: TypeAlias = Annotated[Path | None, typer.Option(help="Folder of everything this installation stores.")]
DatabaseUrl: TypeAlias = Annotated[
    str | None, typer.Option(help="Outside PostgreSQL (15 or newer) in place of the embedded one.")
]
Base: TypeAlias = Annotated[
    str | None, typer.Option(help="FHIR base URL of a running server; by default that of the data folder.")
]
TokenFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="File with an access token, in place of one of the data folder's owner.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
