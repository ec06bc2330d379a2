"""A thin pool of PostgreSQL connections for the hot path.

The connection used last is handed out first, so few connections stay warm with their prepared statements. Nothing is
reset between users: no statement of the platform leaves session state behind (settings are local to a statement or
transaction).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:  # the class takes no parameters when it runs
    Connection = asyncpg.Connection


class PoolTimeoutError(Exception):
    """No connection became free in time, or the database cannot be reached."""


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How connections are made.

    Attributes:
        dsn: libpq URL of the database.
        size: most connections of this process.
        acquire_seconds: how long a request waits for a connection.
        statement_milliseconds: how long one statement may run.
        role: the role every connection works as.
        settings: further session settings, given at connect time.
        prepare: what is done to each new connection before it is used.
    """

    dsn: str
    size: int = 8
    acquire_seconds: float = 5.0
    statement_milliseconds: int = 30_000
    role: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    prepare: Callable[[Connection], Awaitable[None]] | None = None


class Pool:
    """Connections of one process to one database.

    Raises (from :meth:`acquire`):
        PoolTimeoutError: see there.
    """

    def __init__(self, options: PoolOptions) -> None:
        self.options = options
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(options.size)
        self._closed = False

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """Lend a connection; it is dropped if it broke meanwhile."""
        await self._take_place()
        connection: Connection | None = None
        try:
            connection = await self._connection()
            yield connection
        except asyncpg.InternalClientError:
            # Driver and database are out of step, as when PostgreSQL was killed in the midst of an answer.
            if connection is not None:
                connection.terminate()
            raise
        finally:
            if connection is not None:
                self._give_back(connection)
            self._free.release()

    async def close(self) -> None:
        """Close idle connections; lent ones are closed when they come back."""
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.close(timeout=2) for connection in idle), return_exceptions=True)

    async def _take_place(self) -> None:
        if not self._free.locked():
            await self._free.acquire()  # returns at once
            return
        try:
            async with asyncio.timeout(self.options.acquire_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise PoolTimeoutError("no database connection became free in time") from None

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        try:
            return await self._connect()
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
            raise PoolTimeoutError(f"the database cannot be reached: {type(error).__name__}") from error

    def _give_back(self, connection: Connection) -> None:
        # A cancelled request may leave a transaction open or a query running: such a connection is not used again.
        if self._closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)

    async def _connect(self) -> Connection:
        options = self.options
        settings = {
            "application_name": "stanforis",
            "statement_timeout": str(options.statement_milliseconds),
            "idle_in_transaction_session_timeout": "60000",
            "jit": "off",
            "plan_cache_mode": "force_generic_plan",
            "timezone": "UTC",
            **dict(options.settings),
        }
        if options.role:
            settings["role"] = options.role
        connection = await asyncpg.connect(
            options.dsn,
            server_settings=settings,
            statement_cache_size=2000,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=65536,
            timeout=options.acquire_seconds,
            command_timeout=None,
        )
        if options.prepare is not None:
            await options.prepare(connection)
        return connection
