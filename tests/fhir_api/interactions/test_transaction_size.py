"""Transactions are bounded by bytes, not by entries."""

from __future__ import annotations

import orjson
import pytest
from msgspec.structs import replace

from fhir_api.interactions.bundle import process_bundle
from fhir_api.interactions.context import Limits
from fhir_api.model.errors import ErrorKind, FhirError
from tests.support.bundles import FHIR, created, entry, identified, observation

ENTRIES = 10_000


async def test_ten_thousand_entries_in_one_transaction(client):
    entries = [entry("POST", "Patient", identified("1"), "urn:uuid:1")]
    entries += [
        entry("POST", "Observation", observation("urn:uuid:1", valueInteger=number)) for number in range(ENTRIES - 1)
    ]
    body = orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    response = await client.post("/", content=body, headers={**FHIR, "accept-encoding": "identity"})
    assert response.status_code == 200
    # streamed: nobody knew its length when it began
    assert "content-length" not in response.headers
    answered = response.json()["entry"]
    assert {each["response"]["status"] for each in answered} == {"201 Created"}
    last = (await client.get(f"/{created(answered[-1])}")).json()
    assert (last["valueInteger"], last["subject"]["reference"]) == (ENTRIES - 2, created(answered[0]))
    assert (await client.get("/Observation?_summary=count")).json()["total"] == ENTRIES - 1


async def test_a_bundle_over_the_limit_is_refused(context):
    limited = replace(context, limits=Limits(bundle_bytes=50))

    async def execute(_context, _entry):
        raise AssertionError

    with pytest.raises(FhirError) as refusal:
        await process_bundle(limited, b'{"resourceType":"Bundle","type":"transaction","entry":[]}', execute)
    assert refusal.value.kind is ErrorKind.TOO_LARGE
