"""The trail in PostgreSQL: each method is one call of a function of the schema ``audit``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from stanforis.audit.batches import Batch, Seal
from stanforis.audit.port import AuditStoreError, Head, MakeSeal, StoredBatch
from stanforis.storage.pool import Connection, Pool, PoolTimeoutError

ADD = "audit.add({})"
"""The call that stores a batch, to be filled with its seven arguments; see :func:`arguments`."""
ARGUMENTS = 7
_CASTS = ("integer", "bigint", "integer", "bytea", "bytea", "bigint[]", "boolean")
_UNAVAILABLE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, PoolTimeoutError)
_SEALS_AT_ONCE = 1000


def call(first: int) -> str:
    """Return the call that stores a batch, with arguments from number *first* on."""
    return ADD.format(", ".join(f"${first + place}::{cast}" for place, cast in enumerate(_CASTS)))


def arguments(tenant: int, batch: Batch, *, wait: bool) -> list[Any]:
    """Return the arguments of :func:`call`."""
    return [tenant, batch.at, batch.events, batch.body, batch.mac, batch.terms, wait]


_ADD = f"SELECT {call(1)}"


class PostgresAuditStore:
    """The trails of all tenants of one database; see :class:`stanforis.audit.port.AuditStore`."""

    def __init__(self, pool: Pool) -> None:
        """Work with the connections of *pool*, whose role neither owns the tables nor bypasses row-level security."""
        self._pool = pool

    async def add(self, tenant: int, batch: Batch, *, wait: bool) -> None:
        """See the port."""
        await self._fetch(_ADD, *arguments(tenant, batch, wait=wait))

    async def find(
        self, tenant: int, any_of: Sequence[int] | None, low: int, high: int, limit: int
    ) -> Sequence[StoredBatch]:
        """See the port."""
        rows = await self._fetch("SELECT * FROM audit.find($1, $2, $3, $4, $5)", tenant, any_of, low, high, limit)
        return [StoredBatch(*row) for row in rows]

    async def batch(self, tenant: int, number: int) -> StoredBatch | None:
        """See the port."""
        rows = await self._fetch("SELECT * FROM audit.one($1, $2)", tenant, number)
        return StoredBatch(*rows[0]) if rows else None

    async def tenants(self) -> Sequence[int]:
        """See the port."""
        return [number for (number,) in await self._fetch("SELECT tenant_id FROM fhir.tenant ORDER BY tenant_id")]

    async def prepare(self) -> None:
        """See the port."""
        await self._fetch("SELECT audit.prepare()")

    async def seal(self, tenant: int, make: MakeSeal) -> Seal | None:
        """See the port."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                return await _seal(connection, tenant, make)
        except _UNAVAILABLE as error:
            raise AuditStoreError(type(error).__name__) from error

    async def seals(self, tenant: int) -> AsyncIterator[Seal]:
        """See the port."""
        after = 0
        while rows := await self._fetch("SELECT * FROM audit.seals($1, $2, $3)", tenant, after, _SEALS_AT_ONCE):
            for row in rows:
                yield _seal_of(row)
            after = rows[-1]["number"]

    async def between(self, tenant: int, low: int, high: int) -> Sequence[StoredBatch]:
        """See the port."""
        rows = await self._fetch("SELECT * FROM audit.between($1, $2, $3)", tenant, low, high)
        return [StoredBatch(*row) for row in rows]

    async def missing_terms(self, tenant: int, wanted: Sequence[tuple[int, int]]) -> int:
        """See the port."""
        terms, batches = [term for term, _ in wanted], [batch for _, batch in wanted]
        rows = await self._fetch("SELECT audit.missing_terms($1, $2, $3)", tenant, terms, batches)
        missing: int = rows[0][0]
        return missing

    async def _fetch(self, statement: str, *given: Any) -> list[asyncpg.Record]:
        try:
            async with self._pool.acquire() as connection:
                return await connection.fetch(statement, *given)
        except _UNAVAILABLE as error:
            raise AuditStoreError(type(error).__name__) from error


async def _seal(connection: Connection, tenant: int, make: MakeSeal) -> Seal | None:
    if not await connection.fetchval("SELECT audit.begin_seal($1)", tenant):
        return None
    high: int = await connection.fetchval("SELECT audit.settled()")
    last = await connection.fetchrow("SELECT * FROM audit.last_seal($1)", tenant)
    before = None if last is None else _seal_of(last)
    low = 0 if before is None else before.high
    rows = await connection.fetch("SELECT * FROM audit.unsealed($1, $2, $3)", tenant, low, high)
    if not rows:
        return None
    seal = make(Head(before, high, [(row[0], row[1]) for row in rows]))
    facts = (seal.number, seal.at, seal.low, seal.high, seal.batches, seal.mac)
    await connection.fetch("SELECT audit.add_seal($1, $2, $3, $4, $5, $6, $7)", tenant, *facts)
    return seal


def _seal_of(row: asyncpg.Record) -> Seal:
    return Seal(row["number"], row["made_at"], row["low"], row["high"], row["batches"], row["mac"])
