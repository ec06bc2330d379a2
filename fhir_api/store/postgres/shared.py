"""What the stores of all tenants of one process have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo

from stanforis.recent import Recent
from stanforis.storage.connection import Connection
from stanforis.storage.pool import Pool
from stanforis.tenancy.contexts import Contexts

from fhir_api.store.limits import Limits
from fhir_api.store.postgres.alike import Alike
from fhir_api.store.postgres.encode import CodeKey
from fhir_api.store.postgres.gathering import Gathering
from fhir_api.store.postgres.guard import Guard
from fhir_api.store.postgres.lookups import Lookups
from fhir_api.store.postgres.own import LOAD, Own, loaded
from fhir_api.store.postgres.search.counts import Counts
from fhir_api.store.postgres.search.written import Written
from fhir_api.store.postgres.volleys import Volleys
from fhir_api.store.postgres.writes import Indexing

MOST_TENANTS = 256
"""Tenants that one process remembers something of beside the work in hand."""
_RID_BLOCK = 1000
_KNOWN_CODES_LIMIT = 200_000


def _as_the_installation(tenant_id: int) -> tzinfo | None:
    del tenant_id
    return None


@dataclass(frozen=True, slots=True)
class Calls:
    """What requests of one tenant at the same time do together.

    Attributes:
        gathering: their single writes.
        lookups: their point reads.
        volleys: their quick searches.
        alike: their searches for the same.
    """

    gathering: Gathering
    lookups: Lookups
    volleys: Volleys
    alike: Alike


@dataclass(slots=True)
class OfTenant:
    """What one process remembers of a tenant.

    Attributes:
        codes: rows of ``token_code`` that are known to be stored.
        calls: what goes together; None until there is a store.
        own: what is indexed of its own parameters; None until that is asked for.
        counts: what its searches counted lately.
    """

    codes: set[CodeKey] = field(default_factory=set)
    calls: Calls | None = None
    own: Own | None = None
    counts: Counts = field(default_factory=Counts)


@dataclass(slots=True)
class Shared:
    """What all tenants of one process share.

    Attributes:
        pool: connections that requests are answered by.
        looks: a connection that tells what the others wait for.
        written: the statements that searches came to lately.
    """

    pool: Pool
    looks: Pool
    contexts: Contexts
    indexing: Indexing
    guard: Guard = field(default_factory=lambda: Guard(Limits()))
    rids: list[range] = field(default_factory=list)
    remembered: Recent[int, OfTenant] = field(default_factory=lambda: Recent(MOST_TENANTS))
    written: Written = field(default_factory=Written)
    zone_of: Callable[[int], tzinfo | None] = _as_the_installation
    zones: dict[tzinfo, Indexing] = field(default_factory=dict)

    def of(self, tenant_id: int) -> OfTenant:
        """Return what is remembered of a tenant; the one that was asked for longest ago makes room."""
        return self.remembered.get(tenant_id) or self.remembered.keep(tenant_id, OfTenant())

    def indexing_of(self, tenant_id: int) -> Indexing:
        """Return how resources of a tenant become index rows, with dates without a zone taken as of its own."""
        zone = self.zone_of(tenant_id)
        if zone is None or zone == self.indexing.zone:
            return self.indexing
        found = self.zones.get(zone)
        if found is None:
            found = self.zones[zone] = self.indexing.in_zone(zone)
        return found

    def codes_of(self, tenant_id: int) -> set[CodeKey]:
        """Return the rows of ``token_code`` that are known to be stored for a tenant."""
        known = self.of(tenant_id).codes
        if len(known) > _KNOWN_CODES_LIMIT:
            known.clear()
        return known

    async def own_of(self, connection: Connection, tenant_id: int) -> Own:
        """Return what is indexed of a tenant's own parameters, as this process knows it: a write checks that it is so.

        The database is asked when they are needed for the first time, and after a write was refused.
        """
        of_tenant = self.of(tenant_id)
        own = of_tenant.own
        if own is None:
            rows = await connection.fetch(LOAD, self.contexts.of(connection, tenant_id))
            indexing = self.indexing_of(tenant_id)
            own = of_tenant.own = Own.of(loaded(rows), indexing.definitions, indexing.zone)
        return own

    async def take_rids(self, connection: Connection, count: int) -> list[int]:
        """Return *count* fresh resource numbers; the sequence is asked once for a thousand of them."""
        missing = count - sum(map(len, self.rids))
        if missing > 0:
            rows = await connection.fetch(
                "SELECT nextval('fhir.rid') FROM generate_series(1, $1)", -(-missing // _RID_BLOCK)
            )
            self.rids += [range(start, start + _RID_BLOCK) for (start,) in rows]
        taken: list[int] = []
        while len(taken) < count:
            block = self.rids.pop()
            need = count - len(taken)
            taken += block[:need]
            if len(block) > need:
                self.rids.append(block[need:])
        return taken
