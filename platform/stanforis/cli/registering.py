"""The registry of tenants, as commands open it for themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stanforis.settings import Settings
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.contexts import open_contexts
from stanforis.tenancy.registry import Registry
from stanforis.tenancy.tenants import UnknownTenantError


@asynccontextmanager
async def opened_registry(settings: Settings) -> AsyncIterator[Registry]:
    """Give the registry of tenants in the database of *settings*."""
    contexts = await open_contexts(settings.database_url, shared_sessions=settings.database_sessions_shared)
    pool = Pool(PoolOptions(settings.database_app_url, size=1, shared_sessions=settings.database_sessions_shared))
    try:
        yield Registry(pool, contexts)
    finally:
        await pool.close()


async def require_number(settings: Settings, number: int) -> None:
    """Check that there is a tenant with this *number* in the database of *settings*.

    Raises:
        UnknownTenantError: there is none.
    """
    async with opened_registry(settings) as registry:
        there = await registry.tenants()
    if number not in {tenant.number for tenant in there}:
        known = ", ".join(f"{tenant.number} ({tenant.slug})" for tenant in there)
        raise UnknownTenantError(f"There is no tenant {number}; there are: {known}.")
