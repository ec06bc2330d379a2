"""Packages made for tests."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from conformance.profiles.packing import PackedFile, pack

Tree = dict[str, Any]


def manifest(name: str = "test.a", version: str = "1.0.0", **members: Any) -> Tree:
    """Return a ``package.json`` for R4."""
    return {"name": name, "version": version, "canonical": "http://a.example", "fhirVersions": ["4.0.1"], **members}


def profile(name: str = "p", version: str = "1.0.0", **members: Any) -> Tree:
    """Return a profile on Patient that wants a name."""
    return {
        "resourceType": "StructureDefinition",
        "id": name,
        "url": f"http://a.example/StructureDefinition/{name}",
        "version": version,
        "name": "P",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
        **members,
    }


def archive(folder: Path, told: Tree, *resources: Tree, **files: str) -> Path:
    """Write a package of *resources*, and of further *files* (named without ``.json``), and return its path."""
    packed = [PackedFile("package/package.json", json.dumps(told).encode())]
    packed += [
        PackedFile(f"package/{each['resourceType']}-{each['id']}.json", json.dumps(each).encode()) for each in resources
    ]
    packed += [PackedFile(f"package/{name}.json", text.encode()) for name, text in files.items()]
    path = folder / f"{told['name']}-{told['version']}.tgz"
    path.write_bytes(pack(packed))
    return path


def hostile(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """Write an archive of any members, after a good manifest."""
    raw = io.BytesIO()
    told = json.dumps(manifest()).encode()
    with tarfile.open(fileobj=raw, mode="w") as made:
        for member, content in ((tarfile.TarInfo("package/package.json"), told), *members):
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    path = folder / "hostile.tgz"
    path.write_bytes(gzip.compress(raw.getvalue()))
    return path
