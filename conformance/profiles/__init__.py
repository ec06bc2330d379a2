"""Packages of definitions that are shipped: ours for Rwanda.

What each holds is written in ``source``, compiled by ``python -m conformance.profiles`` and committed beside it.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "packages"


def shipped_packages() -> dict[str, Path]:
    """Return the archive of each package that is shipped, by its name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.tgz"))}
