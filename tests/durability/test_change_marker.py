"""A reader that follows the change marker sees every committed version, however writers overlap.

A marker is the number of the transaction that wrote the version. A reader may go on to just below the oldest
transaction still running (``pg_snapshot_xmin``): what is below is decided. By the greatest marker alone it would lose
what began earlier and committed later; the last tests show that it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import asyncpg
import pytest
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.model.versions import StoredVersion
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres import migrations
from tests.support.databases import signed, stores_on
from tests.support.stores import update, write

TENANT = 7001
WRITERS = 12
TRANSACTIONS = 25
Seen = tuple[str, int]
"""Logical id and version."""

_VERSIONS = """
    SELECT fhir_id, version, marker FROM fhir.resource WHERE tenant_id = $1 AND marker >= $2 AND marker < $3
    UNION ALL
    SELECT fhir_id, version, marker FROM fhir.history WHERE tenant_id = $1 AND marker >= $2 AND marker < $3
    ORDER BY marker
"""


@dataclass(slots=True)
class Reader:
    """Follows the markers of one tenant.

    Attributes:
        connection: as the role the server works as.
        bounded: stay below the oldest running transaction; otherwise go to the greatest marker there is.
        next_marker: where it goes on.
        seen: every version, in the order of reading.
    """

    connection: asyncpg.Connection[asyncpg.Record]
    bounded: bool
    context: str
    next_marker: int = 0
    seen: list[Seen] = field(default_factory=list)

    async def read(self) -> None:
        """Read what is new."""
        async with self.connection.transaction(isolation="repeatable_read", readonly=True):
            await self.connection.execute("SELECT set_config('stanforis.tenant', $1, true)", self.context)
            bound = 2**62
            if self.bounded:
                bound = await self.connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            rows = await self.connection.fetch(_VERSIONS, TENANT, self.next_marker, bound)
        self.seen += [(row["fhir_id"], row["version"]) for row in rows]
        if self.bounded:
            self.next_marker = bound
        elif rows:
            self.next_marker = rows[-1]["marker"] + 1


@pytest.fixture(scope="module")
def database(postgres: ConnectionInfo) -> ConnectionInfo:
    """The database with its schema."""
    migrations.upgrade(postgres.owner_dsn)
    return postgres


@pytest.fixture
async def store(database: ConnectionInfo) -> AsyncIterator[TenantStore]:
    """The store of a tenant that no other test uses."""
    stores = await stores_on(database, WRITERS)
    yield stores.for_tenant(TENANT)
    await stores.close()


@pytest.fixture
async def connections(database: ConnectionInfo) -> AsyncIterator[list[Any]]:
    """Two connections to read with."""
    opened = [await asyncpg.connect(database.app_dsn) for _ in range(2)]
    yield opened
    for connection in opened:
        await connection.close()


@pytest.fixture
async def readers(database: ConnectionInfo, connections: list[Any]) -> list[Reader]:
    """A bounded and a naive reader, which have read all there is."""
    made = [
        Reader(connection, bounded, await signed(database, connection, TENANT))
        for connection, bounded in zip(connections, (True, False), strict=True)
    ]
    for reader in made:
        await reader.read()
        reader.seen.clear()
    return made


def tree(name: str, value: int) -> dict[str, Any]:
    return {"resourceType": "Basic", "id": name, "code": {"text": f"value {value}"}}


def seen(versions: list[StoredVersion]) -> set[Seen]:
    return {(version.key.logical_id, version.version_id) for version in versions}


async def committed_by(store: TenantStore, writer: int) -> set[Seen]:
    """Write transactions of differing length; return every version that was acknowledged."""
    chance = Random(writer)  # noqa: S311 - a repeatable course, not a secret
    written: set[Seen] = set()
    for turn in range(TRANSACTIONS):
        names = [f"marker-{writer}-{chance.randrange(40)}" for _ in range(chance.choice((1, 1, 2, 5)))]
        async with store.transaction() as transaction:
            versions = []
            for name in dict.fromkeys(names):
                versions += await transaction.write([update(tree(name, turn))])
                await asyncio.sleep(chance.choice((0, 0, 0.002, 0.01)))
        written |= seen(versions)
    return written


async def test_a_reader_below_the_oldest_transaction_misses_nothing(store: TenantStore, readers: list[Reader]) -> None:
    reader = readers[0]
    writing = asyncio.gather(*(committed_by(store, writer) for writer in range(WRITERS)))
    while not writing.done():
        await reader.read()
        await asyncio.sleep(0.001)
    await reader.read()
    committed = set().union(*await writing)
    assert len(committed) > WRITERS * TRANSACTIONS
    assert set(reader.seen) == committed
    assert len(reader.seen) == len(committed), "a version was delivered twice"


async def overlapping(store: TenantStore, readers: list[Reader], mark: str) -> set[Seen]:
    """Let a transaction that began later commit first, with everyone reading in between; return what was committed."""
    async with store.transaction() as early:
        committed = seen(await early.write([write(tree(f"early-{mark}", 1))]))
        committed |= seen(await store.write([write(tree(f"late-{mark}", 1))]))
        for reader in readers:
            await reader.read()
    for reader in readers:
        await reader.read()
    return committed


async def test_the_late_committer_is_seen_by_the_bounded_reader(store: TenantStore, readers: list[Reader]) -> None:
    committed = await overlapping(store, readers, "bounded")
    assert set(readers[0].seen) == committed
    assert len(readers[0].seen) == len(committed)


async def test_the_late_committer_is_lost_to_a_reader_without_the_bound(
    store: TenantStore, readers: list[Reader]
) -> None:
    committed = await overlapping(store, readers, "naive")
    assert committed - set(readers[1].seen) == {("early-naive", 1)}


async def test_versions_come_in_the_order_of_their_markers(store: TenantStore, readers: list[Reader]) -> None:
    for value in range(3):
        await store.write([update(tree("ordered", value))])
    await readers[0].read()
    assert readers[0].seen == [("ordered", 1), ("ordered", 2), ("ordered", 3)]
