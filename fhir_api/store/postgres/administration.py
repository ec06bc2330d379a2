"""What an operator decides for tenants, as the owner of the tables: the server itself may only read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from stanforis.storage.connection import Connection


@asynccontextmanager
async def administering(owner_dsn: str) -> AsyncIterator[Administration]:
    """Open a session as the owner of the tables, on the database at *owner_dsn*."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        yield Administration(connection)
    finally:
        await connection.close()


class Administration:
    """Tenants, their policies, and the packages that all of them get."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def tenants(self) -> dict[str, int]:
        """Return the number of each tenant, by its name."""
        return {
            row["name"]: row["tenant_id"]
            for row in await self._connection.fetch("SELECT tenant_id, name FROM fhir.tenant ORDER BY name")
        }

    async def share(self, name: str, version: str, archive: bytes) -> None:
        """Keep a package for tenants that come later."""
        await self._connection.execute(
            "INSERT INTO fhir.shared_package (name, version, archive) VALUES ($1, $2, $3) "
            "ON CONFLICT (name, version) DO UPDATE SET archive = excluded.archive",
            name,
            version,
            archive,
        )

    async def unshare(self, name: str, version: str | None) -> None:
        """Give a package (None: every version of it) no longer to tenants that come later."""
        await self._connection.execute(
            "DELETE FROM fhir.shared_package WHERE name = $1 AND ($2::text IS NULL OR version = $2)", name, version
        )

    async def shared(self) -> list[tuple[str, bytes]]:
        """Return the packages a new tenant gets, in the order they were given: ``name@version`` and archive."""
        rows = await self._connection.fetch(
            "SELECT name, version, archive FROM fhir.shared_package ORDER BY added_at, name, version"
        )
        return [(f"{row['name']}@{row['version']}", row["archive"]) for row in rows]
