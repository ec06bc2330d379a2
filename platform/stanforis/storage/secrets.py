"""The installation's own secrets, kept in files that only their owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_BYTES = 32


def installation_secret(folder: Path) -> str:
    """Return the secret in *folder* (64 hexadecimal digits), made the first time; only its owner can read it."""
    return kept_secret(folder / "secret")


def kept_secret(path: Path) -> str:
    """Return the secret in the file *path* (64 hexadecimal digits), made the first time; only its owner can read it."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}-{os.getpid()}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_BYTES))
        try:
            # A link fails where the file is there already: of two processes one wins, and both read the same.
            os.link(unfinished, path)
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()
    return path.read_text()
