"""The statements that requests send, as the driver sees them."""

from __future__ import annotations

import asyncpg
import pytest


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that gets the statements of requests from now on.

    What a statement may cost is asked once in a process, and the trail is stored and sealed in its own time: neither is
    a request's.
    """
    seen: list[str] = []
    fetch = asyncpg.Connection.fetch

    async def counted(self, statement, *arguments, **options):
        if not statement.startswith("EXPLAIN") and " audit." not in statement:
            seen.append(statement)
        return await fetch(self, statement, *arguments, **options)

    monkeypatch.setattr(asyncpg.Connection, "fetch", counted)
    return seen
