"""Signing keys that several processes share: one of them at a time rotates, the others notice."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from identity.access.clock import Clock, system_clock
from identity.access.tokens.keeping import keep, kept
from identity.access.tokens.keys import DEFAULT_ALGORITHM, KeySet, Rotation


class KeyFile:
    """The keys in a file, as this process knows them.

    Attributes:
        keys: the key set; always the same object, whatever the file says.
    """

    def __init__(
        self,
        path: Path,
        *,
        algorithms: Iterable[str] = (DEFAULT_ALGORITHM,),
        rotation: Rotation | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Read the keys in *path*; what *algorithms* need beyond them is made and written.

        Raises:
            OperatorError: the file can be read by others, or holds something else.
        """
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            before = kept(path)
            self.keys = KeySet(before, algorithms=algorithms, rotation=rotation, clock=clock)
            self._write_if_changed(before)
            self._seen = _mark(path)

    def refresh(self) -> bool:
        """Take over what other processes wrote, and rotate where it is time; True when a key was withdrawn.

        Raises:
            OperatorError: as at the start.
        """
        with self._locked():
            known = {key.public.kid for key in self.keys.keys}
            before = kept(self._path) if _mark(self._path) != self._seen else self.keys.keys
            self.keys.take(before)
            self._write_if_changed(before)
            self._seen = _mark(self._path)
        return bool(known - {key.public.kid for key in self.keys.keys})

    def _write_if_changed(self, before: tuple[object, ...]) -> None:
        if self.keys.keys != before:
            keep(self._path, self.keys.keys)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let no other process read or write meanwhile; the lock goes with the process, however that ends."""
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _mark(path: Path) -> tuple[int, int]:
    """Return what changes whenever the file is replaced."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return found.st_ino, found.st_mtime_ns
