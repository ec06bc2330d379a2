"""What commands show to a server: a token of the data folder's owner, or one from a file.

The owner's token is sent to the server of that data folder only, never to another address.
"""

from __future__ import annotations

import time
from pathlib import Path

from stanforis.errors import OperatorError
from stanforis.settings import Settings

LOCAL_BASE = "http://127.0.0.1:8080/fhir"
_LIFETIME = 600
_RENEWED_BEFORE = 120
_PRIVATE = 0o077


class Credentials:
    """Gives the header ``Authorization`` for one server; renewed by itself while a command goes on."""

    def __init__(self, base: str, data: Path | None = None, token_file: Path | None = None) -> None:
        """Speak for whoever holds *token_file*, or else for the owner of the folder *data* where *base* is its server.

        Raises:
            OperatorError: the file cannot be used.
        """
        self._base = base
        self._fixed = None if token_file is None else read_token(token_file)
        self._folder = data if self._fixed is None and data is not None and _is_of(data, base) else None
        self._made: tuple[str, float] | None = None

    def headers(self) -> dict[str, str]:
        """Return the header, or nothing where there is no token for this server."""
        token = self._fixed or self._owners()
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def _owners(self) -> str | None:
        if self._folder is None:
            return None
        now = time.monotonic()
        if self._made is None or self._made[1] < now:
            from identity.access.hosting.owner import owner_key, owner_token  # noqa: PLC0415 - heavy

            token = owner_token(owner_key(self._folder), self._base, lifetime=_LIFETIME)
            self._made = (token, now + _LIFETIME - _RENEWED_BEFORE)
        return self._made[0]


def chosen(base: str | None, data: Path | None, token_file: Path | None) -> tuple[str, Credentials]:
    """Return which server a command speaks to, and as whom.

    Args:
        base: FHIR base URL; by default that of the data folder's running server.
        data: the data folder, where another than the usual one is meant.
        token_file: holds a token, in place of the owner's.
    """
    from identity.access.hosting.running import running_base  # noqa: PLC0415 - needed by these commands only

    folder = Settings.from_environment(data=data).data
    url = (base or running_base(folder) or LOCAL_BASE).rstrip("/")
    return url, Credentials(url, folder, token_file)


def _is_of(folder: Path, base: str) -> bool:
    from identity.access.hosting.running import running_base  # noqa: PLC0415 - the same

    return running_base(folder) == base


def read_token(path: Path) -> str:
    """Return the access token that a file holds.

    Raises:
        OperatorError: the file cannot be read, or others may read it.
    """
    try:
        if path.stat().st_mode & _PRIVATE:
            raise OperatorError(f"{path} can be read by others: run 'chmod 600 {path}'.")
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be read as a token: {type(error).__name__}.") from None
