"""How the application gets its stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from stanforis.audit import TenantTrail, Trail
from stanforis.audit.batches import audit_key
from stanforis.audit.port import AuditStore
from stanforis.audit.sealing import WITNESS, FileWitness, Sealer
from stanforis.settings import Settings
from stanforis.storage.secrets import kept_secret
from stanforis.tenancy.directory import Directory
from stanforis.tenancy.keys import FileKeyEncryption, Vault

from fhir_api.definitions import CompiledDefinitions
from fhir_api.store.limits import Limit, Limits, RequestClass
from fhir_api.store.parameters import Due
from fhir_api.store.port import TenantStore


class Stores(Protocol):
    """The stores of all tenants.

    Attributes:
        cursor_key: secret of the installation, the same in all its processes; it signs page cursors.
        trail: writes the audit trails.
        directory: the tenants.
    """

    cursor_key: bytes
    trail: Trail
    directory: Directory

    def for_tenant(self, tenant_id: int) -> TenantStore:
        """Return the store of a tenant."""

    async def due(self) -> Due:
        """Return for which tenants search parameters have to be looked after.

        Raises:
            FhirError: UNAVAILABLE.
        """

    def trail_of(self, tenant_id: int) -> TenantTrail:
        """Return the audit trail of a tenant."""

    async def ready(self) -> None:
        """Return when the store can answer.

        Raises:
            FhirError: UNAVAILABLE.
        """

    async def close(self) -> None:
        """Give back what the stores hold."""


_KEY_FILE = "key-encryption-key"
OpenStores = Callable[[Settings, CompiledDefinitions], Awaitable[Stores]]
"""Opens the stores of an installation."""


def limits(settings: Settings) -> Limits:
    """Return what requests may cost, as *settings* say."""
    search = Limit(settings.search_timeout, settings.search_cost)
    of = {
        RequestClass.SEARCH: search,
        RequestClass.CONDITIONAL: Limit(settings.conditional_timeout, settings.search_cost),
        RequestClass.HISTORY: Limit(settings.history_timeout),
        RequestClass.OPERATION: Limit(settings.operation_timeout, settings.operation_cost),
    }
    return Limits(of, settings.costly_connections)


async def open_postgres(settings: Settings, definitions: CompiledDefinitions) -> Stores:
    """Open the stores on the PostgreSQL that *settings* name."""
    from stanforis.storage.pool import PoolOptions  # noqa: PLC0415 - the same
    from stanforis.tenancy.contexts import open_contexts  # noqa: PLC0415 - the same

    from fhir_api.store.postgres.opening import open_stores  # noqa: PLC0415 - tests on memory need no driver

    options = PoolOptions(
        dsn=settings.database_app_url or settings.database_url,
        size=settings.database_pool_size,
        acquire_seconds=settings.database_wait,
        statement_milliseconds=settings.statement_timeout * 1000,
        shared_sessions=settings.database_sessions_shared,
    )
    contexts = await open_contexts(settings.database_url, shared_sessions=settings.database_sessions_shared)
    stores = await open_stores(options, definitions.search, definitions.extractor, limits(settings), contexts=contexts)
    kept = vault(settings)
    if kept is not None:
        await stores.keep_keys(kept)
    stores.trail = _trail(settings, stores.audit, settings.secret.encode() or stores.cursor_key)
    return stores


def vault(settings: Settings) -> Vault | None:
    """Return what keeps the tenants' keys; None where nothing was ever sealed."""
    from fhir_api.store.postgres.bodies import KEYS  # noqa: PLC0415 - tests on memory need no driver

    path = Path(settings.key_file) if settings.key_file else settings.data / _KEY_FILE
    seals = settings.encryption == "tenant"
    if not seals and not path.exists():
        return None
    return Vault(KEYS, FileKeyEncryption(bytes.fromhex(kept_secret(path))), seals)


def _trail(settings: Settings, store: AuditStore, secret: bytes) -> Trail:
    key = audit_key(secret)
    # without a secret of its own, as when tests open the stores, an installation has no data folder to speak of
    witness = FileWitness(settings.data / WITNESS) if settings.secret else None
    sealer = Sealer(store, key, witness)
    return Trail(store, key, sealer=sealer, strict=settings.audit == "strict", keeps=settings.audit != "off")
