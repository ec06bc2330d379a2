"""An index made otherwise is not used, and one made anew is the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres
from stanforis.storage.pool import PoolOptions

from fhir_api.model.keys import ResourceKey
from fhir_api.search.extract.extractor import Extractor
from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.reindex import reindex, require_index
from tests.support.databases import speak_for, stores_on
from tests.support.stores import DEFINITIONS, EXTRACTOR, deletion, found, update, write

TABLES = ("token", "token_code", "reference", "date", "string", "quantity", "composite")
RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "p", "name": [{"family": "Uwase"}], "birthDate": "1980-01-01"},
    {"resourceType": "Patient", "id": "gone"},
    {
        "resourceType": "Observation", "id": "o", "status": "final", "effectiveDateTime": "2024-03-31",
        "subject": {"reference": "Patient/p"}, "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]},
        "valueQuantity": {"value": 180, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"},
    },
]  # fmt: skip


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionInfo]:
    """A database of its own, since an index is made anew for all of it."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("reindex"), durable=False) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        yield cluster.connection


def rows(connection_info: ConnectionInfo) -> dict[str, list[str]]:
    """All index rows, and what resources say of theirs."""
    with psycopg.connect(connection_info.owner_dsn) as connection:
        speak_for(connection, 1)
        tables = {table: connection.execute(f"SELECT * FROM fhir.{table}").fetchall() for table in TABLES}
        tables["resource"] = connection.execute("SELECT rid, low, index_hash, present FROM fhir.resource").fetchall()
    return {table: sorted(map(repr, members)) for table, members in tables.items()}


async def test_the_index_made_anew_is_the_one_that_was(database: ConnectionInfo) -> None:
    stores = await stores_on(database)
    store = stores.for_tenant(1)
    await store.write([write(resource) for resource in RESOURCES])
    await store.write([update({**RESOURCES[0], "gender": "female"}), deletion("Patient/gone")])
    before = rows(database)
    counted: list[int] = []
    await reindex(database.owner_dsn, PoolOptions(database.app_dsn), DEFINITIONS, EXTRACTOR, counted.append)
    assert sum(counted) == 2
    assert rows(database) == before
    assert await found(store, "Observation?code-value-quantity=8302-2$gt170") == {"o"}
    version = await store.current(ResourceKey("Patient", "p"))
    assert version is not None
    assert version.version_id == 2
    await stores.close()


async def test_own_parameters_are_built_with_the_rest(database: ConnectionInfo) -> None:
    stores = await stores_on(database)
    store = stores.for_tenant(1)
    own = {"resourceType": "SearchParameter", "id": "own", "url": "http://example.org/own", "status": "active",
           "code": "own", "base": ["Patient"], "type": "token", "expression": "Patient.name.family"}  # fmt: skip
    await store.write([write(RESOURCES[0]), write(own)])
    while await store.look_after(1) is not None:
        pass
    before = rows(database)
    await reindex(database.owner_dsn, PoolOptions(database.app_dsn), DEFINITIONS, EXTRACTOR, lambda _: None)
    assert rows(database) == before
    assert [each.state for each in (await store.own_parameters()).parameters] == ["live"]
    await stores.close()


async def test_a_tenant_gets_another_time_zone_with_its_index(database: ConnectionInfo) -> None:
    stores = await stores_on(database)
    store = stores.for_tenant(1)
    day = {"resourceType": "Observation", "id": "day", "status": "final", "code": {"text": "x"},
           "effectiveDateTime": "2026-03-02"}  # fmt: skip
    await store.write([write(day)])
    await stores.close()
    # the day is over at 15:00 UTC in Tokyo
    for zone, is_over in (("Asia/Tokyo", {"day"}), (None, set())):
        options, zones = PoolOptions(database.app_dsn), {"default": zone}
        await reindex(database.owner_dsn, options, DEFINITIONS, EXTRACTOR, lambda _: None, zones=zones)
        again = await stores_on(database)
        assert await found(again.for_tenant(1), "Observation?date=eb2026-03-02T15:00:01Z&_id=day") == is_over
        await again.close()


async def test_another_zone_needs_another_index(database: ConnectionInfo) -> None:
    require_index(database.owner_dsn, "UTC")
    require_index(database.owner_dsn, "UTC")
    with pytest.raises(migrations.MigrationError, match="stanforis db reindex"):
        require_index(database.owner_dsn, "Africa/Kigali")
    extractor = Extractor(DEFINITIONS, ZoneInfo("Africa/Kigali"))
    await reindex(database.owner_dsn, PoolOptions(database.app_dsn), DEFINITIONS, extractor, lambda _: None)
    require_index(database.owner_dsn, "Africa/Kigali")
