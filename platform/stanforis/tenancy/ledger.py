"""The usage ledger: what tenants use, noted without waiting and added to the database together.

An entry has an id of its own, which it keeps when it is sent again: it counts once, however often it arrives. What a
process that is killed had not sent is not counted, which is to the tenant's advantage.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final

from stanforis.storage.pool import Pool
from stanforis.tenancy.contexts import DIRECTORY, Contexts
from stanforis.tenancy.quotas import NOTHING, Consumed

_ADD: Final = """
INSERT INTO tenancy.usage (tenant_id, entry, requests, resources, bytes)
SELECT e.* FROM (SELECT tenancy.enter($1) AS installation OFFSET 0) c
CROSS JOIN LATERAL (
    SELECT e.* FROM unnest($2::integer[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) e
    WHERE c.installation = 0 OFFSET 0
) e
ON CONFLICT (tenant_id, entry) DO NOTHING
"""


@dataclass(slots=True)
class Entry:
    """What a tenant used since the last entry.

    Attributes:
        identity: the entry's own.
        used: how much.
    """

    identity: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    used: Consumed = NOTHING


class Ledger:
    """What the tenants use in one process."""

    def __init__(self, pool: Pool, contexts: Contexts) -> None:
        """Add entries with the connections of *pool*."""
        self._pool = pool
        self._contexts = contexts
        self._open: dict[int, Entry] = {}
        self._sent: list[tuple[int, Entry]] = []

    def note(self, tenant: int, *, requests: int = 1, resources: int = 0, size: int = 0) -> None:
        """Note what *tenant* used; *size* is in bytes of JSON. Nothing is sent yet."""
        entry = self._open.get(tenant)
        if entry is None:
            entry = self._open[tenant] = Entry()
        used = entry.used
        entry.used = Consumed(used.requests + requests, used.resources + resources, used.bytes + size)

    def noted(self, tenant: int) -> Consumed:
        """Return what is noted of a tenant and not sent yet."""
        entry = self._open.get(tenant)
        return entry.used if entry is not None else NOTHING

    async def flush(self) -> None:
        """Add what is noted to the database; what could not be sent is sent again by the next call, as it was."""
        self._sent += self._open.items()
        self._open = {}
        if not self._sent:
            return
        sent = list(self._sent)
        columns = (
            [tenant for tenant, _ in sent],
            [entry.identity for _, entry in sent],
            *([entry.used[place] for _, entry in sent] for place in range(len(Consumed._fields))),
        )
        async with self._pool.acquire() as connection:
            await connection.execute(_ADD, self._contexts.of(connection, DIRECTORY), *columns)
        self._sent = self._sent[len(sent) :]
