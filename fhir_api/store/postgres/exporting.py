"""All resources of a tenant, as they are current."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from fhir_api.model.versions import StoredVersion
from fhir_api.store.postgres.reads import VERSION_COLUMNS, stored_versions
from fhir_api.store.postgres.session import fenced
from fhir_api.store.postgres.shared import Shared

_PAGE = 500
_NEXT = fenced(
    f"{VERSION_COLUMNS}, x.rid",
    "SELECT r.* FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.rid > $2 AND r.change <> 3 "
    f"ORDER BY r.rid LIMIT {_PAGE}",
)


async def current_versions(shared: Shared, tenant: int) -> AsyncIterator[Sequence[StoredVersion]]:
    """Give the current versions of all resources that are not deleted, type by type, a few hundred at a time."""
    last = 0
    while True:
        async with shared.pool.acquire() as connection:
            rows = await connection.fetch(_NEXT, shared.contexts.of(connection, tenant), last)
        if not rows:
            return
        yield stored_versions(rows)
        last = rows[-1]["rid"]
