"""References are followed, or resources tested one by one, as costs less; what is found is the same."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_api.model.keys import ResourceKey
from fhir_api.search.query import Total
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres.search import along, pointed_at
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import query, write
from tests.support.tenants import new_tenant

URLS = {
    "Observation?subject:Patient.family=uwase": {f"o{n}" for n in range(40)},
    "Observation?subject:Patient.gender=female&status=final": {f"o{n}" for n in range(0, 40, 2)},
    "Observation?subject:Patient.gender=female&code=c": {f"o{n}" for n in range(40) if n % 8 % 2 == 0},
    "Observation?encounter.subject:Patient.gender=female": {f"o{n}" for n in range(40) if n % 5 % 2 == 0},
    "Observation?encounter.subject:Patient.gender=female&status=final": {f"o{n}" for n in (0, 2, 4, 10, 12, 14)}
    | {f"o{n}" for n in (20, 22, 24, 30, 32, 34)},
    "Patient?_has:Observation:subject:status=final": {f"p{n}" for n in range(0, 8, 2)},
    "Patient?_has:Observation:subject:status=final&gender=female": {f"p{n}" for n in range(0, 8, 2)},
    "Patient?_has:Observation:subject:status=preliminary&family=uwase": {f"p{n}" for n in range(1, 8, 2)},
    "Patient?_has:Observation:subject:code=none": set(),
}

BOUNDS = {
    "as they are": {},
    "all are tested": {"MANY_TARGETS": 0, "MANY_BEGINNINGS": 0, "FEW_SOURCES": 0, "SOME_SOURCES": 0, "MANY_SOURCES": 0},
    "by target": {"FEW_TARGETS": 0, "FEW_SOURCES": 0, "SOME_SOURCES": 0},
    "few are tried": {"MANY_TARGETS": 2, "FEW_SOURCES": 0, "SOME_SOURCES": 0, "TRIED": 3},
    "all are met": {"FEW_SOURCES": 0},
    "few are met": {"FEW_SOURCES": 0, "TRIED": 3},
    "dates tell how many": {
        "FEW_SOURCES": 1,
        "SOME_SOURCES": 2,
        "COUNTED_SOURCES": 3,
        "MANY_SOURCES": 12,
        "MOST_REFERENCES": 1,
    },
    "more than the dates tell": {
        "FEW_SOURCES": 1,
        "SOME_SOURCES": 2,
        "MANY_SOURCES": 10,
        "MOST_REFERENCES": 1,
        "TRIED": 2,
    },
    "one is many": {"FEW_TARGETS": 1, "MANY_BEGINNINGS": 1, "FEW_SOURCES": 1, "SOME_SOURCES": 2, "MANY_SOURCES": 30},
}
"""Bounds that lead into each way."""


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
         "encounter": {"reference": f"Encounter/e{n % 5}"},
         "effectiveDateTime": f"2024-01-{n % 28 + 1:02}"}
        for n in range(40)
    ]  # fmt: skip
    encounters: list[dict[str, Any]] = [
        {"resourceType": "Encounter", "id": f"e{n}", "status": "finished", "class": {"code": "AMB"},
         "subject": {"reference": f"Patient/p{n}"}}
        for n in range(5)
    ]  # fmt: skip
    await tenant.write([write(tree) for tree in (*patients, *encounters, *observations)])
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


def set_bounds(monkeypatch: pytest.MonkeyPatch, bounds: dict[str, int]) -> None:
    for name, number in bounds.items():
        monkeypatch.setattr(along if hasattr(along, name) else pointed_at, name, number)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("bounds", BOUNDS)
async def test_every_page_of_any_way_together_is_the_whole(
    store: TenantStore, monkeypatch: pytest.MonkeyPatch, url: str, bounds: str
) -> None:
    set_bounds(monkeypatch, BOUNDS[bounds])
    found = await walked(store, url)
    assert len(found) == len(set(found))
    assert {key.logical_id for key in found} == URLS[url]
    total = await store.search(replace(query(url), count=0, total=Total.ACCURATE))
    assert total.total == len(found)


@pytest.mark.parametrize("url", [url for url in URLS if URLS[url]])
@pytest.mark.parametrize("before", BOUNDS)
@pytest.mark.parametrize("after", ["all are tested", "by target"])
async def test_what_becomes_frequent_between_two_pages_is_not_found_twice(
    store: TenantStore, monkeypatch: pytest.MonkeyPatch, url: str, before: str, after: str
) -> None:
    set_bounds(monkeypatch, BOUNDS[before])
    wanted = replace(query(url), count=3)
    first = await store.search(wanted)
    monkeypatch.undo()
    set_bounds(monkeypatch, BOUNDS[after])
    rest = await store.search(replace(wanted, count=100, cursor=first.next_cursor))
    keys = [version.key for version in (*first.matches, *rest.matches)]
    assert len(keys) == len(set(keys))
    assert {key.logical_id for key in keys} == URLS[url]
