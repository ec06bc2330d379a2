"""Includes of versioned references: https://hl7.org/fhir/R4/search.html#versions."""

from __future__ import annotations

import httpx

from tests.fhir_api.rest.conftest import JSON


async def test_the_version_that_a_reference_names_is_included(client: httpx.AsyncClient) -> None:
    for name in ("Former", "Newer"):
        patient = {"resourceType": "Patient", "id": "moved", "name": [{"family": name}]}
        assert (await client.put("/Patient/moved", json=patient, headers=JSON)).is_success
    for identifier, reference in {"then": "Patient/moved/_history/1", "now": "Patient/moved"}.items():
        observation = {
            "resourceType": "Observation",
            "id": identifier,
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": reference},
        }
        assert (await client.put(f"/Observation/{identifier}", json=observation, headers=JSON)).is_success
    assert await _family(client, "then") == "Former"
    assert await _family(client, "now") == "Newer"


async def _family(client: httpx.AsyncClient, identifier: str) -> str:
    found = (await client.get(f"/Observation?_id={identifier}&_include=Observation:subject")).json()
    (included,) = [entry["resource"] for entry in found["entry"] if entry["search"]["mode"] == "include"]
    family: str = included["name"][0]["family"]
    return family
