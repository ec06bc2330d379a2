"""Where the committed data comes from."""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from conformance.rows import read_rows


class Manifest(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What the data was compiled from.

    Attributes:
        package: name of the FHIR package.
        version: version of the specification it defines.
        canonical: base of its canonicals.
        licence: SPDX identifier of the licence of the definitions.
        distribution: where the package was taken from, as a requirement for pip.
        sha256: digest of the package archive.
        rows: number of definitions in each file.
        skipped: definitions that were left out, by kind, as ids in the package.
    """

    package: str
    version: str
    canonical: str
    licence: str
    distribution: str
    sha256: str
    rows: dict[str, int]
    skipped: dict[str, tuple[str, ...]]


@cache
def manifest() -> Manifest:
    """Return the data's origin."""
    (row,) = read_rows("manifest.jsonl", Manifest)
    return row
