"""The report of what a load could not store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Self

import orjson

from stanforis.cli.loading.sending import Refusal


class Refusals:
    """An NDJSON file with a line for each refusal; there is none when nothing was refused.

    Only its owner can read it: what a server says about a record may repeat parts of it.
    """

    def __init__(self, path: Path) -> None:
        """Write to *path*, over what an earlier load left there."""
        self.path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, source: Path, refusal: Refusal) -> None:
        """Write what was refused of the file *source*."""
        if self._file is None:
            self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        line = {
            "file": str(source),
            "place": refusal.place,
            "entries": refusal.entries,
            "status": refusal.status or None,
            "issues": _issues(refusal.said),
        }
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _issues(said: bytes) -> list[object]:
    """Return the issues of an OperationOutcome; any other text as one issue."""
    try:
        outcome = orjson.loads(said)
    except orjson.JSONDecodeError:
        return [{"diagnostics": said.decode(errors="replace")[:500]}]
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    return issues if isinstance(issues, list) else []
