"""FHIR NPM packages: what one says of itself, and the definitions it holds.

Spec: https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from conformance.profiles.packing import PackedFile
from fhir_api.model.errors import FhirError
from fhir_api.model.resource import Resource, parse
from fhir_api.packages.archive import packed_files
from fhir_api.packages.errors import PackageError
from fhir_api.packages.kinds import DEFINITION_TYPES

MANIFEST = "package/package.json"
SHIPPED = frozenset({"hl7.fhir.r4.core", "hl7.fhir.core", "hl7.fhir.r4.expansions"})
"""Packages whose content is part of the server."""

_EXAMPLES = ("package/example/", "package/examples/")
_R4 = "4.0."
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some tools put in front of UTF-8; clients may not, packages are as they are."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """``package.json``.

    Attributes:
        name: such as ``hl7.fhir.us.core``.
        version: such as ``3.1.1``.
        canonical: base of its canonicals; empty if it gives none.
        dependencies: name and wanted version of each package it builds on.
        fhir_versions: versions of FHIR it is made for; empty if it gives none.
    """

    name: str
    version: str
    canonical: str
    dependencies: Mapping[str, str]
    fhir_versions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Package:
    """A package as read.

    Attributes:
        manifest: what it says of itself.
        files: the JSON files of the manifest and of resources; examples are in folders of their own.
        digest: SHA-256 of manifest and files: equal for equal content, however it was packed.
    """

    manifest: Manifest
    files: tuple[PackedFile, ...]
    digest: str

    def definitions(self, *, examples: bool = False) -> Iterator[Packaged | Broken]:
        """Yield each definition, with *examples* each example too; what cannot be read as a resource is broken."""
        for file in self.files:
            if file.path == MANIFEST or (not examples and file.path.startswith(_EXAMPLES)):
                continue
            try:
                resource = parse(file.content.removeprefix(_BYTE_ORDER_MARK))
            except FhirError as error:
                yield Broken(file.path, str(error))
                continue
            if examples or resource.resource_type in DEFINITION_TYPES:
                yield Packaged(file.path, resource)


@dataclass(frozen=True, slots=True)
class Packaged:
    """A resource of a package.

    Attributes:
        path: its file.
        resource: as read.
    """

    path: str
    resource: Resource


@dataclass(frozen=True, slots=True)
class Broken:
    """A file of a package that cannot be used.

    Attributes:
        path: the file.
        problem: what is wrong with it, a sentence.
    """

    path: str
    problem: str


def read_package(source: Path) -> Package:
    """Read a ``.tgz`` or an unpacked folder.

    Raises:
        PackageError: it is no FHIR package for R4; the text names the file inside it.
    """
    return package_of(source.name, packed_files(source))


def package_of(name: str, packed: Iterable[PackedFile]) -> Package:
    """Return the package of some files; *name* stands for where they are from in messages.

    Raises:
        PackageError: as :func:`read_package`.
    """
    manifest: Manifest | None = None
    files: dict[str, PackedFile] = {}
    for file in packed:
        if file.path in files:
            raise PackageError(f"{name}: {file.path} stands in it twice.")
        if file.path == MANIFEST:
            manifest = _manifest(name, file.content)
        elif not _is_resource(file.path):
            continue
        files[file.path] = file
    if manifest is None:
        raise PackageError(f"{name} has no {MANIFEST}: it is no FHIR package.")
    ordered = tuple(sorted(files.values()))
    return Package(manifest, ordered, digest(ordered))


def read_manifest(source: Path) -> Manifest:
    """Return what a package says of itself, without reading more than that takes.

    Raises:
        PackageError: as :func:`read_package`.
    """
    for file in packed_files(source):
        if file.path == MANIFEST:
            return _manifest(source.name, file.content)
    raise PackageError(f"{source.name} has no {MANIFEST}: it is no FHIR package.")


def require_r4(manifest: Manifest) -> None:
    """Refuse a package that says it is made for other versions of FHIR than R4.

    Raises:
        PackageError: naming the versions.
    """
    versions = manifest.fhir_versions
    if versions and not any(version.startswith(_R4) for version in versions):
        raise PackageError(f"{manifest} is made for FHIR {', '.join(versions)}; this server speaks R4 (4.0.1).")


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    """Return the SHA-256 of files by their paths, in hexadecimal digits."""
    hashed = sha256()
    for path, content in sorted(files):
        hashed.update(f"{path}\0{len(content)}\0".encode())
        hashed.update(content)
    return hashed.hexdigest()


def _is_resource(path: str) -> bool:
    """Tell whether a file holds a resource: JSON directly in ``package``, or among the examples."""
    folder, _, name = path.rpartition("/")
    return not name.startswith(".") and (folder == "package" or f"{folder}/" in _EXAMPLES)


def _manifest(source: str, raw: bytes) -> Manifest:
    try:
        told = orjson.loads(raw.removeprefix(_BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise PackageError(f"{source}: {MANIFEST} is not JSON: {error}.") from None
    name, version = (told.get("name"), told.get("version")) if isinstance(told, dict) else (None, None)
    if not (isinstance(name, str) and name and isinstance(version, str) and version):
        raise PackageError(f"{source}: {MANIFEST} has no name and version.")
    dependencies = told.get("dependencies") or {}
    if not isinstance(dependencies, dict) or not all(isinstance(wanted, str) for wanted in dependencies.values()):
        raise PackageError(f"{source}: the dependencies in {MANIFEST} are no names with versions.")
    canonical = told.get("canonical")
    return Manifest(name, version, canonical if isinstance(canonical, str) else "", dependencies, _fhir_versions(told))


def _fhir_versions(told: dict[str, Any]) -> tuple[str, ...]:
    for member in ("fhirVersions", "fhir-version-list"):
        versions = told.get(member)
        if isinstance(versions, list):
            return tuple(str(version) for version in versions)
    return ()
