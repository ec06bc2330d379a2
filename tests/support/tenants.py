"""A tenant of its own for each test: what one test stores, no other one finds."""

from __future__ import annotations

from itertools import count

# with room behind each, for tests that need several
_numbers = count(1000, 10)


def new_tenant() -> int:
    """Return the number of a tenant that nobody has used; up to nine more follow it."""
    return next(_numbers)
