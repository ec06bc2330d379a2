"""A thin pool of PostgreSQL connections for the hot path.

The connection used last is handed out first, so few connections stay warm with their prepared statements. Nothing is
reset between users: no statement of the platform leaves session state behind (settings are local to a statement or
transaction).
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from stanforis.storage import pooler
from stanforis.storage.connection import Connection


class PoolTimeoutError(Exception):
    """No connection became free in time, or the database cannot be reached."""


_UNREACHABLE = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)


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
        shared_sessions: a pooler gives each transaction another session; see :mod:`stanforis.storage.pooler`.
    """

    dsn: str
    size: int = 8
    acquire_seconds: float = 5.0
    statement_milliseconds: int = 30_000
    role: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    prepare: Callable[[Connection], Awaitable[None]] | None = None
    shared_sessions: bool = False


class Pool:
    """Connections of one process to one database."""

    def __init__(self, options: PoolOptions) -> None:
        """Open nothing yet: connections are made when they are needed."""
        self.options = options
        self._idle: list[Connection] = []
        self._open = 0
        self._waiters: deque[Future[Connection | None]] = deque()
        self._closed = False

    def acquire(self) -> Lease:
        """Lend a connection: ``async with pool.acquire() as connection``.

        Raises (when it is entered):
            PoolTimeoutError: see there.
        """
        return Lease(self)

    async def close(self) -> None:
        """Close idle connections; lent ones are closed when they come back."""
        self._closed = True
        idle, self._idle = self._idle, []
        self._open -= len(idle)
        await asyncio.gather(*(connection.close(timeout=2) for connection in idle), return_exceptions=True)

    async def take(self) -> Connection:
        """Return a connection that is nobody else's until :meth:`give_back`."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open < self.options.size:
            return await self._new()
        found = await self._wait()
        return await self.take() if found is None else found

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; it goes to whoever waits longest."""
        # A cancelled request may leave a transaction open or a query running: such a connection is not used again.
        if self._closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
            self._open -= 1
            self._hand_on(None)
        elif not self._hand_on(connection):
            self._idle.append(connection)

    def _hand_on(self, connection: Connection | None) -> bool:
        """Give a connection, or the place for a new one, to a waiter; False when nobody waits."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    async def _wait(self) -> Connection | None:
        loop = asyncio.get_running_loop()
        waiter: Future[Connection | None] = loop.create_future()
        self._waiters.append(waiter)
        timer = loop.call_later(self.options.acquire_seconds, _give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (connection := waiter.result()) is not None:
                self.give_back(connection)
            raise
        finally:
            timer.cancel()

    async def _new(self) -> Connection:
        self._open += 1
        try:
            return await self._connect()
        except BaseException as error:
            self._open -= 1
            self._hand_on(None)
            if isinstance(error, _UNREACHABLE):
                raise PoolTimeoutError(f"the database cannot be reached: {type(error).__name__}") from error
            raise

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
        asked = {name: settings[name] for name in pooler.PASSED_ON} if options.shared_sessions else settings
        connection = await asyncpg.connect(
            options.dsn,
            server_settings=asked,
            statement_cache_size=2000,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=65536,
            timeout=options.acquire_seconds,
            command_timeout=None,
        )
        try:
            if options.shared_sessions:
                await pooler.require_fit(connection, settings)
            if options.prepare is not None:
                await options.prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection


class Lease:
    """A connection for the length of an ``async with``."""

    __slots__ = ("_connection", "_pool")

    _connection: Connection

    def __init__(self, pool: Pool) -> None:
        """Lend one of *pool*'s connections."""
        self._pool = pool

    async def __aenter__(self) -> Connection:
        """Take the connection."""
        self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Give the connection back; it is dropped if it broke meanwhile."""
        if isinstance(error, asyncpg.InternalClientError):
            # Driver and database are out of step, as when PostgreSQL was killed in the midst of an answer.
            self._connection.terminate()
        self._pool.give_back(self._connection)


def _give_up(waiter: Future[Connection | None]) -> None:
    if not waiter.done():
        waiter.set_exception(PoolTimeoutError("no database connection became free in time"))
