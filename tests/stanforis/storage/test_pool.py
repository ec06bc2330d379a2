"""Connections are lent to one user at a time, and what is broken or spoiled is not lent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import Pool, PoolOptions, PoolTimeoutError


@pytest.fixture
async def pool(postgres: ConnectionInfo) -> AsyncIterator[Pool]:
    opened = Pool(PoolOptions(postgres.owner_dsn, size=2, acquire_seconds=0.5))
    yield opened
    await opened.close()


async def backend(pool: Pool) -> int:
    async with pool.acquire() as connection:
        return connection.get_server_pid()


async def test_the_last_used_connection_is_lent_first(pool: Pool) -> None:
    async with pool.acquire() as first, pool.acquire() as second:
        assert first is not second
        last = first.get_server_pid()
    assert [await backend(pool) for _ in range(3)] == [last] * 3


async def test_whoever_waits_gets_what_comes_back_in_order(pool: Pool) -> None:
    served: list[int] = []

    async def use(number: int) -> None:
        async with pool.acquire() as connection:
            await connection.fetchval("SELECT pg_sleep(0.01)")
            served.append(number)

    await asyncio.gather(*(use(number) for number in range(12)))
    assert sorted(served) == list(range(12))
    assert served[0] in {0, 1}
    assert served[-1] in {10, 11}


async def test_nobody_waits_for_ever(pool: Pool) -> None:
    async with pool.acquire(), pool.acquire():
        with pytest.raises(PoolTimeoutError):
            await backend(pool)
    assert await backend(pool)


async def test_a_waiter_that_leaves_takes_nothing_along(pool: Pool) -> None:
    async with pool.acquire(), pool.acquire():
        waiting = asyncio.create_task(backend(pool))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await asyncio.gather(backend(pool), backend(pool))


async def test_a_waiter_cancelled_when_it_was_just_served_gives_back(pool: Pool) -> None:
    async with pool.acquire():
        async with pool.acquire():
            waiting = asyncio.create_task(backend(pool))
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await backend(pool)


async def test_a_connection_left_in_a_transaction_is_not_lent_again(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("BEGIN")
        spoiled = connection.get_server_pid()
    assert await backend(pool) != spoiled


async def test_a_connection_that_the_database_ended_is_replaced(pool: Pool) -> None:
    async with pool.acquire() as other:
        async with pool.acquire() as connection:
            ended = connection.get_server_pid()
        await other.execute("SELECT pg_terminate_backend($1)", ended)
        await asyncio.sleep(0.1)
        assert await backend(pool) != ended


async def test_broken_connections_free_their_places(pool: Pool) -> None:
    for _ in range(5):
        async with pool.acquire() as first, pool.acquire() as second:
            first.terminate()
            second.terminate()
    assert await backend(pool)


async def test_a_database_that_is_not_there_is_told_as_such() -> None:
    pool = Pool(PoolOptions("postgresql://nobody@127.0.0.1:1/none", size=1))
    for _ in range(2):
        with pytest.raises(PoolTimeoutError, match="cannot be reached"):
            await backend(pool)


async def test_a_new_connection_is_prepared(postgres: ConnectionInfo) -> None:
    async def prepare(connection: asyncpg.Connection) -> None:
        await connection.execute("SET application_name = 'prepared'")

    pool = Pool(PoolOptions(postgres.owner_dsn, prepare=prepare))
    async with pool.acquire() as connection:
        assert await connection.fetchval("SHOW application_name") == "prepared"
    await pool.close()
