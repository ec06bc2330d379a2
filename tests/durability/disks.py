"""Data folders on disks of their own, which fail while a server works on them.

A disk is mounted in a mount namespace of the server: it goes away with it, and nobody else sees it.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import mkstemp
from typing import Self

import pytest

_MEBIBYTES = 320
"""PostgreSQL's files, the schema, and some room."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - an image there is written without waiting for a real disk
_CHUNK = bytes(1 << 20)
_LEAST = 4096


class SmallDisk:
    """A disk that can be filled."""

    def __init__(self, folder: Path) -> None:
        """Prepare one at *folder*; skip the test where this machine gives nobody such a disk."""
        folder.mkdir(mode=0o700)
        self._folder = folder
        mount = f"mount -t tmpfs -o size={_MEBIBYTES}m,mode=700 tmpfs {folder}"
        if os.geteuid() == 0:
            self.prefix = _in_a_namespace(mount)
        else:
            # root of a namespace mounts it, and becomes who it was, for PostgreSQL works for no root
            back = f"unshare -U --map-user={os.geteuid()} --map-group={os.getegid()}"
            self.prefix = ("unshare", "-Urm", "sh", "-c", f'{mount} && exec {back} "$@"', "sh")
        _skip_unless_it_works(self.prefix)

    def fill(self, pid: int) -> None:
        """Leave no room on the disk of process *pid*."""
        with (seen_by(pid, self._folder) / "ballast").open("ab", buffering=0) as ballast:
            size = len(_CHUNK)
            while size >= _LEAST:
                try:
                    ballast.write(_CHUNK[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def make_room(self, pid: int) -> None:
        """Take away again what filled it."""
        (seen_by(pid, self._folder) / "ballast").unlink()


class FailingDisk:
    """A disk that the kernel makes read-only, as it does when one fails; it is whole again once it is mounted anew."""

    def __init__(self, folder: Path) -> None:
        """Prepare one at *folder*; skip the test where this machine gives nobody such a disk."""
        make = shutil.which("mkfs.ext4")
        if os.geteuid() != 0 or make is None or not _MEMORY.is_dir():
            pytest.skip("only root mounts a disk that can be made to fail; it is made with mkfs.ext4, in memory")
        folder.mkdir(mode=0o700)
        handle, name = mkstemp(suffix=".img", dir=_MEMORY)
        os.truncate(handle, _MEBIBYTES << 20)
        os.close(handle)
        self._image = Path(name)
        subprocess.run([make, "-q", str(self._image)], check=True)
        self.prefix = _in_a_namespace(f"mount -o loop,errors=remount-ro {self._image} {folder}")
        _skip_unless_it_works(self.prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._image.unlink()

    def fail(self) -> None:
        """Let the kernel find a fault in it."""
        backing = Path("/sys/block").glob("loop*/loop/backing_file")
        device = next(path.parts[3] for path in backing if path.read_text().strip() == str(self._image))
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")


def seen_by(pid: int, folder: Path) -> Path:
    """Return the path of a folder as process *pid* sees it."""
    return Path(f"/proc/{pid}/root") / folder.relative_to("/")


def _in_a_namespace(mount: str) -> tuple[str, ...]:
    return ("unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh")


def _skip_unless_it_works(prefix: tuple[str, ...]) -> None:
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("a mount namespace with a disk of its own cannot be had here")
