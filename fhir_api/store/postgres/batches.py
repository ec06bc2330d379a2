"""Index rows of many stored resources: added for new parameters, made anew, or removed.

Rows are worked out before anything is locked. Then those resources are locked that are still at the version that was
read; the others were written meanwhile, by somebody who indexed them. So a writer waits for an insert at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from stanforis.storage.connection import Connection

from fhir_api.model.errors import FhirError
from fhir_api.model.versions import Change
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.tenant import OwnExtractor, own_keys
from fhir_api.store.parameters import OwnParameter
from fhir_api.store.postgres.arrays import bigints, byteas
from fhir_api.store.postgres.bodies import unpack
from fhir_api.store.postgres.encode import Codes, IndexRows, index_hash
from fhir_api.store.postgres.own import Own
from fhir_api.store.postgres.session import TENANT, fenced
from fhir_api.store.postgres.shared import Shared
from fhir_api.store.postgres.types import type_names
from fhir_api.store.postgres.writes import INDEX_TABLES, Indexing, call, code_columns, index_arguments

_REMOVED: Final = 2000
_AT_ONCE: Final = 20
"""Resources whose rows are worked out before others of this process have their turn."""

_READ = fenced(
    "x.rid, x.version, x.type_id, x.low, x.change, x.body",
    "SELECT r.rid, r.version, r.type_id, r.low, r.change, r.body FROM fhir.resource r "
    "WHERE r.tenant_id = c.tenant AND r.rid > $2 AND r.rid < $3 AND ($5::bigint IS NULL OR r.marker < $5) "
    "ORDER BY r.rid LIMIT $4",
)
_SUPERSEDED = fenced(
    "x.rid, x.type_id, x.body",
    "SELECT h.rid, h.type_id, h.body FROM fhir.history h "
    "WHERE h.tenant_id = c.tenant AND h.rid = ANY($2::bigint[]) AND h.change <> 3 OFFSET 0",
)
_LOCK = (
    "SELECT r.rid FROM (SELECT * FROM unnest($2::bigint[], $3::integer[]) AS u (rid, version) ORDER BY u.rid) n "
    "CROSS JOIN LATERAL (SELECT r.rid FROM fhir.resource r "
    f"WHERE r.tenant_id = {TENANT} AND r.rid = n.rid AND r.version = n.version OFFSET 0 FOR UPDATE) r"
)
_ADD = f"SELECT {call('fhir.index_own', range(2, 2 + len(index_arguments(IndexRows()))))}"
_UNINDEX = _ADD.replace("index_own", "unindex")
_REINDEXED = f"SELECT {call('fhir.reindexed', range(2, 6))}"
_CODES = (
    "INSERT INTO fhir.token_code (tenant_id, param, code_hash, hash, system, code) "
    f"SELECT {TENANT}, n.* "
    "FROM unnest($2::fhir.integers, $3::fhir.bigints, $4::fhir.bigints, $5::fhir.texts, $6::fhir.texts) n "
    "ON CONFLICT DO NOTHING"
)


class Row(NamedTuple):
    """A resource as it is stored."""

    rid: int
    version: int
    type_id: int
    low: int
    change: int
    body: bytes

    @property
    def resource_type(self) -> str:
        """Its type."""
        return type_names()[self.type_id]

    @property
    def is_deletion(self) -> bool:
        """Whether its newest version is one."""
        return self.change == Change.DELETE


Batch = Sequence[Row]


async def read(
    connection: Connection, context: str, after: int, end: int, limit: int, barrier: int | None = None
) -> Batch:
    """Return the resources whose numbers follow *after*, up to *end*; only those written before *barrier*."""
    return [Row(*row) for row in await connection.fetch(_READ, context, after, end, limit, barrier)]


async def build(
    indexing: Indexing, connection: Connection, context: str, batch: Batch, parameters: Iterable[OwnParameter]
) -> int:
    """Add the rows of new *parameters*, and return how many there are."""
    own = Own(0, OwnExtractor(indexing.definitions, [each.own for each in parameters], indexing.zone))
    codes = Codes(set())
    rows: dict[int, IndexRows] = {}
    for count, each in enumerate(batch, 1):
        if not each.is_deletion and each.resource_type in own.extractor.types:
            rows[each.rid] = own.rows(
                indexing.encoder, each.resource_type, unpack(each.body), each.rid, each.low, codes
            )
        if count % _AT_ONCE == 0:
            await asyncio.sleep(0)
    kept = await _locked(connection, context, [each for each in batch if rows.get(each.rid)])
    found = IndexRows()
    for rid in kept:
        found.extend(rows[rid])
    await _add(connection, context, found, codes)
    return _count(found)


async def reindex(shared: Shared, connection: Connection, tenant_id: int, batch: Batch) -> int:
    """Make all rows of some resources anew, and return how many there are.

    Rows that should not be there can only be those of earlier versions: they are removed.
    """
    context = shared.contexts.of(connection, tenant_id)
    renewal = _Renewal(shared.indexing_of(tenant_id), await shared.own_of(connection, tenant_id))
    for count, each in enumerate(batch, 1):
        renewal.renew(each)
        if count % _AT_ONCE == 0:
            await asyncio.sleep(0)
    for rid, type_id, body in await connection.fetch(_SUPERSEDED, context, [each.rid for each in batch]):
        renewal.supersede(rid, type_names()[type_id], body)
    kept = await _locked(connection, context, batch)
    wanted, unwanted = IndexRows(), IndexRows()
    for rid in kept:
        wanted.extend(renewal.rows[rid])
        unwanted.extend(renewal.former.get(rid, IndexRows()).minus(renewal.rows[rid]))
    if unwanted:
        await connection.fetch(_UNINDEX, context, *index_arguments(unwanted))
    await _add(connection, context, wanted, renewal.codes)
    changed = [renewal.marks[rid] for rid in kept if rid in renewal.marks]
    if changed:
        rids, lows, hashes, presents = zip(*changed, strict=True)
        columns = (bigints(rids), bigints(lows), bigints(hashes), byteas(presents))
        await connection.fetch(_REINDEXED, context, *columns)
    return _count(wanted)


class _Renewal:
    """What the rows of resources should be, and what they may have been before."""

    def __init__(self, indexing: Indexing, own: Own) -> None:
        self._indexing = indexing
        self._own = own
        self.codes = Codes(set())
        self.rows: dict[int, IndexRows] = {}
        self.former: dict[int, IndexRows] = {}
        self.marks: dict[int, tuple[int, int, int, bytes]] = {}

    def renew(self, row: Row) -> None:
        """Take in a resource as it is now."""
        if row.is_deletion:
            self.rows[row.rid] = IndexRows()
            return
        body, resource_type = unpack(row.body), row.resource_type
        entries = self._indexing.extract(resource_type, body)
        rows = self._indexing.encoder.rows(entries, row.rid, self.codes)
        present = self._indexing.present.of(resource_type, entries)
        self.marks[row.rid] = (row.rid, entries.low, index_hash(rows, self._indexing.encoder.hasher), present)
        rows.extend(self._of_own(resource_type, body, row.rid, entries.low))
        self.rows[row.rid] = rows

    def supersede(self, rid: int, resource_type: str, packed: bytes) -> None:
        """Take in an earlier version."""
        body = unpack(packed)
        try:
            entries = self._indexing.extract(resource_type, body)
        except FhirError:
            return
        rows = self._indexing.encoder.rows(entries, rid, Codes(set()))
        rows.extend(self._of_own(resource_type, body, rid, entries.low))
        self.former.setdefault(rid, IndexRows()).extend(rows)

    def _of_own(self, resource_type: str, body: bytes, rid: int, low: int) -> IndexRows:
        if resource_type not in self._own.extractor.types:
            return IndexRows()
        return self._own.rows(self._indexing.encoder, resource_type, body, rid, low, self.codes)


async def remove(
    connection: Connection, context: str, parameters: Iterable[OwnParameter], base: SearchDefinitions
) -> int:
    """Remove some of the rows of *parameters*, and return how many; 0 when there are none left."""
    keys = sorted({key for each in parameters for key in own_keys(base, each.own)})
    both = [*keys, *(-key for key in keys)]
    removed = 0
    for table in (*INDEX_TABLES, "token_code"):
        statement = (
            f"WITH gone AS (DELETE FROM fhir.{table} WHERE ctid = ANY(ARRAY("
            f"SELECT x.ctid FROM fhir.{table} x WHERE x.tenant_id = {TENANT} AND x.param = ANY($2::integer[]) "
            f"LIMIT {_REMOVED})) RETURNING 1) SELECT count(*) FROM gone"
        )
        removed += await connection.fetchval(statement, context, both)
    return removed


async def _locked(connection: Connection, context: str, batch: Batch) -> list[int]:
    """Lock the resources that are still as they were read, and return their numbers."""
    if not batch:
        return []
    rids, versions = [row.rid for row in batch], [row.version for row in batch]
    return [rid for (rid,) in await connection.fetch(_LOCK, context, rids, versions)]


async def _add(connection: Connection, context: str, rows: IndexRows, codes: Codes) -> None:
    if codes.new:
        await connection.fetch(_CODES, context, *code_columns(codes))
    if rows:
        await connection.fetch(_ADD, context, *index_arguments(rows))


def _count(rows: IndexRows) -> int:
    return sum(len(getattr(rows, table)) for table in INDEX_TABLES)
