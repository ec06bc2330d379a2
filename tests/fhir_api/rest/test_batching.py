from __future__ import annotations

from base64 import b64encode

import orjson
import pytest

from fhir_api.interactions.entries import EntryRequest
from fhir_api.model.errors import FhirError
from fhir_api.rest.batching import entry_request

FHIR = {"content-type": "application/fhir+json"}


def entry(method, url, resource=None, **request):
    made = {"request": {"method": method, "url": url, **request}}
    return made | ({"resource": resource} if resource is not None else {})


async def send(client, kind, *entries, **headers):
    bundle = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
    return await client.post("/", json=bundle, headers={**FHIR, **headers})


def statuses(response):
    return [each["response"]["status"][:3] for each in response.json()["entry"]]


async def test_every_entry_of_a_batch_has_its_own_outcome(client, store):
    await store("Patient", "a", gender="male")
    response = await send(
        client,
        "batch",
        entry("POST", "Patient", {"resourceType": "Patient"}),
        entry("GET", "Patient/a"),
        entry("GET", "Patient/never"),
        entry("GET", "Patient?gender=male"),
        entry("PUT", "Patient/a", {"resourceType": "Patient", "id": "b"}),
        entry("DELETE", "Patient/b"),
        entry("GET", "Patient/a", ifNoneMatch='W/"1"'),
        entry("GET", "Nonsense/1"),
        entry("HEAD", "metadata"),
    )
    assert response.status_code == 200
    found = statuses(response)
    assert found == ["201", "200", "404", "200", "400", "204", "304", "404", "200"]
    entries = response.json()["entry"]
    assert entries[0]["response"]["location"].startswith("Patient/")
    assert entries[2]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert entries[3]["resource"]["type"] == "searchset"


async def test_a_batch_shows_what_it_wrote_only_when_asked(client):
    post = entry("POST", "Patient", {"resourceType": "Patient"})
    silent = (await send(client, "batch", post)).json()["entry"][0]
    shown = (await send(client, "batch", post, prefer="return=representation")).json()["entry"][0]
    assert "resource" not in silent
    assert shown["resource"]["resourceType"] == "Patient"


async def test_a_patch_comes_in_a_binary(client, store):
    await store("Patient", "a", gender="male")
    change = orjson.dumps([{"op": "replace", "path": "/gender", "value": "female"}])
    data = b64encode(change).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    assert statuses(await send(client, "batch", entry("PATCH", "Patient/a", binary))) == ["200"]
    assert (await client.get("/Patient/a")).json()["gender"] == "female"
    wrong = {"resourceType": "Basic"}
    assert statuses(await send(client, "batch", entry("PATCH", "Patient/a", wrong))) == ["400"]


async def test_a_transaction_happens_or_does_not(client):
    good = entry("PUT", "Patient/a", {"resourceType": "Patient", "id": "a"})
    bad = entry("PUT", "Patient/b", {"resourceType": "Patient", "id": "b", "shoeSize": 44})
    assert (await send(client, "transaction", good, bad)).status_code == 400
    assert (await client.get("/Patient/a")).status_code == 404
    assert statuses(await send(client, "transaction", good)) == ["201"]


async def test_a_transaction_reads_what_it_wrote(client):
    response = await send(
        client,
        "transaction",
        entry("GET", "Patient/a"),
        entry("PUT", "Patient/a", {"resourceType": "Patient", "id": "a", "gender": "male"}),
    )
    assert response.json()["entry"][0]["resource"]["gender"] == "male"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"resourceType":"Patient"}', b'{"resourceType":"Bundle","type":"searchset"}', b'{"resourceType":'],
)
async def test_other_bodies_are_refused(client, body):
    assert (await client.post("/", content=body, headers=FHIR)).status_code == 400


async def test_a_bundle_inside_a_bundle_is_refused(client):
    inner = {"resourceType": "Bundle", "type": "batch", "entry": []}
    assert statuses(await send(client, "batch", entry("POST", "", inner))) == ["400"]


async def test_an_empty_batch(client):
    response = await send(client, "batch")
    assert (response.status_code, response.json()["type"]) == (200, "batch-response")


async def test_a_large_answer_comes_in_xml_and_compressed(client, store):
    await store("Patient", "a", name=[{"family": "F" * 1000}])
    reads = [entry("GET", "Patient/a")] * 600
    plain = await send(client, "batch", *reads)
    as_xml = await send(client, "batch", *reads, accept="application/fhir+xml")
    assert len(plain.json()["entry"]) == 600
    assert plain.headers["content-encoding"] == "gzip"
    assert "content-length" not in plain.headers
    assert as_xml.content.count(b"<Patient") == 600


def test_an_entry_becomes_a_request():
    entry = EntryRequest(
        "HEAD", "http://here/fhir/Patient?name=a%20b", if_match='W/"1"', if_modified_since="2026-01-01T00:00:00Z"
    )
    request = entry_request("http://here/fhir", entry, b"return=minimal")
    assert request.method == "GET"
    assert request.segments == ("Patient",)
    assert request.query == (("name", "a b"),)
    assert request.header(b"if-match") == 'W/"1"'
    assert request.header(b"if-modified-since") == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_an_entry_for_another_server_is_refused():
    with pytest.raises(FhirError):
        entry_request("http://here/fhir", EntryRequest("GET", "http://there/fhir/Patient/1"), b"")


def test_a_url_in_a_parameter_is_no_other_server():
    request = entry_request("http://h/fhir", EntryRequest("GET", "Patient?identifier=http://x|1"), b"")
    assert request.query == (("identifier", "http://x|1"),)
