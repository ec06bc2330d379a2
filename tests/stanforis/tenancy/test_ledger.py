"""What tenants use is added up once, and held against their plans."""

from __future__ import annotations

import asyncpg
import pytest
from stanforis.storage.pool import Pool, PoolOptions, PoolTimeoutError
from stanforis.tenancy.ledger import Ledger
from stanforis.tenancy.quotas import Consumed, Quota, used_up
from stanforis.tenancy.tenants import Plan


@pytest.fixture
def ledger(pool, contexts) -> Ledger:
    return Ledger(pool, contexts)


async def test_what_was_noted_is_added_up(registry, ledger, slug):
    tenant = await registry.create(slug, {})
    assert await registry.consumed(tenant.number) == Consumed()
    for _ in range(2):
        ledger.note(tenant.number, resources=2, size=100)
        ledger.note(tenant.number)
        assert ledger.noted(tenant.number) == Consumed(2, 2, 100)
        await ledger.flush()
    await ledger.flush()
    assert await registry.consumed(tenant.number) == Consumed(4, 4, 200)


async def test_what_arrives_twice_counts_once(registry, ledger, slug, pool, contexts):
    tenant = await registry.create(slug, {})
    ledger.note(tenant.number, size=10)
    entry = ledger._open[tenant.number]
    await ledger.flush()
    ledger._sent = [(tenant.number, entry)]
    await ledger.flush()
    assert await registry.consumed(tenant.number) == Consumed(1, 0, 10)


async def test_what_could_not_be_sent_is_sent_again(registry, ledger, slug):
    tenant = await registry.create(slug, {})
    ledger.note(tenant.number)
    away = PoolOptions("postgresql://nobody@127.0.0.1:1/none", acquire_seconds=0.2)
    working, ledger._pool = ledger._pool, Pool(away)
    with pytest.raises(PoolTimeoutError):
        await ledger.flush()
    ledger._pool = working
    ledger.note(tenant.number)
    await ledger.flush()
    assert await registry.consumed(tenant.number) == Consumed(2, 0, 0)


async def test_the_ledger_is_only_added_to(pool, contexts):
    async with pool.acquire() as connection:
        for statement in (
            "UPDATE tenancy.usage SET requests = 0",
            "DELETE FROM tenancy.usage",
            "UPDATE tenancy.consumed SET requests = 0",
            "INSERT INTO tenancy.consumed (tenant_id, day, requests) VALUES (1, now(), 0)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


PLAN = Plan(name="p", requests_per_day=10, resources=5, storage_bytes=100)


@pytest.mark.parametrize(
    ("consumed", "writes", "expected"),
    [
        (Consumed(9, 4, 99), True, None),
        (Consumed(10, 0, 0), False, Quota.REQUESTS),
        (Consumed(0, 5, 0), True, Quota.RESOURCES),
        (Consumed(0, 5, 0), False, None),
        (Consumed(0, 0, 100), True, Quota.STORAGE),
    ],
)
def test_a_plan_ends(consumed, writes, expected):
    assert used_up(consumed, PLAN, writes=writes) is expected
    assert used_up(consumed, Plan(name="unlimited"), writes=writes) is None
