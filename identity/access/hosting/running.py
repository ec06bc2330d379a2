"""A note in the data folder of where its server is reached, for commands that speak to it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path


def note_running(folder: Path, base_url: str, *, is_open: bool) -> None:
    """Leave word that the server of *folder* is reached at *base_url*; *is_open*: it asks for no tokens."""
    path = _note(folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps({"fhir_base": base_url, "open": is_open}), encoding="utf-8")
    unfinished.replace(path)


def forget_running(folder: Path) -> None:
    """Take the note away; on a disk that takes no writes it stays, and nobody answers where it says."""
    with suppress(OSError):
        _note(folder).unlink()


def is_noted(folder: Path) -> bool:
    """Tell whether a server of *folder* is noted: one is running, or was ended before it could take the note away."""
    return _note(folder).exists()


def running_base(folder: Path) -> str | None:
    """Return the FHIR base URL of the server of *folder*; None when no server asks for tokens there."""
    try:
        noted = json.loads(_note(folder).read_text(encoding="utf-8"))
        return None if noted["open"] else str(noted["fhir_base"])
    except (OSError, ValueError, KeyError):
        return None


def _note(folder: Path) -> Path:
    return folder / "access" / "server.json"
