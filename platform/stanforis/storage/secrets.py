"""The installation's own secret, kept in the data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_BYTES = 32


def installation_secret(folder: Path) -> str:
    """Return the secret in *folder* (64 hexadecimal digits), made the first time; only its owner can read it."""
    path = folder / "secret"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = folder / f"secret-{os.getpid()}"
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
