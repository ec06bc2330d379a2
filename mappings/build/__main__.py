"""The command line of the build: ``python -m mappings.build --source FOLDER``."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import msgspec

from mappings.rows import BASE, MANIFEST, Manifest

_FOLDERS = {"messages": "messages", "segments": "segments", "datatypes": "datatypes", "codesystems": "tables"}
"""Folders of the source, and what they are called here."""


def copy(source: Path, target: Path) -> Manifest:
    """Copy the sheets of *source* into *target* and return where they come from."""
    digests: dict[str, str] = {}
    for folder, kind in _FOLDERS.items():
        (target / kind).mkdir(parents=True, exist_ok=True)
        for path in sorted((source / folder).glob("*.csv")):
            name, raw = f"{kind}/{sheet_name(path.stem)}.csv", path.read_bytes()
            digests[name] = hashlib.sha256(raw).hexdigest()
            (target / name).write_bytes(raw)
    found = Manifest(
        title="HL7 Version 2 to FHIR 1.0.0, mapping sheets",
        source="https://github.com/HL7/v2-to-fhir at 8c9b414, mappings",
        licence="CC0-1.0",
        sha256=dict(sorted(digests.items())),
    )
    (target / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return found


def sheet_name(stem: str) -> str:
    """Return the sheet's name: ``PID[Patient]`` of ``HL7 Segment - FHIR R4_ PID[Patient] - PID``."""
    return stem.partition("_ ")[2].rpartition(" - ")[0]


def main() -> None:
    """Copy the sheets and say how many."""
    parser = argparse.ArgumentParser(prog="python -m mappings.build", description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="the guide's folder of mapping sheets")
    parser.add_argument("--to", type=Path, default=BASE, help="folder to write to")
    options = parser.parse_args()
    sys.stdout.write(f"{len(copy(options.source, options.to).sha256)} sheets\n")


if __name__ == "__main__":
    main()
