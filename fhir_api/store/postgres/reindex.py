"""The search index made anew from the stored bodies, and the mark that says what it was made with.

Index rows follow from bodies, definitions, the zone of dates without one, and this program's way of making rows. When
one of these changes, rows that were made before would be looked for in vain: the server refuses to start until the
index has been made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import psycopg
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts
from stanforis.tenancy.keys import Vault
from stanforis.tenancy.tenants import UnknownTenantError

from conformance.manifest import manifest
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.extract.extractor import Extractor
from fhir_api.store.postgres.arrays import bigints, byteas
from fhir_api.store.postgres.bodies import unpack
from fhir_api.store.postgres.encode import INDEX_VERSION, Codes, index_hash
from fhir_api.store.postgres.migrations import MigrationError
from fhir_api.store.postgres.opening import open_stores
from fhir_api.store.postgres.session import fenced
from fhir_api.store.postgres.shared import Shared
from fhir_api.store.postgres.types import type_names
from fhir_api.store.postgres.upkeep import build_anew
from fhir_api.store.postgres.writes import Plan, call

_BATCH = 500
_INDEX_TABLES = ("token", "token_code", "reference", "date", "string", "quantity", "composite")
_BODIES = fenced(
    "x.rid, x.type_id, x.body",
    "SELECT r.rid, r.type_id, r.body FROM fhir.resource r "
    "WHERE r.tenant_id = c.tenant AND r.rid > $2 AND r.change <> 3 ORDER BY r.rid LIMIT $3",
)
_REINDEXED = f"SELECT {call('fhir.reindexed', range(2, 6))}"

Progress = Callable[[int], None]
"""Told how many resources have been indexed since it was told last."""


def index_mark(zone: str, *, full_text: bool = False) -> str:
    """Return the mark of an index that this program makes with dates of *zone*, with or without words."""
    return f"{INDEX_VERSION} {manifest().sha256[:16]} {zone}{' words' if full_text else ''}"


def require_index(dsn: str, zone: str, *, full_text: bool = False) -> None:
    """Mark an index that has no mark yet.

    Raises:
        MigrationError: the index was made with something else; the message says what to do.
    """
    wanted = index_mark(zone, full_text=full_text)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE fhir.installation SET extraction = %s WHERE extraction IS NULL", (wanted,))
        row = connection.execute("SELECT extraction FROM fhir.installation").fetchone()
    if row is None or row[0] != wanted:
        raise MigrationError(
            f"The search index was made as '{row and row[0]}', this program makes it as '{wanted}' "
            "(version, definitions, time zone, words): run 'stanforis db reindex', or go back to what it was."
        )


async def reindex(
    owner_dsn: str,
    options: PoolOptions,
    definitions: SearchDefinitions,
    extractor: Extractor,
    progress: Progress,
    vault: Vault | None = None,
    zones: Mapping[str, str | None] | None = None,
) -> None:
    """Make the whole index anew; no server may run on the database meanwhile.

    Tenants that *zones* names have dates without a zone in that one from then on (None: in the installation's).

    When it is broken off it has to be run again: until it ends the index has a mark that no program accepts.
    """
    with psycopg.connect(owner_dsn) as connection:
        connection.execute("UPDATE fhir.installation SET extraction = 'being made'")
        for slug, zone in (zones or {}).items():
            changed = connection.execute("UPDATE tenancy.tenant SET time_zone = %s WHERE slug = %s", (zone, slug))
            if not changed.rowcount:
                raise UnknownTenantError(f"There is no tenant '{slug[:70]}'.")
        connection.execute(f"TRUNCATE {', '.join(f'fhir.{table}' for table in _INDEX_TABLES)}")
        tenants = [tenant_id for (tenant_id,) in connection.execute("SELECT tenant_id FROM fhir.tenant ORDER BY 1")]
    contexts = await open_contexts(owner_dsn, shared_sessions=options.shared_sessions)
    stores = await open_stores(options, definitions, extractor, contexts=contexts)
    if vault is not None:
        await stores.keep_keys(vault)
    try:
        for tenant_id in tenants:
            await _reindex_tenant(stores.shared, tenant_id, progress)
            await build_anew(stores.shared, tenant_id)
    finally:
        await stores.close()
    with psycopg.connect(owner_dsn) as connection:
        connection.execute(
            "UPDATE fhir.installation SET extraction = %s",
            (index_mark(str(extractor.zone), full_text=extractor.words),),
        )


async def _reindex_tenant(shared: Shared, tenant_id: int, progress: Progress) -> None:
    indexing, last = shared.indexing_of(tenant_id), 0
    encoder = indexing.encoder
    async with shared.pool.acquire() as connection:
        while rows := await connection.fetch(_BODIES, shared.contexts.of(connection, tenant_id), last, _BATCH):
            plan = Plan(
                tenant_id, indexing, Codes(shared.codes_of(tenant_id)), await shared.own_of(connection, tenant_id)
            )
            changed = []
            for rid, type_id, packed in rows:
                resource_type = type_names()[type_id]
                entries = indexing.extract(resource_type, unpack(packed))
                found = encoder.rows(entries, rid, plan.codes)
                plan.added.extend(found)
                present = indexing.present.of(resource_type, entries)
                changed.append((rid, entries.low, index_hash(found, encoder.hasher), present))
            context = shared.contexts.of(connection, tenant_id)
            statement, arguments = plan.statement(context)
            await connection.fetch(statement, *arguments)
            rids, lows, hashes, presents = zip(*changed, strict=True)
            columns = (bigints(rids), bigints(lows), bigints(hashes), byteas(presents))
            await connection.fetch(_REINDEXED, context, *columns)
            shared.codes_of(tenant_id).update(plan.codes.new)
            last = rows[-1]["rid"]
            progress(len(rows))
