"""When definitions of a tenant change, every process sees another number; writing anything else costs nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.packages.kinds import CONSULTED_TYPES
from fhir_api.store.port import PackageRecord
from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.store import PostgresStores
from fhir_api.store.postgres.types import type_numbers
from tests.support.databases import signed, stores_on
from tests.support.stores import deletion, key_of, update, write

PROFILE = {"resourceType": "StructureDefinition", "id": "p", "url": "http://a.example/p", "status": "active"}
PATIENT = {"resourceType": "Patient", "id": "a"}
RECORD = PackageRecord("a", "1", "http://a", ("b@1",), "00", True, 5, ((key_of("StructureDefinition/p"), 1),))


@pytest.fixture
async def elsewhere(migrated: ConnectionInfo) -> AsyncIterator[PostgresStores]:
    """Another process's stores."""
    opened = await stores_on(migrated, 1)
    yield opened
    await opened.close()


async def test_each_change_of_a_definition_is_seen_elsewhere(stores, elsewhere):
    store, other = stores.for_tenant(501), elsewhere.for_tenant(501)
    seen = [(await other.definitions_state()).generation]
    for each in (write(PROFILE), update(PROFILE | {"version": "2"}), deletion("StructureDefinition/p")):
        await store.write([each])
        seen.append((await other.definitions_state()).generation)
    assert len(set(seen)) == 4


async def test_other_resources_and_other_tenants_change_nothing(stores):
    store, other = stores.for_tenant(502), stores.for_tenant(503)
    before = await store.definitions_state()
    await store.write([write(PATIENT)])
    await store.write([update(PATIENT | {"active": True})])
    await other.write([write(PROFILE)])
    assert await store.definitions_state() == before
    assert await other.definitions_state() != before


async def test_a_transaction_that_is_undone_changes_nothing(stores):
    store = stores.for_tenant(504)
    before = await store.definitions_state()

    async def undone() -> None:
        async with store.transaction() as transaction:
            await transaction.write([write(PROFILE)])
            await transaction.record_package(RECORD)
            assert await transaction.definitions_state() != before
            raise LookupError

    with pytest.raises(LookupError):
        await undone()
    assert await store.definitions_state() == before
    assert await store.packages() == []


async def test_packages_are_their_tenants_own(stores, migrated):
    store, other = stores.for_tenant(505), stores.for_tenant(506)
    async with store.transaction() as transaction:
        await transaction.record_package(RECORD)
    assert await store.packages() == [RECORD]
    assert await other.packages() == []
    async with other.transaction() as transaction:
        await transaction.forget_package("a", "1")
    assert await store.packages() == [RECORD]
    connection = await asyncpg.connect(migrated.app_dsn)
    try:
        assert await connection.fetch("SELECT * FROM fhir.package") == []
        context = await signed(migrated, connection, 506)
        await connection.execute("SELECT set_config('stanforis.tenant', $1, false)", context)
        for table in ("package", "definitions_state"):
            assert await connection.fetch(f"SELECT * FROM fhir.{table} WHERE tenant_id = 505") == []
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("UPDATE fhir.tenant SET profiles = 'off'")
    finally:
        await connection.close()


def test_the_trigger_knows_the_types_by_which_is_checked():
    sql = (Path(migrations.__file__).parent / "versions/0002_packages.sql").read_text()
    found = re.search(r"NEW\.type_id IN \(([\d, ]+)\)", sql)
    assert found is not None
    assert set(map(int, found[1].split(","))) == {type_numbers()[name] for name in CONSULTED_TYPES}
