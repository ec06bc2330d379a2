"""A code and a value are looked for together where a composite has both, and found as they are apart."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_api.search.query import Total
from fhir_api.store.explaining import Explaining
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import query, write
from tests.support.tenants import new_tenant

VALUES: list[dict[str, Any]] = [
    {"valueQuantity": {"value": 70, "system": "http://unitsofmeasure.org", "code": "kg"}},
    {"valueQuantity": {"value": 7, "unit": "cups"}},
    {"valueCodeableConcept": {"coding": [{"system": "urn:s", "code": "yes"}, {"code": "ja"}]}},
    {"valueString": "yes"},
    {},
]
SAMPLED: dict[str, Any] = {"valueSampledData": {"origin": {"value": 60}, "period": 1, "dimensions": 1, "data": "1 2 9"}}

URLS = {
    "code=weight&value-quantity=gt60": {"weight 0"},
    "code=urn:c|weight&value-quantity=gt60||kg": {"weight 0"},
    "value-quantity=gt60000|http://unitsofmeasure.org|g&code=weight,height": {"weight 0", "height 0"},
    "code=weight&value-quantity=lt10": {"weight 1"},
    "code=weight&value-quantity=gt5,eb2&status=final": {"weight 0", "weight 1"},
    "code=weight&code=body&value-quantity=gt5": {"weight 0", "weight 1"},
    "code=weight&code=height&value-quantity=gt5": set(),
    "code=height&value-concept=yes": {"height 2"},
    "code=height&value-concept=urn:s|yes,ja": {"height 2"},
    "code=height&value-concept=|ja&value-quantity=gt0": set(),
    "code=weight,height,a,b,c&value-quantity=gt60": {"weight 0", "height 0"},
    "code:not=weight&value-quantity=gt60": {"height 0"},
    "subject=Patient/p&code=weight&value-quantity=gt60": {"weight 0"},
}


def observation(code: str, number: int, value: dict[str, Any]) -> dict[str, Any]:
    codings = [{"system": "urn:c", "code": code}, {"code": "body"}]
    return {
        "resourceType": "Observation", "id": f"{code}-{number}", "status": "final", "code": {"coding": codings},
        "subject": {"reference": "Patient/p"}, "effectiveDateTime": f"2024-01-{number + 1:02}", **value,
    }  # fmt: skip


@pytest.fixture
async def store(stores: PostgresStores) -> TenantStore:
    tenant = stores.for_tenant(new_tenant())
    trees = [observation(code, n, value) for code in ("weight", "height") for n, value in enumerate(VALUES)]
    await tenant.write([write(tree) for tree in trees])
    return tenant


async def found(store: TenantStore, url: str) -> set[str]:
    """Return what all pages have together; the total says the same."""
    wanted = replace(query(f"Observation?{url}"), count=1)
    keys: list[str] = []
    while True:
        page = await store.search(wanted)
        keys += [version.key.logical_id.replace("-", " ") for version in page.matches]
        if page.next_cursor is None:
            break
        wanted = replace(wanted, cursor=page.next_cursor)
    assert len(keys) == len(set(keys))
    total = await store.search(replace(wanted, cursor=None, count=0, total=Total.ACCURATE))
    assert total.total == len(keys)
    return set(keys)


async def tables(store: TenantStore, url: str) -> set[str]:
    assert isinstance(store, Explaining)
    statements = await store.explain(query(f"Observation?{url}"))
    return {use.table for statement in statements for use in statement.served if use.parameters}


@pytest.mark.parametrize("url", URLS)
async def test_what_is_looked_for_together_is_found(store: TenantStore, url: str) -> None:
    assert await found(store, url) == URLS[url]


async def test_a_composite_answers_for_both(store: TenantStore) -> None:
    assert await tables(store, "code=weight&value-quantity=gt60") >= {"composite"}
    assert "token" not in await tables(store, "code=weight&value-quantity=gt60")


async def test_a_patient_is_a_better_start(store: TenantStore) -> None:
    assert "composite" not in await tables(store, "subject=Patient/p&code=weight&value-quantity=gt60")


async def test_values_that_are_not_in_the_composite_are_found_too(store: TenantStore) -> None:
    await store.write([write(observation("weight", 5, SAMPLED))])
    assert await found(store, "code=weight&value-quantity=gt60") == {"weight 0", "weight 5"}
    assert "composite" not in await tables(store, "code=weight&value-quantity=gt60")


async def test_a_walk_goes_on_when_the_first_such_value_comes(store: TenantStore) -> None:
    wanted = replace(query("Observation?code=weight&value-quantity=gt5"), count=1)
    first = await store.search(wanted)
    await store.write([write(observation("weight", 5, SAMPLED))])
    second = await store.search(replace(wanted, cursor=first.next_cursor))
    assert [version.key.logical_id for page in (first, second) for version in page.matches] == ["weight-1", "weight-0"]
