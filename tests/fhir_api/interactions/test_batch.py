"""Spec: https://hl7.org/fhir/R4/http.html#transaction (batch)."""

from __future__ import annotations

import pytest

from tests.support.bundles import created, entry, identified, observation, patch_entry, patient, send, statuses


async def test_every_verb_and_every_failure_stands_alone(client, store):
    await store("Patient", "a", gender="male")
    await store("Patient", "b", identifier=[{"system": "http://x", "value": "1"}])
    await store("Patient", "gone")
    await client.delete("/Patient/gone")
    female = {"op": "replace", "path": "/gender", "value": "female"}
    expected = [
        (entry("POST", "Patient", patient()), "201"),
        (entry("POST", "Patient", patient(shoeSize=44)), "400"),
        (entry("POST", "Patient", identified("1"), ifNoneExist="identifier=http://x|1"), "200"),
        (entry("PUT", "Patient/c", patient(id="c")), "201"),
        (entry("PUT", "Patient/d", patient(id="e")), "400"),
        (entry("PUT", "Patient/f", patient(id="f"), ifMatch='W/"1"'), "412"),
        (entry("PUT", "Patient/g", patient(id="g"), ifNoneMatch="*"), "201"),
        (entry("PUT", "Patient/b", patient(id="b"), ifNoneMatch="*"), "412"),
        (entry("PUT", "Patient?identifier=http://x|2", identified("2")), "201"),
        (patch_entry("Patient/a", female), "200"),
        (patch_entry("Patient/never", female), "404"),
        (patch_entry("Patient/gone", female), "410"),
        (entry("DELETE", "Patient/never"), "204"),
        (entry("DELETE", "Patient?identifier=http://x|3"), "204"),
        (entry("GET", "Patient/b"), "200"),
        (entry("GET", "Patient/never"), "404"),
        (entry("GET", "Patient/gone"), "410"),
        (entry("GET", "Patient/b/_history/1"), "200"),
        (entry("GET", "Patient/b/_history"), "200"),
        (entry("GET", "Patient?nonsense=1"), "400"),
        (entry("GET", "Patient?identifier=http://x|1"), "200"),
        (entry("GET", "Patient/b", ifNoneMatch='W/"1"'), "304"),
        (entry("GET", "Patient/b", ifModifiedSince="2999-01-01T00:00:00Z"), "304"),
        (entry("GET", "Patient/b", ifModifiedSince="2001-01-01T00:00:00Z"), "200"),
        (entry("GET", "Patient/b", ifModifiedSince="yesterday"), "400"),
        (entry("PATCH", "Patient/b", {"resourceType": "Patient"}), "400"),
        (entry("BREW", "Patient/b"), "400"),
        (entry("POST", "Patient"), "400"),
        ({"resource": patient()}, "400"),
        (entry("GET", "http://elsewhere.example/fhir/Patient/b"), "400"),
        (entry("GET", "http://127.0.0.1:8080/fhir/Patient/b"), "200"),
    ]
    response = await send(client, "batch", *(sent for sent, _ in expected))
    assert response.json()["type"] == "batch-response"
    assert statuses(response) == [status for _, status in expected]


async def test_a_refused_entry_says_why_and_where(client):
    (answered,) = (await send(client, "batch", entry("POST", "Patient", patient(shoeSize=44)))).json()["entry"]
    issue = answered["response"]["outcome"]["issue"][0]
    assert (issue["severity"], issue["expression"]) == ("error", ["Patient.shoeSize"])


async def test_an_entry_that_is_no_request_says_where(client):
    (answered,) = (await send(client, "batch", {"resource": patient()})).json()["entry"]
    assert answered["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[0].request"]


async def test_head_shows_no_resource(client, store):
    await store("Patient", "a")
    (answered,) = (await send(client, "batch", entry("HEAD", "Patient/a"))).json()["entry"]
    assert answered["response"]["etag"] == 'W/"1"'
    assert "resource" not in answered


async def test_references_between_entries_of_a_batch_are_left_alone(client):
    patient_entry = entry("POST", "Patient", patient(), "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a")
    reference = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
    response = await send(client, "batch", patient_entry, entry("POST", "Observation", observation(reference)))
    stored = await client.get(f"/{created(response.json()['entry'][1])}")
    assert stored.json()["subject"]["reference"] == reference


@pytest.mark.parametrize(("prefer", "shown"), [("return=minimal", None), ("return=representation", "Patient")])
async def test_prefer_return(client, prefer, shown):
    response = await send(client, "batch", entry("POST", "Patient", patient()), prefer=prefer)
    assert response.json()["entry"][0].get("resource", {}).get("resourceType") == shown
