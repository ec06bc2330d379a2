"""Which packages have to be added, and in which order: each after those it builds on. Nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fhir_api.packages.errors import PackageError
from fhir_api.packages.npm import SHIPPED, Manifest, Package, read_manifest, read_package, require_r4
from fhir_api.packages.versions import satisfies, version_order

_R4_SHIPPED = "4.0."
_SPECIFICATION = re.compile(r"hl7\.fhir\.(r\w+\.)?(core|expansions)")
"""Names of the packages of FHIR itself, of any version."""


@dataclass(frozen=True, slots=True)
class PackageName:
    """A package of one version, as far as dependencies care."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(slots=True)
class _Resolution:
    """Packages in the order in which they can be added, as it is found."""

    shelf: Sequence[tuple[Manifest, Path]]
    present: Sequence[PackageName]
    ordered: list[Package] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, package: Package, path: tuple[str, ...] = ()) -> None:
        """Put *package* in the order, after what it needs; *path* are the packages that led here."""
        own = str(package.manifest)
        if any(str(each.manifest) == own for each in self.ordered):
            return
        if own in path:
            raise PackageError(f"Packages need each other in a circle: {' -> '.join([*path, own])}.")
        require_r4(package.manifest)
        for name, wanted in package.manifest.dependencies.items():
            self._need(name, wanted, own, (*path, own))
        self.ordered.append(package)

    def _need(self, name: str, wanted: str, needed_by: str, path: tuple[str, ...]) -> None:
        if name in SHIPPED and (wanted.startswith(_R4_SHIPPED) or wanted in {"latest", "current"}):
            return
        if _SPECIFICATION.fullmatch(name):
            raise PackageError(f"{needed_by} is made for FHIR {wanted} ({name}); this server speaks R4 (4.0.1).")
        if any(each.manifest.name == name and satisfies(each.manifest.version, wanted) for each in self.ordered):
            return
        if any(each.name == name and satisfies(each.version, wanted) for each in self.present):
            return
        source = self._found(name, wanted)
        if source is None:
            self.missing.append(f"{name}@{wanted} (needed by {needed_by})")
        else:
            self.add(read_package(source), path)

    def _found(self, name: str, wanted: str) -> Path | None:
        found = [
            (version_order(manifest.version), source)
            for manifest, source in self.shelf
            if manifest.name == name and satisfies(manifest.version, wanted)
        ]
        return max(found)[1] if found else None


def resolve(
    wanted: Iterable[Path], shelves: Iterable[Path], present: Sequence[PackageName], *, allow_missing: bool = False
) -> list[Package]:
    """Return the packages *wanted* with those they need, each after its dependencies.

    Args:
        wanted: packages to add, ``.tgz`` files or unpacked folders.
        shelves: packages, and folders with packages, in which dependencies are looked for.
        present: packages that were added before.
        allow_missing: go on without dependencies that are nowhere.

    Raises:
        PackageError: a package cannot be read, is for another version of FHIR, a dependency is missing (all are
            named), or packages need each other in a circle.
    """
    sources = list(wanted)
    packages = [read_package(source) for source in sources]
    shelf = [(package.manifest, source) for package, source in zip(packages, sources, strict=True)]
    shelf += [(read_manifest(source), source) for each in shelves for source in _sources(each)]
    resolution = _Resolution(shelf, present)
    for package in packages:
        if package.manifest.name in SHIPPED:
            raise PackageError(f"{package.manifest} is part of the server; there is nothing to add.")
        resolution.add(package)
    if resolution.missing and not allow_missing:
        missing = "; ".join(dict.fromkeys(resolution.missing))
        raise PackageError(f"Packages are missing: {missing}. Give their files, or their folder by --dependencies.")
    return resolution.ordered


def _sources(shelf: Path) -> list[Path]:
    """Return the packages in a folder, or *shelf* itself when it is a package."""
    if not shelf.is_dir() or _is_package(shelf):
        return [shelf]
    return [path for path in sorted(shelf.iterdir()) if path.suffix == ".tgz" or _is_package(path)]


def _is_package(path: Path) -> bool:
    return any((path / inner).is_file() for inner in ("package.json", "package/package.json"))
