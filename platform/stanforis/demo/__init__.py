"""Demonstration data: the records of a small Rwandan health centre, and a generator of synthetic records.

Nobody in it exists.
"""

from __future__ import annotations

from importlib.resources import files


def demo_bundles() -> list[bytes]:
    """Return the demonstration as transaction Bundles, the health centre first.

    Every entry is a PUT under a fixed id, so that loading them twice gives the same resources.
    """
    folder = files(__package__).joinpath("records")
    return [path.read_bytes() for path in sorted(folder.iterdir(), key=lambda path: path.name)]
