"""Of several codes the rows of one are tried first: that they fill a page is not remembered."""

from __future__ import annotations

import pytest

from fhir_api.store.postgres.search import rarer
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import query, write
from tests.support.tenants import new_tenant


def observation(number: int, status: str) -> dict[str, object]:
    made = {"resourceType": "Observation", "id": f"o{number}", "status": status, "code": {"coding": [{"code": "a"}]}}
    return {**made, "effectiveDateTime": f"20{number:02}-01-01"}


async def test_older_matches_are_found_when_what_was_tried_before_no_longer_fills_the_page(
    stores: PostgresStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rarer, "TRIED", 4)
    tenant, asked = stores.for_tenant(new_tenant()), query("Observation?code=a&status=final&_count=2")
    await tenant.write([write(observation(number, "final")) for number in range(10, 14)])
    assert len((await tenant.search(asked)).matches) == 2
    newer = [observation(number, "amended") for number in range(20, 30)]
    newer += [observation(number, "final") | {"code": {"coding": [{"code": "b"}]}} for number in range(30, 40)]
    await tenant.write([write(each) for each in newer])
    found = [version.key.logical_id for version in (await tenant.search(asked)).matches]
    assert found == ["o13", "o12"]
