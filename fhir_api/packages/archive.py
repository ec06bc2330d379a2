"""The files of a package, from a ``.tgz`` or an unpacked folder, within bounds.

An archive is a stranger's: what would leave the folder, is a link or a device, or grows beyond the bounds is refused
before it is used. Nothing is ever unpacked to disk.

Spec: https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from gzip import BadGzipFile, GzipFile
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from conformance.profiles.packing import PackedFile
from fhir_api.packages.errors import PackageError

_MEBIBYTE = 1024 * 1024
LARGEST_ARCHIVE = 256 * _MEBIBYTE
LARGEST_CONTENT = 1024 * _MEBIBYTE
LARGEST_FILE = 64 * _MEBIBYTE
MOST_FILES = 100_000
"""Bounds of one package: bytes packed, bytes unpacked, bytes of one file, files."""


def packed_files(source: Path) -> Iterator[PackedFile]:
    """Yield the JSON files of a package in the order of the archive, or of their names in a folder.

    Raises:
        PackageError: there is nothing to read, it is no package archive, or it is out of bounds.
    """
    if source.is_dir():
        return _of_folder(source)
    if not source.is_file():
        raise PackageError(f"{source}: there is no such file or folder, and no package of that name is shipped.")
    if source.stat().st_size > LARGEST_ARCHIVE:
        raise PackageError(f"{source.name} is larger than {LARGEST_ARCHIVE} bytes.")
    return archived_files(source.name, source.open("rb"))


def archived_files(name: str, packed: BinaryIO) -> Iterator[PackedFile]:
    """Yield the JSON files of an archive in their order, and close it; *name* stands for it in messages.

    Raises:
        PackageError: as :func:`packed_files`.
    """
    try:
        with packed, tarfile.open(fileobj=cast("BinaryIO", _Bounded(name, packed)), mode="r|") as archive:
            yield from _members(name, archive)
    except (tarfile.TarError, BadGzipFile, EOFError, zlib.error, OSError, ValueError, OverflowError) as error:
        raise PackageError(f"{name} is not a package archive (.tgz): {error}.") from None


def _members(name: str, archive: tarfile.TarFile) -> Iterator[PackedFile]:
    for number, member in enumerate(archive, 1):
        if number > MOST_FILES:
            raise PackageError(f"{name} holds more than {MOST_FILES} files.")
        path = _safe(name, member.name)
        if member.isdir():
            continue
        if not member.isfile():
            raise PackageError(f"{name}: {path} is a link or a device; a package holds plain files only.")
        if member.size > LARGEST_FILE:
            raise PackageError(f"{name}: {path} is larger than {LARGEST_FILE} bytes.")
        if path.endswith(".json") and (file := archive.extractfile(member)) is not None:
            yield PackedFile(path, file.read())


def _safe(name: str, path: str) -> str:
    """Return the path of a member without a leading ``./``."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path:
        raise PackageError(f"{name}: the path {path[:200]!r} leaves the package.")
    return str(pure)


class _Bounded(RawIOBase):
    """The unpacked bytes of a gzip file, up to a bound: a small archive may unpack to more than memory holds."""

    def __init__(self, name: str, packed: BinaryIO) -> None:
        super().__init__()
        self._name = name
        self._unpacked = GzipFile(fileobj=packed)
        self._left = LARGEST_CONTENT

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; a header may claim any size, so it is checked before memory is taken."""
        if not 0 <= size <= LARGEST_FILE:
            raise PackageError(f"{self._name}: a file or header is larger than {LARGEST_FILE} bytes.")
        content = self._unpacked.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise PackageError(f"{self._name} unpacks to more than {LARGEST_CONTENT} bytes.")
        return content


def _of_folder(folder: Path) -> Iterator[PackedFile]:
    root = folder / "package" if (folder / "package" / "package.json").exists() else folder
    left = LARGEST_CONTENT
    for number, path in enumerate(sorted(root.rglob("*.json")), 1):
        inner = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_file():
            raise PackageError(f"{folder.name}: {inner} is a link or no file; a package holds plain files only.")
        size = path.stat().st_size
        left -= size
        if number > MOST_FILES or size > LARGEST_FILE or left < 0:
            raise PackageError(f"{folder.name}: at {inner} the package is out of bounds (files, or bytes).")
        yield PackedFile(f"package/{inner}", path.read_bytes())
