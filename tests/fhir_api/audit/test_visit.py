"""What a visit looks at, and how often."""

from __future__ import annotations

from collections import Counter
from typing import cast

import pytest
from stanforis.audit import TenantTrail

from fhir_api.access.caller import Caller
from fhir_api.audit.patients import patients_of
from fhir_api.audit.visit import Visit
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.rest.entrance import Head

JSON = {"content-type": "application/fhir+json"}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each resource was looked at for its patients."""
    counted: Counter[str] = Counter()

    def counting(version: StoredVersion) -> frozenset[str]:
        counted[str(version.key)] += 1
        return frozenset(patients_of(version))

    monkeypatch.setattr("fhir_api.audit.visit.patients_of", counting)
    return counted


async def test_a_long_batch_of_deletions_looks_at_each_resource_as_often_as_a_short_one(app, client, store, looks):
    for number in range(13):
        await store("Patient", f"p{number}")
    looks.clear()

    async def deleted(*numbers: int) -> None:
        entries = [{"request": {"method": "DELETE", "url": f"Patient/p{number}"}} for number in numbers]
        sent = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        answer = await client.post("/", json=sent, headers=JSON)
        assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["204"] * len(numbers)

    await deleted(12)
    await deleted(*range(12))
    assert len(looks) == 13
    assert {looks[f"Patient/p{number}"] for number in range(12)} == {looks["Patient/p12"]}


def test_a_visit_does_not_hold_the_bodies_of_all_that_was_given(looks):
    visit = Visit(cast("TenantTrail", None), Caller.unlimited(1), Head("GET", "", (), (), {}))
    for number in range(1000):
        key = ResourceKey("Patient", f"p{number}")
        visit.gave([StoredVersion(key, 1, 0, Change.CREATE, b'{"resourceType":"Patient"}')])
    assert 800 < len(looks) <= 1000
    assert set(looks.values()) == {1}
