from __future__ import annotations

import pytest

from tests.support.applications import BASE
from tests.support.outcomes import issue_code

FHIR = {"content-type": "application/fhir+json"}
PATCH = {"content-type": "application/json-patch+json"}


def patient(**elements):
    return {"resourceType": "Patient", **elements}


async def test_create_gives_a_versioned_location(client):
    response = await client.post("/Patient", json=patient(id="mine", gender="male"), headers=FHIR)
    logical_id = response.json()["id"]
    assert response.status_code == 201
    assert logical_id != "mine"
    assert response.headers["location"] == f"http://127.0.0.1:8080/fhir/Patient/{logical_id}/_history/1"
    assert response.headers["etag"] == 'W/"1"'
    assert "last-modified" in response.headers


@pytest.mark.parametrize(
    ("prefer", "body"),
    [
        (None, "Patient"),
        ("return=representation", "Patient"),
        ("return=minimal", None),
        ("return=OperationOutcome", "OperationOutcome"),
        ("handling=strict, return=minimal", None),
        ('return="minimal"; x=y', None),
        ("unheard-of=1", "Patient"),
    ],
)
async def test_prefer_return(client, prefer, body):
    headers = FHIR if prefer is None else {**FHIR, "prefer": prefer}
    response = await client.post("/Patient", json=patient(), headers=headers)
    assert response.status_code == 201
    assert (response.json()["resourceType"] if response.content else None) == body


@pytest.mark.parametrize("prefer", ["respond-async", "return=everything", "handling=loose"])
async def test_prefer_that_is_not_understood_changes_nothing(client, prefer):
    response = await client.post("/Patient", json=patient(), headers={**FHIR, "prefer": prefer})
    assert response.status_code == 400
    assert "entry" not in (await client.get("/Patient")).json()


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"{", "application/fhir+json", 400, "structure"),
        (b"", "application/fhir+json", 400, "structure"),
        (b"[]", "application/fhir+json", 400, "structure"),
        (b'{"resourceType":"Patient","gender":"male","gender":"female"}', "application/fhir+json", 400, "structure"),
        (b'{"resourceType":"Observation"}', "application/fhir+json", 400, "invalid"),
        (b'{"resourceType":"Patient","shoeSize":44}', "application/fhir+json", 400, "structure"),
        (b"{}", "text/plain", 415, "not-supported"),
        (b"{}", "application/fhir+json; charset=latin-1", 415, "not-supported"),
        (b"{}", "application/fhir+json; fhirVersion=5.0", 415, "not-supported"),
        (b"<Patient", "application/fhir+xml", 400, "structure"),
        (b"\xff\xfe", "application/fhir+json", 400, "structure"),
    ],
)
async def test_create_refuses_bodies_it_cannot_take(client, content, content_type, status, code):
    response = await client.post("/Patient", content=content, headers={"content-type": content_type})
    assert (response.status_code, issue_code(response)) == (status, code)


async def test_update_creates_and_then_makes_versions(client):
    first = await client.put("/Patient/a", json=patient(id="a", gender="male"), headers=FHIR)
    second = await client.put("/Patient/a", json=patient(id="a", gender="female"), headers=FHIR)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["etag"] == 'W/"2"'


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-match": 'W/"1"'}, 200),
        ({"if-match": 'W/"2"'}, 412),
        ({"if-match": 'W/"x"'}, 412),
        ({"if-match": "1"}, 400),
        ({"if-match": 'W/"1", W/"2"'}, 400),
        ({"if-none-match": "*"}, 412),
        ({"if-none-match": 'W/"1"'}, 400),
    ],
)
async def test_update_preconditions(client, store, headers, status):
    await store("Patient", "a")
    response = await client.put("/Patient/a", json=patient(id="a", gender="male"), headers={**FHIR, **headers})
    assert response.status_code == status


@pytest.mark.parametrize("body", [patient(), patient(id="b"), {"resourceType": "Observation", "id": "a"}])
async def test_update_refuses_a_body_that_is_not_what_the_url_says(client, body):
    assert (await client.put("/Patient/a", json=body, headers=FHIR)).status_code == 400


async def test_delete_is_gone_and_can_come_back(client, store):
    await store("Patient", "a")
    assert (await client.delete("/Patient/a")).status_code == 204
    assert (await client.get("/Patient/a")).status_code == 410
    await store("Patient", "a", gender="male")
    assert (await client.get("/Patient/a")).headers["etag"] == 'W/"3"'


