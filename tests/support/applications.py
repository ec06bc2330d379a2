"""The application on stores for tests."""

from __future__ import annotations

from stanforis.audit import TenantTrail, Trail
from stanforis.audit.batches import audit_key
from stanforis.audit.memory import MemoryAuditStore
from stanforis.settings import Settings
from stanforis.tenancy.directory import Directory, DirectoryOfOne

from fhir_api.definitions import CompiledDefinitions
from fhir_api.opening import Stores, open_postgres
from fhir_api.store.memory.store import MemoryStores
from fhir_api.store.parameters import Due
from fhir_api.store.port import TenantStore
from tests.support.tenants import new_tenant

BASE = "http://127.0.0.1:8080/fhir"
SETTINGS = Settings(base_url=BASE, log_requests=False, full_text_search=True)


class OnMemory:
    """Memory stores as the application opens them."""

    cursor_key = b"a key of 32 bytes for tests only"

    def __init__(self) -> None:
        self._stores = MemoryStores()

        self.trail = Trail(MemoryAuditStore(), audit_key(self.cursor_key))
        self.directory: Directory = DirectoryOfOne()

    def for_tenant(self, tenant_id: int) -> TenantStore:
        return self._stores.for_tenant(str(tenant_id))

    async def due(self) -> Due:
        return Due(frozenset([1]), {})

    def trail_of(self, tenant_id: int) -> TenantTrail:
        return self.trail.for_tenant(tenant_id)

    async def ready(self) -> None:
        return

    async def close(self) -> None:
        return


class OfOneTest:
    """PostgreSQL stores of which each test sees a tenant of its own."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.first = new_tenant()
        self.cursor_key = stores.cursor_key
        self.trail = stores.trail
        self.directory = stores.directory
        self.ready = stores.ready
        self.close = stores.close

    def for_tenant(self, tenant_id: int) -> TenantStore:
        return self._stores.for_tenant(self.first + tenant_id)

    async def due(self) -> Due:
        found = await self._stores.due()
        numbers = {number - self.first: count for number, count in found.generations.items()}
        return Due(frozenset(number - self.first for number in found.tenants), numbers)

    def trail_of(self, tenant_id: int) -> TenantTrail:
        return self._stores.trail_of(self.first + tenant_id)


async def open_memory(_settings: Settings, _definitions: CompiledDefinitions) -> Stores:
    return OnMemory()


async def open_of_one_test(settings: Settings, definitions: CompiledDefinitions) -> Stores:
    return OfOneTest(await open_postgres(settings, definitions))
