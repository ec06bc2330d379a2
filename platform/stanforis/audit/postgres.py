"""The trail in PostgreSQL: each method is one call of a function of the schema ``audit``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import asyncpg

from stanforis.audit.batches import Anchor, Batch, Seal, Sealed
from stanforis.audit.port import AuditStoreError, Head, MakeSeal, StoredBatch
from stanforis.storage.connection import Connection
from stanforis.storage.pool import Pool, PoolTimeoutError
from stanforis.tenancy.contexts import DIRECTORY, Contexts

_UNAVAILABLE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, PoolTimeoutError)
_SEALS_AT_ONCE = 1000


def call(first: int, terms: str = "bigint[]") -> str:
    """Return the call that stores a batch for the tenant of the context ``$1``, with arguments from *first* on.

    Args:
        first: number of the first argument.
        terms: type by which the terms are handed over.
    """
    casts = ("bigint", "integer", "bytea", "bytea", terms, "boolean")
    given = (f"${place}::{cast}" for place, cast in enumerate(casts, first))
    return f"audit.add(tenancy.enter($1), {', '.join(given)})"


def arguments(batch: Batch, *, wait: bool, pack: Callable[[Sequence[int]], object] = list) -> list[Any]:
    """Return the arguments of :func:`call`; *pack* makes the terms ready for their type."""
    return [batch.at, batch.events, batch.body, batch.mac, pack(batch.terms), wait]


ADD = f"SELECT {call(2)}"
"""The statement that stores a batch: the context, then :func:`arguments`."""


def _of(function: str, *casts: str) -> str:
    """Return the statement that calls *function* for the tenant of the context ``$1``."""
    given = (f"${place}::{cast}" for place, cast in enumerate(casts, 2))
    return f"SELECT * FROM audit.{function}({', '.join(('tenancy.enter($1)', *given))})"  # noqa: S608 - words of ours


_FIND = _of("find", "bigint[]", "bigint", "bigint", "integer")
_ONE = _of("one", "bigint")
_SEALS = _of("seals", "integer", "integer")
_BETWEEN = _of("between", "bigint", "bigint", "bigint", "integer")
_RETIRED = _of("retired_between", "bigint", "bigint")
_RETIRED_IN = _of("retired_in", "bigint", "bigint", "integer")
_ANCHORS = _of("anchors")
_MISSING_TERMS = _of("missing_terms", "bigint[]", "bigint[]")
_BEGIN_SEAL = _of("begin_seal")
_LAST_SEAL = _of("last_seal")
_UNSEALED = _of("unsealed", "bigint", "bigint")
_TENANTS = (
    "SELECT t.tenant_id FROM (SELECT tenancy.enter($1) OFFSET 0) c "
    "CROSS JOIN LATERAL (SELECT t.tenant_id FROM fhir.tenant t OFFSET 0) t"
)
_PREPARE = "SELECT audit.prepare() FROM (SELECT tenancy.enter($1) OFFSET 0) c"
_ADD_SEAL = _of("add_seal", "integer", "bigint", "bigint", "bigint", "integer", "bytea")


class PostgresAuditStore:
    """The trails of all tenants of one database; see :class:`stanforis.audit.port.AuditStore`."""

    def __init__(self, pool: Pool, contexts: Contexts) -> None:
        """Work with the connections of *pool*, whose role owns nothing, as the tenants that *contexts* signs for."""
        self._pool = pool
        self._contexts = contexts

    async def add(self, tenant: int, batch: Batch, *, wait: bool) -> None:
        """See the port."""
        await self._fetch(tenant, ADD, *arguments(batch, wait=wait))

    async def find(
        self, tenant: int, any_of: Sequence[int] | None, low: int, high: int, limit: int
    ) -> Sequence[StoredBatch]:
        """See the port."""
        rows = await self._fetch(tenant, _FIND, any_of, low, high, limit)
        return [StoredBatch(*row) for row in rows]

    async def batch(self, tenant: int, number: int) -> StoredBatch | None:
        """See the port."""
        rows = await self._fetch(tenant, _ONE, number)
        return StoredBatch(*rows[0]) if rows else None

    async def tenants(self) -> Sequence[int]:
        """See the port."""
        rows = await self._fetch(DIRECTORY, _TENANTS)
        return [number for (number,) in rows]

    async def prepare(self) -> None:
        """See the port."""
        await self._fetch(DIRECTORY, _PREPARE)

    async def seal(self, tenant: int, make: MakeSeal) -> Seal | None:
        """See the port."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                return await _seal(connection, self._contexts.of(connection, tenant), make)
        except _UNAVAILABLE as error:
            raise AuditStoreError(type(error).__name__) from error

    async def seals(self, tenant: int) -> AsyncIterator[Seal]:
        """See the port."""
        after = 0
        while rows := await self._fetch(tenant, _SEALS, after, _SEALS_AT_ONCE):
            for row in rows:
                yield _seal_of(row)
            after = rows[-1]["number"]

    async def between(self, tenant: int, low: int, high: int, behind: int, limit: int) -> Sequence[StoredBatch]:
        """See the port."""
        rows = await self._fetch(tenant, _BETWEEN, low, high, behind, limit)
        return [StoredBatch(*row) for row in rows]

    async def retired(self, tenant: int, low: int, high: int) -> Sequence[Sealed]:
        """See the port."""
        return [(row[0], row[1]) for row in await self._fetch(tenant, _RETIRED, low, high)]

    async def retired_in(self, tenant: int, first: int, behind: int, limit: int) -> Sequence[Sealed]:
        """See the port."""
        return [(row[0], row[1]) for row in await self._fetch(tenant, _RETIRED_IN, first, behind, limit)]

    async def anchors(self, tenant: int) -> Sequence[Anchor]:
        """See the port."""
        rows = await self._fetch(tenant, _ANCHORS)
        return [Anchor(row["first"], row["behind"], row["made_at"], row["batches"], row["mac"]) for row in rows]

    async def missing_terms(self, tenant: int, wanted: Sequence[tuple[int, int]]) -> int:
        """See the port."""
        terms, batches = [term for term, _ in wanted], [batch for _, batch in wanted]
        rows = await self._fetch(tenant, _MISSING_TERMS, terms, batches)
        missing: int = rows[0][0]
        return missing

    async def _fetch(self, tenant: int, statement: str, *given: Any) -> list[asyncpg.Record]:
        try:
            async with self._pool.acquire() as connection:
                return await connection.fetch(statement, await self._contexts.admitted(connection, tenant), *given)
        except _UNAVAILABLE as error:
            raise AuditStoreError(type(error).__name__) from error


async def _seal(connection: Connection, context: str, make: MakeSeal) -> Seal | None:
    if not await connection.fetchval(_BEGIN_SEAL, context):
        return None
    high: int = await connection.fetchval("SELECT audit.settled()")
    last = await connection.fetchrow(_LAST_SEAL, context)
    before = None if last is None else _seal_of(last)
    rows = await connection.fetch(_UNSEALED, context, 0 if before is None else before.high, high)
    if not rows:
        return None
    seal = make(Head(before, high, [(row[0], row[1]) for row in rows]))
    await connection.fetch(_ADD_SEAL, context, seal.number, seal.at, seal.low, seal.high, seal.batches, seal.mac)
    return seal


def _seal_of(row: asyncpg.Record) -> Seal:
    return Seal(row["number"], row["made_at"], row["low"], row["high"], row["batches"], row["mac"])
