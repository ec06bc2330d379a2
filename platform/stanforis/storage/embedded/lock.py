"""A lock that lets one process at a time use a data folder, and says who holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from stanforis.errors import OperatorError


class FolderInUseError(OperatorError):
    """Another process uses the folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"The data folder {folder} is in use by {holder or 'another process'}. Stop it, or use --data."
        )
        self.holder = holder


class FolderLock:
    """An exclusive lock on a folder, released by the kernel even when the holder is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self, holder: str) -> None:
        """Take the lock and leave *holder*, a text such as ``process 12``, for whoever is refused.

        Raises:
            FolderInUseError: another process holds it.
        """
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            named = os.read(descriptor, 200).decode(errors="replace").strip()
            os.close(descriptor)
            raise FolderInUseError(self._folder, named) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def disown(self) -> None:
        """Close this process's copy after a fork; the parent keeps the lock."""
        self.release()
