"""Spec: https://hl7.org/fhir/R4/http.html#create, #ccreate."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.support.bundles import FHIR, identified, patient
from tests.support.outcomes import issue_code

CRITERIA = {**FHIR, "if-none-exist": "identifier=http://x|1"}


async def test_create_ignores_the_id_and_the_version_of_the_client(client):
    body = patient(id="mine", meta={"versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"code": "t"}]})
    response = await client.post("/Patient", json=body, headers=FHIR)
    stored = response.json()
    assert response.status_code == 201
    assert stored["id"] != "mine"
    assert stored["meta"]["versionId"] == "1"
    assert not stored["meta"]["lastUpdated"].startswith("2001")
    assert stored["meta"]["tag"] == [{"code": "t"}]


@pytest.mark.parametrize("number", ["72.50", "1.0", "1E+2", "1e-7", "0.10", "-0.0", "12345678901234567890.5"])
async def test_create_keeps_the_digits_of_decimals(client, number):
    body = f'{{"resourceType":"Observation","status":"final","code":{{}},"valueQuantity":{{"value":{number}}}}}'
    response = await client.post("/Observation", content=body.replace("{}", '{"text":"x"}'), headers=FHIR)
    assert response.status_code == 201
    read = await client.get(f"/Observation/{response.json()['id']}")
    assert f'"value":{number}}}' in read.text


async def test_an_escaped_slash_is_a_slash(client):
    reference = r"http:\/\/127.0.0.1:8080\/fhir\/Organization\/1"
    escaped = f'{{"resourceType":"Patient","managingOrganization":{{"reference":"{reference}"}}}}'
    response = await client.post("/Patient", content=escaped, headers=FHIR)
    assert response.json()["managingOrganization"] == {"reference": "Organization/1"}


async def test_create_refuses_another_type_than_the_url_says(client):
    response = await client.post("/Observation", json=patient(), headers=FHIR)
    assert (response.status_code, issue_code(response)) == (400, "invalid")


async def test_conditional_create_gives_what_matches(client, store):
    there = await store("Patient", "a", identifier=[{"system": "http://x", "value": "1"}], gender="male")
    response = await client.post("/Patient", json=identified("1"), headers=CRITERIA)
    assert response.status_code == 200
    assert f"/{there}/_history/1" in response.headers["location"]
    assert response.json()["gender"] == "male"


async def test_conditional_create_refuses_several_matches(client, store):
    for logical_id in ("a", "b"):
        await store("Patient", logical_id, identifier=[{"system": "http://x", "value": "1"}])
    response = await client.post("/Patient", json=identified("1"), headers=CRITERIA)
    assert (response.status_code, issue_code(response)) == (412, "multiple-matches")


@pytest.mark.parametrize("criteria", ["nonsense=1", "identifier=", "_sort=name", "_count=1", "%"])
async def test_conditional_create_refuses_criteria_it_does_not_understand(client, criteria):
    response = await client.post("/Patient", json=patient(), headers={**FHIR, "if-none-exist": criteria})
    assert response.status_code == 400
    assert "entry" not in (await client.get("/Patient")).json()


async def test_what_was_deleted_does_not_match(client, store):
    await store("Patient", "a", identifier=[{"system": "http://x", "value": "1"}])
    await client.delete("/Patient/a")
    assert (await client.post("/Patient", json=identified("1"), headers=CRITERIA)).status_code == 201


async def test_one_of_32_concurrent_conditional_creates_wins(client):
    posts = (client.post("/Patient", json=identified("1"), headers=CRITERIA) for _ in range(32))
    responses = await asyncio.gather(*posts)
    assert Counter(response.status_code for response in responses) == {201: 1, 200: 31}
    assert len({response.headers["location"] for response in responses}) == 1
    assert (await client.get("/Patient?_total=accurate")).json()["total"] == 1


async def test_concurrent_conditional_creates_of_different_patients_all_happen(client):
    async def create(number):
        headers = {**FHIR, "if-none-exist": f"identifier=http://x|{number}"}
        return await client.post("/Patient", json=identified(str(number)), headers=headers)

    responses = await asyncio.gather(*map(create, range(12)))
    assert {response.status_code for response in responses} == {201}
