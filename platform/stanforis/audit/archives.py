"""Batches in a file, as they were stored: so that they can be read, and verified, when the database has them no longer.

One JSON object a line, compressed: number of the batch, what authenticates it, and its body in Base64.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
import zstandard
from msgspec import Struct

from stanforis.audit.batches import batch_mac, unpacked
from stanforis.audit.looking import Found, Place
from stanforis.audit.port import StoredBatch

_LEVEL = 9


class ArchiveError(Exception):
    """A file is no archive of this tenant, or was changed."""


class _Line(Struct, frozen=True):
    tenant: int
    batch: int
    mac: str
    body: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


class Archive:
    """A file that is being written; it is there under its name when it is whole."""

    def __init__(self, path: Path, tenant: int) -> None:
        """Write batches of *tenant* to *path*."""
        self.path = path
        self._unfinished = path.with_name(f"{path.name}.unfinished")
        self._tenant = tenant
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Begin.

        Raises:
            OSError: the file cannot be made, or is there already.
        """
        if self.path.exists():
            raise FileExistsError(f"{self.path} is there already.")
        self._file = zstandard.open(self._unfinished, "wb", cctx=zstandard.ZstdCompressor(level=_LEVEL))
        return self

    def add(self, batch: StoredBatch) -> None:
        """Add a batch."""
        if self._file is None:
            raise ValueError("The archive is not open.")
        line = _Line(self._tenant, batch.number, batch.mac.hex(), b64encode(batch.body).decode())
        self._file.write(_encode(line) + b"\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; a file that is not whole is removed."""
        if self._file is not None:
            self._file.close()
        if error is None:
            self._unfinished.replace(self.path)
        else:
            self._unfinished.unlink(missing_ok=True)


def read_archive(path: Path, key: bytes) -> Iterator[Found]:
    """Yield the records of an archive, the oldest first, verified with *key*.

    Raises:
        ArchiveError: it is none, or a batch was changed or made by another installation.
        OSError: it cannot be read.
    """
    try:
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield from _records(_decode(line), key, f"{path}, line {number}")
    except (zstandard.ZstdError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ArchiveError(f"{path} is no archive of an audit trail: {error}") from error


def _records(line: _Line, key: bytes, where: str) -> Iterator[Found]:
    try:
        batch = StoredBatch(line.batch, bytes.fromhex(line.mac), b64decode(line.body, validate=True))
    except ValueError as error:
        raise ArchiveError(f"{where}: {error}") from error
    if not hmac.compare_digest(batch_mac(key, line.tenant, batch.at, batch.body), batch.mac):
        raise ArchiveError(f"{where}: the batch was changed, or was not made by this installation.")
    for position, record in enumerate(unpacked(batch.body)):
        yield Found(Place(batch.number, position), record)
