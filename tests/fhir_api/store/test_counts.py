"""What was counted is remembered for a while, and asked for once."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.store.postgres.search.counts import LASTING_SECONDS, Counts
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import query, write
from tests.support.tenants import new_tenant


def test_a_count_lasts_a_while_and_no_longer() -> None:
    now = 100.0
    counts = Counts(lambda: now)
    assert counts.get("a") is None
    assert counts.keep("a", 3, 4) == counts.get("a") == (3, 4)
    now += LASTING_SECONDS
    assert counts.get("a") == (3, 4)
    now += 1
    assert counts.get("a") is None


@pytest.mark.parametrize(
    "url", ["Patient?_has:Observation:subject:code=a", "Observation?subject:Patient.gender=female"]
)
async def test_what_is_counted_may_be_old_what_is_found_is_not(stores: PostgresStores, url: str) -> None:
    tenant = stores.for_tenant(new_tenant())

    def patient(number: int) -> list[dict[str, Any]]:
        return [
            {"resourceType": "Patient", "id": f"p{number}", "gender": "female"},
            {
                "resourceType": "Observation",
                "id": f"p{number}",
                "status": "final",
                "code": {"coding": [{"code": "a"}]},
                "subject": {"reference": f"Patient/p{number}"},
            },
        ]

    for number in range(3):
        found = {version.key.logical_id for version in (await tenant.search(query(url))).matches}
        assert found == {f"p{each}" for each in range(number)}
        await tenant.write([write(tree) for tree in patient(number)])
