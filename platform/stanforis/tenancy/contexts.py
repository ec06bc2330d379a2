"""Signed contexts: they tell the database whom a statement may see, in a way that nobody else can.

The row security of every schema asks ``tenancy.context``, which believes a setting only with a signature. A statement
that was smuggled in by somebody can set the setting, but cannot sign it, and cannot read the key.

See docs/decisions/0019-signed-tenant-context.md.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import asyncpg

DIRECTORY: Final = 0
"""The number that stands for the installation itself: its context sees the records of tenants, and no tenant's data."""

SERVE: Final = "serve"
READ: Final = "read"
"""What a context is for: the tables of clinical data take changes for the first only."""

_LIFETIME_SECONDS: Final = 120.0
_SHARED_LIFETIME_SECONDS: Final = 8.0
"""How long a context is good: one for any database process could be used again by whoever overhears it."""
_MOST_KNOWN: Final = 4096
_ADMIT: Final = "SELECT tenancy.admit($1)"


class Session(Protocol):
    """A connection to the database, as far as contexts know it."""

    def get_server_pid(self) -> int:
        """Return the number of the database process behind it."""


class AdmittingSession(Session, Protocol):
    """A connection that can be told of a context."""

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """Run a statement and return its only value."""


@dataclass(slots=True)
class _Known:
    """A context that was made.

    Attributes:
        until: seconds since 1970 when another one is made.
        context: as the database reads it.
        is_admitted: whether the session was told of it.
    """

    until: float
    context: str
    is_admitted: bool = False


class Contexts:
    """Signs contexts with the installation's key.

    A context is made for one connection and kept for a part of its life, so most calls only look it up.
    """

    def __init__(self, key: bytes, *, shared_sessions: bool = False, ahead: float = 0.0) -> None:
        """Sign with *key*.

        Args:
            key: 32 bytes, from :func:`open_contexts`.
            shared_sessions: a pooler gives each transaction another database process, so that none can be named.
            ahead: seconds by which the database's clock is ahead of this machine's.
        """
        self._key = key
        self._shared = shared_sessions
        self._lifetime = _SHARED_LIFETIME_SECONDS if shared_sessions else _LIFETIME_SECONDS
        self._ahead = ahead
        self._read_only: frozenset[int] = frozenset()
        self._known: dict[tuple[int, int], _Known] = {}

    def let_read_only(self, tenants: Iterable[int]) -> None:
        """Sign for *tenants* from now on what lets them read and nothing else; for all others again what lets write."""
        found = frozenset(tenants)
        if found != self._read_only:
            self._read_only = found
            self._known.clear()

    def of(self, session: Session, tenant: int) -> str:
        """Return the context of *tenant* for the next transaction on *session*."""
        return self._of(session, tenant).context

    async def admitted(self, session: AdmittingSession, tenant: int) -> str:
        """Return the context of *tenant* for the next transaction on *session*, and have the session remember it.

        Then the database looks it up for each statement instead of verifying it, which takes longer. What is right
        does not depend on it.

        Raises:
            asyncpg.PostgresError: the database does not answer.
        """
        known = self._of(session, tenant)
        if not known.is_admitted and not self._shared:
            await session.fetchval(_ADMIT, known.context)
            known.is_admitted = True
        return known.context

    def _of(self, session: Session, tenant: int) -> _Known:
        process = 0 if self._shared else session.get_server_pid()
        known = self._known.get((process, tenant))
        now = time.time()
        # after a step of the clock backwards none is kept longer than it is good
        if known is not None and known.until - self._lifetime < now < known.until:
            return known
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        made = _Known(now + self._lifetime / 2, self._signed(tenant, process, now))
        self._known[process, tenant] = made
        return made

    def _signed(self, tenant: int, process: int, now: float) -> str:
        purpose = READ if tenant in self._read_only else SERVE
        said = f"{tenant:d}.{purpose}.{now + self._ahead + self._lifetime:.0f}.{process:d}"
        return f"{said}.{hmac.digest(self._key, said.encode(), 'sha256').hex()}"


async def open_contexts(owner_dsn: str, *, shared_sessions: bool = False) -> Contexts:
    """Return what signs contexts for the database whose owner's URL is *owner_dsn*: nobody else may read the key.

    Raises:
        LookupError: the database has no key: it is not migrated.
    """
    connection = await asyncpg.connect(owner_dsn)
    try:
        before = time.time()
        row = await connection.fetchrow("SELECT secret, extract(epoch FROM clock_timestamp())::float8 FROM tenancy.key")
        after = time.time()
    finally:
        await connection.close()
    if row is None:
        raise LookupError("The database has no row in tenancy.key.")
    return Contexts(row[0], shared_sessions=shared_sessions, ahead=row[1] - (before + after) / 2)
