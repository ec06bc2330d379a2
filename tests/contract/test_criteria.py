"""Several criteria looked up at once find what each finds alone."""

from __future__ import annotations

from typing import Any

from fhir_api.store.port import Criteria, TenantStore
from tests.support.stores import deletion, query, write


def patient(name: str, *identifiers: str, **more: Any) -> dict[str, Any]:
    parts = [each.partition("|") for each in identifiers]
    listed = [{"system": system, "value": value} for system, _, value in parts]
    return {"resourceType": "Patient", "id": name, "identifier": listed, **more}


def criteria(url: str) -> Criteria:
    asked = query(url)
    return Criteria(asked.resource_types[0], asked.clauses)


async def test_several_criteria_find_what_each_finds_alone(store: TenantStore) -> None:
    await store.write([write(patient("one", "urn:a|1", "urn:b|1", gender="female"))])
    await store.write([write(patient("two", "urn:a|1"))])
    await store.write([write(patient("gone", "urn:a|2"))])
    await store.write([write({**patient("one", "urn:a|1"), "resourceType": "Practitioner"})])
    await store.write([deletion("Patient/gone")])
    asked = [
        criteria(url)
        for url in (
            "Patient?identifier=urn:a|1",
            "Patient?identifier=urn:a|2",
            "Patient?gender=female",
            "Practitioner?identifier=urn:a|1",
            "Patient?identifier=1",
            "Patient?identifier=urn:a|1&gender=female",
            "Patient?identifier=urn:b|1,urn:a|1",
            "Patient?identifier:not=urn:b|1",
            "Patient?identifier=urn:b|1",
            "Patient?identifier=urn:b|",
            "Patient?identifier=urn:b|1",
        )
    ]
    alone = [await store.matching_keys(each.resource_type, each.clauses, 10) for each in asked]
    assert [sorted(each) for each in await store.matching_keys_of(asked, 10)] == [sorted(each) for each in alone]
    assert [len(each) for each in alone] == [2, 0, 1, 1, 2, 1, 2, 1, 1, 1, 1]
    assert [len(each) for each in await store.matching_keys_of(asked[:2], 1)] == [1, 0]
    assert await store.matching_keys_of([], 2) == []
