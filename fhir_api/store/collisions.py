"""When writers meet."""

from __future__ import annotations


class CollisionError(Exception):
    """Another writer was faster; the same work may succeed when it is done again from the start.

    A transaction that raises it has been undone.
    """
