"""The message store in PostgreSQL: calls of the functions in the schema ``hl7``."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import asyncpg
from stanforis.recent import Recent
from stanforis.storage.pool import Pool, PoolOptions, PoolTimeoutError
from stanforis.tenancy.contexts import Contexts

from adapters.hl7.senders import Duplicates
from adapters.hl7.store.looking import Criteria, Listed, Replay, Standing, State
from adapters.hl7.store.port import (
    WINDOW_SECONDS,
    Arrival,
    Receipt,
    Removed,
    Settlement,
    StoredMessage,
    UnavailableError,
    Verdict,
    Work,
)
from adapters.hl7.store.postgres import looking
from adapters.hl7.store.postgres.committing import Committing
from adapters.hl7.store.postgres.looking import STATE_OF, STATES
from adapters.hl7.store.postgres.sealing import opened, sealed

ROLE = "stanforis_app"
"""The role the server works as: it owns nothing, and row security binds it."""
_LEVEL = 1
"""Of compression: what was made of a message is hardly ever read again."""
_REASON = "its control id came before with other content"
_RECEIVE = "SELECT * FROM hl7.receive(tenancy.enter($1), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
_CLAIM = "SELECT * FROM hl7.claim(tenancy.enter($1), $2, $3, $4)"
_SETTLE = "SELECT hl7.settle(tenancy.enter($1), $2, $3::smallint[], $4, $5, $6, $7, $8, $9)"
_RELEASE = "SELECT hl7.release(tenancy.enter($1), $2)"
_REMOVE = "SELECT * FROM hl7.remove(tenancy.enter($1), $2, $3, $4, $5, $6)"
_WORK = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL "
    "(SELECT w.plan, w.made FROM hl7.work w WHERE w.tenant_id = c.tenant AND w.number = $2 LIMIT 1) x"
)
_READ = "SELECT * FROM hl7.read(tenancy.enter($1), $2)"
_COUNTS = "SELECT * FROM hl7.counts(tenancy.enter($1))"

_MOST_TENANTS = 256
_VERDICTS = {1: Verdict.STORED, 2: Verdict.REPLAYED, 3: Verdict.HELD, 4: Verdict.REFUSED}
_DUPLICATES = {Duplicates.ACCEPT_NEW: 1, Duplicates.REJECT: 2, Duplicates.HOLD: 3}
_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, PoolTimeoutError)


async def open_message_stores(options: PoolOptions, contexts: Contexts) -> PostgresMessageStores:
    """Return the stores of a database that is migrated already; connections are made when they are needed."""
    return PostgresMessageStores(Pool(replace(options, role=ROLE)), contexts)


class PostgresMessageStores:
    """The stores of all tenants."""

    def __init__(self, pool: Pool, contexts: Contexts) -> None:
        self._pool = pool
        self._contexts = contexts
        self._tenants: Recent[int, PostgresMessageStore] = Recent(_MOST_TENANTS)

    def for_tenant(self, tenant: int) -> PostgresMessageStore:
        """Return the store of a tenant."""
        return self._tenants.get(tenant) or self._tenants.keep(
            tenant, PostgresMessageStore(self._pool, self._contexts, tenant)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()


class PostgresMessageStore:
    """The messages of one tenant; see :class:`adapters.hl7.store.port.MessageStore`."""

    def __init__(self, pool: Pool, contexts: Contexts, tenant: int) -> None:
        self._pool = pool
        self._contexts = contexts
        self._tenant = tenant
        self._committing = Committing(self._receive)

    async def receive(self, arrival: Arrival) -> Receipt:
        """Store a message; it is on disk when this returns."""
        return await self._committing.receive(arrival)

    async def _receive(self, arrivals: Sequence[Arrival]) -> list[Receipt | UnavailableError]:
        try:
            rows = await self._call_receive(arrivals)
        except _FAILURES as error:
            if len(arrivals) == 1 or not isinstance(error, asyncpg.PostgresError):
                return [UnavailableError(type(error).__name__) for _ in arrivals]
            # one of them, or a collision with another process, spoiled it: nothing was stored
            return [outcome for arrival in arrivals for outcome in await self._receive([arrival])]
        return [
            Receipt(_VERDICTS[verdict], number, arrival.answer if verdict in {1, 3} else answer or b"")
            for arrival, (verdict, number, answer) in zip(arrivals, rows, strict=True)
        ]

    async def _call_receive(self, arrivals: Sequence[Arrival]) -> list[asyncpg.Record]:
        async with self._pool.acquire() as connection:
            return await connection.fetch(
                _RECEIVE,
                await self._contexts.admitted(connection, self._tenant),
                [each.sender for each in arrivals],
                [each.control_id for each in arrivals],
                [each.message_type for each in arrivals],
                [each.version for each in arrivals],
                [each.charset for each in arrivals],
                [each.received_at for each in arrivals],
                [_DUPLICATES[each.duplicates] for each in arrivals],
                [each.digest for each in arrivals],
                [len(each.lanes) for each in arrivals],
                [lane for each in arrivals for lane in each.lanes],
                [each.answer for each in arrivals],
                [sealed(self._tenant, each.raw) for each in arrivals],
                WINDOW_SECONDS * 1000,
                _REASON,
            )

    async def claim(self, limit: int, *, now: int, lease_milliseconds: int) -> list[StoredMessage]:
        """Return messages to work on."""
        rows = await self._fetch(_CLAIM, limit, now, lease_milliseconds)
        return [_stored(row) for row in rows]

    async def settle(self, settlements: Sequence[Settlement]) -> int:
        """Say what became of messages."""
        rows = await self._fetch(
            _SETTLE,
            [each.number for each in settlements],
            [STATES[each.state] for each in settlements],
            [each.reason for each in settlements],
            [each.not_before for each in settlements],
            [each.plan for each in settlements],
            [sealed(self._tenant, zlib.compress(each.made, _LEVEL)) for each in settlements],
            [len(each.questions) for each in settlements],
            [question for each in settlements for question in each.questions],
        )
        return int(rows[0][0])

    async def release(self, question: str) -> int:
        """Have messages worked on that waited for *question* alone."""
        rows = await self._fetch(_RELEASE, question)
        return int(rows[0][0])

    async def work(self, number: int) -> Work | None:
        """Return what was made of a message, or None."""
        rows = await self._fetch(_WORK, number)
        return Work(rows[0]["plan"], zlib.decompress(opened(rows[0]["made"]))) if rows else None

    async def read(self, number: int) -> StoredMessage | None:
        """Return a message, or None."""
        rows = await self._fetch(_READ, number)
        return _stored(rows[0]) if rows else None

    async def states(self, numbers: Sequence[int]) -> Mapping[int, State]:
        """Return the states of messages."""
        rows = await self._fetch(looking.STATES_OF, list(numbers), len(numbers))
        return {row["number"]: STATE_OF[row["state"]] for row in rows}

    async def counts(self) -> dict[State, int]:
        """Return how many messages are in each state."""
        rows = await self._fetch(_COUNTS)
        return dict.fromkeys(State, 0) | {STATE_OF[row["state"]]: row["messages"] for row in rows}

    async def listed(self, criteria: Criteria, *, before: int | None = None, count: int = 50) -> list[Listed]:
        """Return messages that fit, the newest first."""
        statement, values = looking.listing(criteria, before, count)
        return [looking.listed(row) for row in await self._fetch(statement, *values)]

    async def standings(self, since: int) -> list[Standing]:
        """Return how each sender stands."""
        return [looking.standing(row) for row in await self._fetch(looking.STANDINGS, since)]

    async def later(self, number: int) -> int:
        """Return how many messages of its lanes came later and are mapped."""
        rows = await self._fetch(looking.LATER, number)
        return int(rows[0][0])

    async def corrections(self, number: int) -> list[int]:
        """Return the numbers of the messages that stand in for this one."""
        return [row["number"] for row in await self._fetch(looking.CORRECTIONS, number)]

    async def works(self, numbers: Sequence[int]) -> Mapping[int, Work]:
        """Return what was made of messages."""
        rows = await self._fetch(looking.WORKS, list(numbers), len(numbers))
        return {row["number"]: Work(row["plan"], zlib.decompress(opened(row["made"]))) for row in rows}

    async def correct(self, number: int, arrival: Arrival) -> Receipt:
        """Store a message in place of another."""
        rows = await self._fetch(
            looking.CORRECT,
            number,
            arrival.sender,
            arrival.control_id,
            arrival.message_type,
            arrival.version,
            arrival.charset,
            arrival.received_at,
            arrival.digest,
            arrival.lanes,
            arrival.answer,
            sealed(self._tenant, arrival.raw),
            WINDOW_SECONDS * 1000,
        )
        verdict, stored, answer = rows[0]
        return Receipt(_VERDICTS[verdict], stored, answer or b"")

    async def close_message(self, number: int, reason: str) -> bool:
        """Have nothing more done with a message."""
        rows = await self._fetch(looking.CLOSE, number, reason)
        return bool(rows[0][0])

    async def replay(self, replay: Replay) -> int:
        """Have messages worked on again."""
        rows = await self._fetch(looking.REPLAY, *looking.replaying(replay, dry=False))
        return int(rows[0][0])

    async def replayed(self, replay: Replay) -> int:
        """Return how many messages would be worked on again."""
        rows = await self._fetch(looking.REPLAY, *looking.replaying(replay, dry=True))
        return int(rows[0][0])

    async def remove(self, befores: Mapping[str, int], default: int, *, after: int, limit: int) -> Removed:
        """Remove messages that are done with and old."""
        rows = await self._fetch(_REMOVE, list(befores), list(befores.values()), default, after, limit)
        return Removed(*rows[0])

    async def _fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            async with self._pool.acquire() as connection:
                return await connection.fetch(
                    statement, await self._contexts.admitted(connection, self._tenant), *arguments
                )
        except _FAILURES as error:
            raise UnavailableError(type(error).__name__) from error


def _stored(row: asyncpg.Record) -> StoredMessage:
    return StoredMessage(
        number=row["number"],
        sender=row["sender"],
        control_id=row["control_id"],
        message_type=row["message_type"],
        raw=opened(row["raw"]),
        answer=row["answer"],
        charset=row["charset"],
        received_at=row["received_at"],
        state=STATE_OF[row["state"]],
        reason=row["reason"],
        attempts=row["attempts"],
        corrects=row["corrects"],
    )
