"""References are followed, or resources tested one by one, as costs less; what is found is the same."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_api.model.keys import ResourceKey
from fhir_api.search.query import Total
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres.search import run
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import query, write
from tests.support.tenants import new_tenant

URLS = {
    "Observation?subject:Patient.family=uwase": {f"o{n}" for n in range(40)},
    "Observation?subject:Patient.gender=female&status=final": {f"o{n}" for n in range(0, 40, 2)},
    "Patient?_has:Observation:subject:status=final": {f"p{n}" for n in range(0, 8, 2)},
    "Patient?_has:Observation:subject:code=none": set(),
}


@pytest.fixture
async def store(stores: PostgresStores) -> TenantStore:
    tenant = stores.for_tenant(new_tenant())
    patients: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": f"p{n}", "name": [{"family": "Uwase"}],
         "gender": "male" if n % 2 else "female"}
        for n in range(8)
    ]  # fmt: skip
    observations: list[dict[str, Any]] = [
        {"resourceType": "Observation", "id": f"o{n}", "status": "preliminary" if n % 2 else "final",
         "code": {"coding": [{"code": "c"}]}, "subject": {"reference": f"Patient/p{n % 8}"},
         "effectiveDateTime": f"2024-01-{n % 28 + 1:02}"}
        for n in range(40)
    ]  # fmt: skip
    await tenant.write([write(tree) for tree in (*patients, *observations)])
    return tenant


async def walked(store: TenantStore, url: str) -> list[ResourceKey]:
    """Return the keys of all pages, in order."""
    wanted = replace(query(url), count=3)
    found: list[ResourceKey] = []
    while True:
        page = await store.search(wanted)
        found += [version.key for version in page.matches]
        if page.next_cursor is None:
            return found
        wanted = replace(wanted, cursor=page.next_cursor)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("frequent", [0, 1, 2000])
async def test_every_page_of_either_way_together_is_the_whole(
    store: TenantStore, monkeypatch: pytest.MonkeyPatch, url: str, frequent: int
) -> None:
    monkeypatch.setattr(run, "FREQUENT", frequent)
    found = await walked(store, url)
    assert len(found) == len(set(found))
    assert {key.logical_id for key in found} == URLS[url]
    total = await store.search(replace(query(url), count=0, total=Total.ACCURATE))
    assert total.total == len(found)


@pytest.mark.parametrize(
    "url", ["Observation?subject:Patient.family=uwase", "Patient?_has:Observation:subject:status=final"]
)
async def test_what_becomes_frequent_between_two_pages_is_not_found_twice(
    store: TenantStore, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    wanted = replace(query(url), count=3)
    first = await store.search(wanted)
    monkeypatch.setattr(run, "FREQUENT", 1)
    rest = await store.search(replace(wanted, count=100, cursor=first.next_cursor))
    keys = [version.key for version in (*first.matches, *rest.matches)]
    assert len(keys) == len(set(keys))
    assert {key.logical_id for key in keys} == URLS[url]