async def test_delete_answers_with_an_outcome_when_asked(client, store):
    await store("Patient", "a")
    response = await client.delete("/Patient/a", headers={"prefer": "return=OperationOutcome"})
    assert (response.status_code, response.json()["resourceType"]) == (200, "OperationOutcome")


async def test_patch_changes_a_part(client, store):
    await store("Patient", "a", gender="male")
    change = [{"op": "replace", "path": "/gender", "value": "female"}]
    response = await client.patch("/Patient/a", json=change, headers=PATCH)
    assert (response.status_code, response.json()["gender"]) == (200, "female")


@pytest.mark.parametrize("content_type", ["application/json", "text/xml", "text/plain", ""])
async def test_patch_takes_patches_only(client, store, content_type):
    await store("Patient", "a")
    response = await client.patch("/Patient/a", content=b"[]", headers={"content-type": content_type})
    assert response.status_code == 415


async def test_conditional_create_stores_once(client):
    headers = {**FHIR, "if-none-exist": "identifier=http://x|1"}
    body = patient(identifier=[{"system": "http://x", "value": "1"}])
    first = await client.post("/Patient", json=body, headers=headers)
    second = await client.post("/Patient", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["location"] == second.headers["location"]


@pytest.mark.parametrize("start", ["?", "Patient?", f"{BASE}/Patient?"])
async def test_criteria_may_name_their_type(client, start):
    headers = {**FHIR, "if-none-exist": f"{start}identifier=http://x|1"}
    body = patient(identifier=[{"system": "http://x", "value": "1"}])
    answers = [(await client.post("/Patient", json=body, headers=headers)).status_code for _ in range(2)]
    assert answers == [201, 200]


async def test_criteria_may_have_any_letters(client):
    headers = {**FHIR, "if-none-exist": "identifier=http://x|Müller".encode()}
    body = patient(identifier=[{"system": "http://x", "value": "Müller"}])
    assert (await client.post("/Patient", json=body, headers=headers)).status_code == 201
    assert (await client.post("/Patient", json=body, headers=headers)).status_code == 200


async def test_conditional_update_finds_creates_and_refuses(client, store):
    body = patient(identifier=[{"system": "http://x", "value": "1"}], gender="male")
    url = "/Patient?identifier=http://x|1"
    assert (await client.put(url, json=body, headers=FHIR)).status_code == 201
    assert (await client.put(url, json={**body, "gender": "female"}, headers=FHIR)).status_code == 200
    await store("Patient", "other", identifier=body["identifier"])
    assert (await client.put(url, json=body, headers=FHIR)).status_code == 412


async def test_conditional_delete_removes_every_match_and_nothing_without_criteria(client, store):
    for number in range(3):
        await store("Patient", f"p{number}", gender="male" if number else "female")
    assert (await client.delete("/Patient")).status_code == 400
    assert (await client.delete("/Patient?_pretty=true")).status_code == 400
    assert (await client.delete("/Patient?gender=male")).status_code == 204
    remaining = (await client.get("/Patient")).json()["entry"]
    assert [entry["resource"]["id"] for entry in remaining] == ["p0"]


async def test_criteria_with_reserved_characters_reach_the_search_unharmed(client, store):
    await store("Patient", "a", identifier=[{"system": "http://x?a=1&b=2", "value": "a+b %"}])
    url = "/Patient?identifier=http%3A%2F%2Fx%3Fa%3D1%26b%3D2%7Ca%2Bb%20%25"
    assert (await client.delete(url)).status_code == 204
    assert (await client.get("/Patient/a")).status_code == 410


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/metadata", "GET, HEAD"),
        ("POST", "/Patient/a", "GET, PUT, PATCH, DELETE, HEAD"),
        ("DELETE", "/Patient/a/_history", "GET, HEAD"),
        ("GET", "/Patient/_search", "POST"),
        ("PUT", "", "POST, GET, HEAD"),
        ("TRACE", "/Patient", "GET, POST, PUT, PATCH, DELETE, HEAD"),
    ],
)
async def test_a_method_that_is_not_there_is_answered_with_those_that_are(client, method, path, allow):
    response = await client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)
