"""The records of tenants in PostgreSQL, read and changed in the context of the installation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import asyncpg

from stanforis.storage.pool import Pool
from stanforis.tenancy.contexts import DIRECTORY, Contexts
from stanforis.tenancy.keys import WrappedKey
from stanforis.tenancy.quotas import NOTHING, Consumed
from stanforis.tenancy.tenants import (
    PASSAGES,
    Plan,
    SlugTakenError,
    State,
    TenancyError,
    Tenant,
    UnknownTenantError,
    require_passage,
    require_settings,
    require_slug,
)

SETTINGS: Final = ("name", "plan", "profiles", "time_zone", "languages", "cors_origins")
"""What a tenant has beside its name in addresses and its state."""
_OF_THE_INDEX: Final = "time_zone"
"""What the search index is made with, so that it is changed with the index only."""

_COLUMNS = "t.tenant_id, t.slug, t.name, t.state, t.plan, t.profiles, t.time_zone, t.languages, t.cors_origins"
_FENCE = "FROM (SELECT tenancy.enter($1) AS installation OFFSET 0) c CROSS JOIN LATERAL "
_TENANTS = f"SELECT t.* {_FENCE}(SELECT {_COLUMNS} FROM tenancy.tenant t ORDER BY t.tenant_id OFFSET 0) t"
_FOUND = f"SELECT t.* {_FENCE}(SELECT {_COLUMNS} FROM tenancy.tenant t WHERE t.slug = $2 LIMIT 1) t"
_PLANS = "SELECT name, requests_per_day, resources, storage_bytes FROM tenancy.plan ORDER BY name"
_CONSUMED = f"""
SELECT u.* {_FENCE}(
    SELECT coalesce(sum(u.requests) FILTER (WHERE u.day = (now() AT TIME ZONE 'UTC')::date), 0)::bigint,
           coalesce(sum(u.resources), 0)::bigint, coalesce(sum(u.bytes), 0)::bigint
    FROM tenancy.consumed u WHERE u.tenant_id = $2 OFFSET 0
) u (requests, resources, bytes)
"""
_ALL_CONSUMED = f"""
SELECT u.* {_FENCE}(
    SELECT u.tenant_id, coalesce(sum(u.requests) FILTER (WHERE u.day = (now() AT TIME ZONE 'UTC')::date), 0)::bigint,
           coalesce(sum(u.resources), 0)::bigint, coalesce(sum(u.bytes), 0)::bigint
    FROM tenancy.consumed u WHERE $2::integer[] IS NULL OR u.tenant_id = ANY($2) GROUP BY u.tenant_id OFFSET 0
) u (tenant_id, requests, resources, bytes)
"""
_KEYS = f"SELECT k.* {_FENCE}(SELECT k.tenant_id, k.identity, k.wrapped FROM tenancy.wrapped_key k OFFSET 0) k"
_ADD_KEY = (
    "INSERT INTO tenancy.wrapped_key (tenant_id, identity, wrapped) SELECT k.* "
    f"{_FENCE}(SELECT $2::integer, $3::bytea, $4::bytea WHERE c.installation = 0 OFFSET 0) k "
    "ON CONFLICT (tenant_id) DO NOTHING"
)
_CREATE = f"""
INSERT INTO tenancy.tenant AS t (slug, name, state, plan, profiles, time_zone, languages, cors_origins)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_COLUMNS}
"""
_PASS = f"UPDATE tenancy.tenant t SET state = $2 WHERE t.tenant_id = $1 AND t.state = ANY($3) RETURNING {_COLUMNS}"


class Registry:
    """The tenants of an installation."""

    def __init__(self, pool: Pool, contexts: Contexts) -> None:
        """Work with the connections of *pool*."""
        self._pool = pool
        self._contexts = contexts

    async def generation(self) -> int:
        """Return a number that is another one whenever a tenant or plan was changed."""
        async with self._pool.acquire() as connection:
            return int(await connection.fetchval("SELECT generation FROM tenancy.directory"))

    async def tenants(self) -> list[Tenant]:
        """Return all tenants, in the order they came."""
        async with self._pool.acquire() as connection:
            return [_tenant(row) for row in await connection.fetch(_TENANTS, self._contexts.of(connection, DIRECTORY))]

    async def plans(self) -> dict[str, Plan]:
        """Return what tenants of each plan may use."""
        async with self._pool.acquire() as connection:
            return {row["name"]: Plan(**dict(row)) for row in await connection.fetch(_PLANS)}

    async def tenant(self, slug: str) -> Tenant:
        """Return a tenant.

        Raises:
            UnknownTenantError: there is none of that name.
        """
        row = None
        # whatever else is asked for, PostgreSQL takes no NUL
        if "\0" not in slug:
            async with self._pool.acquire() as connection:
                row = await connection.fetchrow(_FOUND, self._contexts.of(connection, DIRECTORY), slug)
        if row is None:
            raise UnknownTenantError(f"There is no tenant '{slug[:70]}'.")
        return _tenant(row)

    async def create(self, slug: str, settings: dict[str, Any], state: State = State.TRIAL) -> Tenant:
        """Add a tenant; *settings* are of :data:`SETTINGS`.

        Raises:
            SlugTakenError: another one has that name.
            TenancyError: the name cannot stand in addresses, or a setting cannot be used.
        """
        require_slug(slug)
        made = Tenant(number=0, slug=slug, **{"name": slug, **_known(settings)})
        values = [getattr(made, name) for name in SETTINGS[2:]]
        return await self._changed(_CREATE, slug, made.name, state, made.plan, *values)

    async def change(self, slug: str, settings: dict[str, Any]) -> Tenant:
        """Change some settings of a tenant and return it.

        Raises:
            UnknownTenantError, TenancyError: as :meth:`tenant` and :meth:`create`, and for its time zone.
        """
        if _OF_THE_INDEX in settings:
            raise TenancyError(
                "The time zone of a tenant is given when it is added, because its search index is made with it; later "
                f"'stanforis db reindex --time-zone {slug[:70]}=ZONE' changes it, while no server runs."
            )
        tenant = await self.tenant(slug)
        names = list(_known(settings))
        if not names:
            return tenant
        columns = ", ".join(f"{name} = ${place}" for place, name in enumerate(names, 2))
        statement = f"UPDATE tenancy.tenant t SET {columns} WHERE t.tenant_id = $1 RETURNING {_COLUMNS}"
        return await self._changed(statement, tenant.number, *(settings[name] for name in names))

    async def move(self, slug: str, wanted: State) -> Tenant:
        """Let a tenant pass into another state and return it; that it is in already is no error.

        Raises:
            UnknownTenantError: there is none of that name.
            PassageError: it cannot pass from where it is.
        """
        tenant = await self.tenant(slug)
        if tenant.state is wanted:
            return tenant
        require_passage(tenant, wanted)
        before = [state for state, after in PASSAGES.items() if wanted in after]
        return await self._changed(_PASS, tenant.number, wanted, before)

    async def wrapped_keys(self) -> list[WrappedKey]:
        """Return the keys of all tenants that have one."""
        async with self._pool.acquire() as connection:
            return [WrappedKey(*row) for row in await connection.fetch(_KEYS, self._contexts.of(connection, DIRECTORY))]

    async def add_key(self, key: WrappedKey) -> None:
        """Keep a tenant's key, unless it has one already."""
        async with self._pool.acquire() as connection:
            await connection.execute(_ADD_KEY, self._contexts.of(connection, DIRECTORY), *key)

    async def consumed(self, tenant: int) -> Consumed:
        """Return what a tenant used."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(_CONSUMED, self._contexts.of(connection, DIRECTORY), tenant)
        return Consumed(*row) if row is not None else NOTHING

    async def all_consumed(self, tenants: Iterable[int] | None) -> dict[int, Consumed]:
        """Return what *tenants* used, or (None) all; who used nothing is left out."""
        asked = None if tenants is None else list(tenants)
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_ALL_CONSUMED, self._contexts.of(connection, DIRECTORY), asked)
        return {tenant: Consumed(*used) for tenant, *used in rows}

    async def _changed(self, statement: str, *arguments: Any) -> Tenant:
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.fetchval("SELECT tenancy.enter($1)", self._contexts.of(connection, DIRECTORY))
                row = await connection.fetchrow(statement, *arguments)
        except asyncpg.UniqueViolationError as error:
            raise SlugTakenError(f"There is a tenant '{arguments[0]}' already.") from error
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            raise TenancyError("A setting of the tenant cannot be used: no such plan or policy.") from error
        if row is None:
            raise TenancyError("The tenant was changed by somebody else meanwhile; try again.")
        return _tenant(row)


def _known(settings: dict[str, Any]) -> dict[str, Any]:
    for name in settings:
        if name not in SETTINGS:
            raise TenancyError(f"'{name[:70]}' is no setting of a tenant; there are {', '.join(SETTINGS)}.")
    require_settings(settings)
    return settings


def _tenant(row: asyncpg.Record) -> Tenant:
    number, slug, name, state, plan, profiles, time_zone, *lists = row
    languages, origins = map(tuple, lists)
    return Tenant(
        number=number,
        slug=slug,
        name=name,
        state=State(state),
        plan=plan,
        profiles=profiles,
        time_zone=time_zone,
        languages=languages,
        cors_origins=origins,
    )
