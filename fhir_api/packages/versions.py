"""Versions of packages and of definitions: which is newer, which is wanted.

Spec: https://semver.org/#spec-item-11, https://hl7.org/fhir/R4/references.html#canonical
"""

from __future__ import annotations

import re
from typing import TypeAlias

_PARTS = re.compile(r"\d+|[A-Za-z]+")

VersionOrder: TypeAlias = tuple[tuple[tuple[int, int, str], ...], int, tuple[tuple[int, int, str], ...]]
"""Sorts like the version it stands for."""


def version_order(version: str) -> VersionOrder:
    """Return what sorts *version* among others: by numbers, a pre-release (``1.0.0-ballot``) before its release.

    Whatever is no semantic version (a date, a word) is ordered by the numbers and words in it.
    """
    release, _, pre_release = version.partition("+")[0].partition("-")
    if release.isdigit() and len(release) == len("2026"):
        release, pre_release = version, ""  # a date, which FHIR's own code systems use
    return _parts(release), 0 if pre_release else 1, _parts(pre_release)


def _parts(text: str) -> tuple[tuple[int, int, str], ...]:
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in _PARTS.findall(text))


def satisfies(version: str, wanted: str) -> bool:
    """Tell whether *version* is what a dependency asks for: a version, ``4.0.x``, or ``latest``."""
    if wanted in {"latest", "*", ""}:
        return True
    if wanted.endswith((".x", ".*")):
        return version.startswith(wanted[:-1])
    return version == wanted
