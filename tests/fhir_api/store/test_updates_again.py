"""What is updated again: its former rows are remembered, and right whoever updated it meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.model.versions import Change
from fhir_api.store.postgres import writes
from fhir_api.store.postgres.store import PostgresStores
from fhir_api.store.postgres.writes import Indexing
from tests.support.databases import stores_on
from tests.support.stores import deletion, found, key_of, write
from tests.support.tenants import new_tenant


@pytest.fixture
async def others(migrated: ConnectionInfo) -> AsyncIterator[PostgresStores]:
    """The stores of another process."""
    opened = await stores_on(migrated, 1)
    yield opened
    await opened.close()


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills with the types of resources whose stored bodies are indexed again."""
    again: list[str] = []
    extract = Indexing.extract

    def noted(self: Indexing, resource_type: str, body: bytes) -> Any:
        again.append(resource_type)
        return extract(self, resource_type, body)

    monkeypatch.setattr(Indexing, "extract", noted)
    return again


def at(status: str) -> dict[str, Any]:
    return {"resourceType": "Encounter", "id": "e", "status": status, "class": {"code": "AMB"}}


async def found_by_status(stores: PostgresStores, tenant: int) -> set[str]:
    statuses = ("planned", "arrived", "in-progress", "finished")
    return {each for each in statuses if await found(stores.for_tenant(tenant), f"Encounter?status={each}")}


async def test_its_body_is_indexed_again_once(stores: PostgresStores, extracted: list[str]) -> None:
    tenant = new_tenant()
    for status in ("planned", "arrived", "in-progress", "finished"):
        await stores.for_tenant(tenant).write([write(at(status), Change.UPDATE)])
        assert await found_by_status(stores, tenant) == {status}
    assert extracted == ["Encounter"]


async def test_what_another_process_made_of_it_meanwhile_is_removed(
    stores: PostgresStores, others: PostgresStores
) -> None:
    tenant = new_tenant()
    for number, status in enumerate(("planned", "arrived", "in-progress", "arrived", "finished", "planned")):
        writer = stores if number % 3 else others
        await writer.for_tenant(tenant).write([write(at(status), Change.UPDATE)])
        assert await found_by_status(stores, tenant) == {status}


async def test_one_that_came_back_after_its_deletion_has_only_its_own_rows(stores: PostgresStores) -> None:
    tenant = new_tenant()
    store = stores.for_tenant(tenant)
    for status in ("planned", "arrived"):
        await store.write([write(at(status), Change.UPDATE)])
    await store.write([deletion("Encounter/e")])
    assert await found_by_status(stores, tenant) == set()
    await store.write([write(at("finished"), Change.UPDATE)])
    await store.write([write(at("planned"), Change.UPDATE)])
    assert await found_by_status(stores, tenant) == {"planned"}
    assert await store.current(key_of("Encounter/e")) is not None


async def test_one_with_many_rows_is_not_remembered(
    stores: PostgresStores, extracted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "_MOST_ROWS", 1)
    tenant = new_tenant()
    for status in ("planned", "arrived", "in-progress"):
        await stores.for_tenant(tenant).write([write(at(status), Change.UPDATE)])
    assert await found_by_status(stores, tenant) == {"in-progress"}
    assert extracted == ["Encounter"] * 2
