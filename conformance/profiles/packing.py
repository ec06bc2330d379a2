"""Packing a package: equal content gives equal bytes, whenever and wherever it is done.

Spec: https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from gzip import GzipFile
from typing import NamedTuple

_MODE = 0o644


class PackedFile(NamedTuple):
    """One file of a package.

    Attributes:
        path: inside the package, such as ``package/package.json``.
        content: its bytes.
    """

    path: str
    content: bytes


def pack(files: Iterable[PackedFile]) -> bytes:
    """Return a ``.tgz`` of *files*, the manifest first: readers find it without unpacking the rest."""
    packed = io.BytesIO()
    with (
        GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for file in sorted(files, key=_manifest_first):
            entry = tarfile.TarInfo(file.path)
            entry.size, entry.mode = len(file.content), _MODE
            archive.addfile(entry, io.BytesIO(file.content))
    return packed.getvalue()


def _manifest_first(file: PackedFile) -> tuple[bool, str]:
    return not file.path.endswith("/package.json"), file.path
