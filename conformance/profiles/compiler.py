"""Compiling the source of packages; needs the development environment, the archives do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import yaml

from conformance.profiles.definitions import definitions
from conformance.profiles.packing import PackedFile, pack
from conformance.profiles.source import Source

_FOLDER = Path(__file__).parent


def compile_packages(folder: Path = _FOLDER) -> Iterator[tuple[Path, int]]:
    """Compile each package whose source is in *folder* and yield its archive, and how many files are in it."""
    for path in sorted(folder.glob("*/package.yaml")):
        files = package_files(path.parent)
        archive = folder / "packages" / f"{path.parent.name}.tgz"
        archive.parent.mkdir(exist_ok=True)
        archive.write_bytes(pack(files))
        yield archive, len(files)


def package_files(folder: Path) -> list[PackedFile]:
    """Return the files of the package whose source is in *folder*."""
    source = yaml.decode((folder / "package.yaml").read_bytes(), type=Source)
    files = [PackedFile("package/package.json", _json(manifest(source)))]
    files += [
        PackedFile(f"package/{tree['resourceType']}-{tree['id']}.json", _json(tree)) for tree in definitions(source)
    ]
    for tree in yaml.decode((folder / "examples.yaml").read_bytes(), type=list[dict[str, Any]]):
        files.append(PackedFile(f"package/example/{tree['resourceType']}-{tree['id']}.json", _json(tree)))
    return files


def manifest(source: Source) -> dict[str, Any]:
    """Return ``package.json``."""
    return {
        "name": source.name,
        "version": source.version,
        "canonical": source.canonical,
        "title": source.title,
        "description": source.description,
        "author": source.publisher,
        "license": "Apache-2.0",
        "fhirVersions": ["4.0.1"],
        "dependencies": source.dependencies,
        "type": "fhir.ig",
    }


def _json(tree: dict[str, Any]) -> bytes:
    return json.dumps(tree, ensure_ascii=False, indent=1).encode()
