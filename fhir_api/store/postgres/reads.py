"""Reading versions: by key, by version, many at once. One statement each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import asyncpg

from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.store.postgres.bodies import unpacking
from fhir_api.store.postgres.session import fenced
from fhir_api.store.postgres.types import type_names

VERSION_COLUMNS = "x.type_id, x.fhir_id, x.version, x.last_updated, x.change, x.body"

CURRENT = fenced(
    VERSION_COLUMNS,
    "SELECT r.* FROM fhir.resource r "
    "WHERE r.tenant_id = c.tenant AND r.id_hash = $2 AND r.type_id = $3 AND r.fhir_id = $4 LIMIT 1",
)

CURRENTS = fenced(
    VERSION_COLUMNS,
    "SELECT r.* FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.id_hash = ANY($2::bigint[]) OFFSET 0",
)

VERSION = fenced(
    VERSION_COLUMNS,
    "SELECT r.type_id, r.fhir_id, r.version, r.last_updated, r.change, r.body FROM fhir.resource r "
    "WHERE r.tenant_id = c.tenant AND r.id_hash = $2 AND r.type_id = $3 AND r.fhir_id = $4 AND r.version = $5 "
    "UNION ALL "
    "SELECT h.type_id, h.fhir_id, h.version, h.last_updated, h.change, h.body "
    "FROM fhir.resource r JOIN fhir.history h ON h.tenant_id = c.tenant AND h.rid = r.rid AND h.version = $5 "
    "WHERE r.tenant_id = c.tenant AND r.id_hash = $2 AND r.type_id = $3 AND r.fhir_id = $4 LIMIT 1",
)


_CHANGES = {int(change): change for change in Change}


def stored_versions(rows: Iterable[asyncpg.Record]) -> list[StoredVersion]:
    """Return rows that begin with :data:`VERSION_COLUMNS` as versions, in order."""
    names, changes, unpacked = type_names(), _CHANGES, unpacking()
    return [
        StoredVersion(
            ResourceKey(names[row[0]], row[1]), row[2], row[3], changes[row[4]], unpacked(row[5]) if row[5] else b""
        )
        for row in rows
    ]


def stored_version(row: asyncpg.Record) -> StoredVersion:
    """Return a row that begins with :data:`VERSION_COLUMNS` as a version."""
    return stored_versions((row,))[0]


def by_key(rows: Iterable[asyncpg.Record], keys: Sequence[ResourceKey]) -> dict[ResourceKey, StoredVersion]:
    """Return the versions that are of *keys*; a hash that another key shares is passed over."""
    wanted = set(keys)
    return {version.key: version for version in stored_versions(rows) if version.key in wanted}
