"""A resource's number begins with its type: an order for walking a type that no update changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from stanforis.storage.embedded import EmbeddedPostgres
from stanforis.storage.pool import PoolOptions

from fhir_api.store.port import HistoryQuery
from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.reindex import reindex, require_index
from fhir_api.store.postgres.store import PostgresStores
from tests.support.databases import stores_on
from tests.support.stores import DEFINITIONS, EXTRACTOR, found, query, update, write
from tests.support.tenants import new_tenant

RENUMBER = Path(migrations.__file__).parent / "versions" / "0004_numbers.sql"
OLDER = """
ALTER TABLE fhir.resource NO FORCE ROW LEVEL SECURITY;
ALTER TABLE fhir.history NO FORCE ROW LEVEL SECURITY;
UPDATE fhir.resource SET rid = rid & ((1::bigint << 40) - 1);
UPDATE fhir.history SET rid = rid & ((1::bigint << 40) - 1);
"""


def patient(number: int, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": "Uwase"}], **members}


@pytest.mark.parametrize("url", ["Patient?", "Patient?gender:missing=true", "Patient?gender:not=male"])
async def test_a_type_is_walked_whole_while_its_resources_are_updated(stores: PostgresStores, url: str) -> None:
    store = stores.for_tenant(new_tenant())
    await store.write([write(patient(number)) for number in range(9)])
    await store.write([write({"resourceType": "Group", "id": "g", "type": "person", "actual": True})])
    wanted, seen = replace(query(url), count=2), []
    while True:
        page = await store.search(wanted)
        seen += [version.key.logical_id for version in page.matches]
        if page.next_cursor is None:
            break
        wanted = replace(wanted, cursor=page.next_cursor)
        # what is still to come, and what was there already, changes between two pages
        await store.write([update(patient(number, birthDate=f"19{len(seen):02}")) for number in range(9)])
    assert sorted(seen) == [f"p{number}" for number in range(9)]


async def test_resources_with_older_numbers_get_new_ones(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, durable=False) as cluster:
        database = cluster.connection
        migrations.upgrade(database.owner_dsn)
        stores = await stores_on(database)
        store = stores.for_tenant(1)
        await store.write([write(patient(number)) for number in range(3)])
        await store.write([update(patient(0, gender="female"))])
        with psycopg.connect(database.owner_dsn) as connection:
            connection.execute(OLDER)
            connection.execute(RENUMBER.read_text())
        with pytest.raises(migrations.MigrationError, match="stanforis db reindex"):
            require_index(database.owner_dsn, "UTC")
        await reindex(database.owner_dsn, PoolOptions(database.app_dsn), DEFINITIONS, EXTRACTOR, lambda _: None)
        require_index(database.owner_dsn, "UTC")
        assert await found(store, "Patient?") == await found(store, "Patient?family=uwase") == {"p0", "p1", "p2"}
        past = await store.history(HistoryQuery("Patient", "p0", 10))
        assert [version.version_id for version in past.matches] == [2, 1]
        await stores.close()
