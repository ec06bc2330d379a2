"""Queues of messages that are sent, in PostgreSQL: calls of the functions in the schema ``hl7``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import asyncpg
from stanforis.storage.pool import Pool, PoolOptions, PoolTimeoutError
from stanforis.tenancy.contexts import Contexts

from adapters.hl7.outbound.looking import SentCriteria, Standing
from adapters.hl7.outbound.queue import Fate, Mode, Outgoing, Queued, UnavailableQueueError
from adapters.hl7.store.postgres import sent
from adapters.hl7.store.postgres.sealing import opened, sealed
from adapters.hl7.store.postgres.store import ROLE
from fhir_api.store.postgres.changes import ChangeLog, Position

_POSITION = "SELECT marker, rid, version, mode FROM hl7.followed(tenancy.enter($1), $2, $3, $4, $5)"
_ENQUEUE = (
    "SELECT hl7.enqueue(tenancy.enter($1), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::smallint[], $15, "
    "$16, $17, $18, $19, $20, $21)"
)
_CLAIM = "SELECT * FROM hl7.outbound_claim(tenancy.enter($1), $2, $3, $4, $5)"
_SETTLE = "SELECT hl7.outbound_settle(tenancy.enter($1), $2, $3, $4::smallint, $5, $6, $7, $8)"
_PUT = "SELECT hl7.outbound_put(tenancy.enter($1), $2, $3, $4, $5, $6, $7, $8::smallint, $9, $10, $11, $12, $13)"
_REVIVE = "SELECT * FROM hl7.outbound_revive(tenancy.enter($1), $2, $3, $4)"
_MADE = "SELECT hl7.outbound_made(tenancy.enter($1), $2, $3, $4, $5, $6, $7::smallint, $8, $9, $10, $11, $12)"
_RENEW = "SELECT hl7.outbound_renew(tenancy.enter($1), $2, $3, $4, $5, $6, $7, $8)"
_CLOSE = "SELECT hl7.outbound_close(tenancy.enter($1), $2, $3, $4, $5)"
_SWITCH = "SELECT hl7.outbound_switch(tenancy.enter($1), $2, $3::smallint, $4, $5)"
_UNMADE = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL (SELECT * FROM hl7.outbound o "
    "WHERE o.tenant_id = c.tenant AND o.destination = $2 AND o.state = 5 ORDER BY o.number LIMIT $3) x"
)
_READ = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL (SELECT * FROM hl7.outbound o "
    "WHERE o.tenant_id = c.tenant AND o.destination = $2 AND o.number = $3 LIMIT 1) x"
)
_DEAD = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL (SELECT * FROM hl7.outbound o "
    "WHERE o.tenant_id = c.tenant AND o.destination = $2 AND o.state = 3 ORDER BY o.number DESC LIMIT $3) x"
)
_COUNTS = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL (SELECT o.state, count(*) AS messages "
    "FROM hl7.outbound o WHERE o.tenant_id = c.tenant AND o.destination = $2 GROUP BY o.state OFFSET 0) x"
)
_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolTimeoutError)


class PostgresQueues:
    """The queues of all tenants, and the change logs that fill them."""

    def __init__(self, options: PoolOptions, contexts: Contexts) -> None:
        """Open connections when they are needed; the database is migrated already."""
        self._pool = Pool(replace(options, role=ROLE))
        self._contexts = contexts

    def queue(self, tenant: int, destination: str) -> PostgresQueue:
        """Return the queue of a destination."""
        return PostgresQueue(self._pool, self._contexts, tenant, destination)

    async def standings(self, tenant: int) -> list[Standing]:
        """Return how each destination stands that was ever followed or sent to, by name."""
        return [sent.standing(row) for row in await self._fetch(tenant, sent.STANDINGS)]

    async def listed(self, tenant: int, criteria: SentCriteria, before: int | None, count: int) -> list[Queued]:
        """Return messages that fit, the newest first; without what they say."""
        statement, values = sent.listing(criteria, before, count)
        return [queued(row) for row in await self._fetch(tenant, statement, *values)]

    async def read(self, tenant: int, number: int) -> Queued | None:
        """Return a message, or None."""
        rows = await self._fetch(tenant, sent.READ, number)
        return queued(rows[0]) if rows else None

    async def _fetch(self, tenant: int, statement: str, *arguments: object) -> list[asyncpg.Record]:
        return await _fetched(self._pool, self._contexts, tenant, statement, *arguments)

    def log(self, tenant: int) -> ChangeLog:
        """Return the change log of a tenant."""
        return ChangeLog(self._pool, self._contexts, tenant)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()


class PostgresQueue:
    """The messages for one destination; see :class:`adapters.hl7.outbound.queue.Queue`."""

    def __init__(self, pool: Pool, contexts: Contexts, tenant: int, destination: str) -> None:
        self._pool = pool
        self._contexts = contexts
        self._tenant = tenant
        self._destination = destination

    async def position(self, first: Position) -> Position | None:
        """Return how far the change log was read; None while nothing new is made."""
        rows = await self._fetch(_POSITION, *first)
        marker, rid, version, mode = rows[0]
        return None if Mode(mode) is Mode.DRAINS else Position(marker, rid, version)

    async def enqueue(self, start: Position, end: Position, messages: Sequence[Outgoing]) -> bool:
        """Queue what was made of the versions between two positions."""
        rows = await self._fetch(
            _ENQUEUE,
            *start,
            *end,
            [each.control_id for each in messages],
            [each.message_type for each in messages],
            [each.resource for each in messages],
            [each.version for each in messages],
            [each.made_at for each in messages],
            [each.fate.value for each in messages],
            [each.reason for each in messages],
            ["\n".join(each.sources) for each in messages],
            [len(each.lanes) for each in messages],
            [lane for each in messages for lane in each.lanes],
            [len(each.patients) for each in messages],
            [patient for each in messages for patient in each.patients],
            [sealed(self._tenant, each.raw) for each in messages],
        )
        return bool(rows[0][0])

    async def claim(self, limit: int, *, now: int, lease_milliseconds: int) -> list[Queued]:
        """Return messages to send."""
        return [queued(row) for row in await self._fetch(_CLAIM, limit, now, lease_milliseconds)]

    async def settle(
        self, number: int, fate: Fate, *, now: int, reason: str = "", not_before: int = 0, answer: bytes = b""
    ) -> bool:
        """Say what became of a message."""
        rows = await self._fetch(_SETTLE, number, fate.value, reason, not_before, now, answer)
        return bool(rows[0][0])

    async def put(self, message: Outgoing) -> int | None:
        """Queue a message that no change made."""
        rows = await self._fetch(
            _PUT, message.control_id, message.message_type, message.resource, message.version, message.made_at,
            message.fate.value, message.reason, "\n".join(message.sources), list(message.lanes),
            list(message.patients), sealed(self._tenant, message.raw),
        )  # fmt: skip
        number: int | None = rows[0][0]
        return number

    async def revive(self, numbers: Sequence[int] | None = None, *, most: int = 1000) -> dict[int, int]:
        """Have dead messages sent again, or made again."""
        rows = await self._fetch(_REVIVE, None if numbers is None else list(numbers), most)
        return {row["old_number"]: row["new_number"] for row in rows}

    async def unmade(self, limit: int) -> list[Queued]:
        """Return messages that are to be made again."""
        return [queued(row) for row in await self._fetch(_UNMADE, limit)]

    async def made(self, number: int, message: Outgoing) -> bool:
        """Say what a message that was to be made again became."""
        rows = await self._fetch(
            _MADE, number, message.control_id, message.message_type, message.made_at, message.fate.value,
            message.reason, "\n".join(message.sources), list(message.lanes), list(message.patients),
            sealed(self._tenant, message.raw),
        )  # fmt: skip
        return bool(rows[0][0])

    async def renew(self, number: int, message: Outgoing) -> bool:
        """Have a message that waits say something else."""
        rows = await self._fetch(
            _RENEW, number, message.made_at, message.reason, "\n".join(message.sources), list(message.patients),
            sealed(self._tenant, message.raw),
        )  # fmt: skip
        return bool(rows[0][0])

    async def close_message(self, number: int, reason: str, *, now: int) -> bool:
        """Have nothing more done with a dead message."""
        rows = await self._fetch(_CLOSE, number, reason, now)
        return bool(rows[0][0])

    async def switch(self, mode: Mode, reason: str, *, now: int) -> None:
        """Set the destination going, or stop it."""
        await self._fetch(_SWITCH, mode.value, reason, now)

    async def read(self, number: int) -> Queued | None:
        """Return a message, or None."""
        rows = await self._fetch(_READ, number)
        return queued(rows[0]) if rows else None

    async def dead(self, limit: int) -> list[Queued]:
        """Return dead messages, the newest first."""
        return [queued(row) for row in await self._fetch(_DEAD, limit)]

    async def counts(self) -> dict[Fate, int]:
        """Return how many messages are waiting, done and dead."""
        rows = await self._fetch(_COUNTS)
        return dict.fromkeys(Fate, 0) | {Fate(row["state"]): row["messages"] for row in rows}

    async def _fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        return await _fetched(self._pool, self._contexts, self._tenant, statement, self._destination, *arguments)


async def _fetched(
    pool: Pool, contexts: Contexts, tenant: int, statement: str, *arguments: object
) -> list[asyncpg.Record]:
    """Return the rows of a statement that is told its tenant first.

    Raises:
        UnavailableQueueError: the database does not answer.
    """
    try:
        async with pool.acquire() as connection:
            return await connection.fetch(statement, await contexts.admitted(connection, tenant), *arguments)
    except _FAILURES as error:
        raise UnavailableQueueError(type(error).__name__) from error


def queued(row: asyncpg.Record) -> Queued:
    """Return a message of a row."""
    return Queued(
        number=row["number"],
        destination=row["destination"],
        control_id=row["control_id"],
        message_type=row["message_type"],
        resource=row["resource"],
        version=row["resource_version"],
        raw=opened(row["raw"]),
        fate=Fate(row["state"]),
        reason=row["reason"],
        attempts=row["attempts"],
        first_sent_at=row["first_sent_at"],
        answer=row["answer"],
        made_at=row["made_at"],
        settled_at=row["settled_at"],
        not_before=row["not_before"],
        patients=tuple(row["patients"]),
        sources=tuple(row["sources"].splitlines()),
    )
