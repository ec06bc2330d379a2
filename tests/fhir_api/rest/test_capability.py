from __future__ import annotations

import pytest


@pytest.fixture
async def statement(client):
    return (await client.get("/metadata")).json()


async def test_it_says_what_it_is(statement):
    assert (statement["fhirVersion"], statement["kind"]) == ("4.0.1", "instance")
    assert statement["implementation"]["url"] == "http://127.0.0.1:8080/fhir"
    assert statement["patchFormat"] == [
        "application/json-patch+json",
        "application/xml-patch+xml",
        "application/fhir+json",
        "application/fhir+xml",
    ]


async def test_every_type_has_its_interactions_and_parameters(statement):
    resources = {each["type"]: each for each in statement["rest"][0]["resource"]}
    assert len(resources) == 148 or len(resources) == 146
    patient = resources["Patient"]
    assert {each["code"] for each in patient["interaction"]} >= {"read", "vread", "create", "update", "patch", "delete"}
    assert {
        "name": "birthdate",
        "definition": "http://hl7.org/fhir/SearchParameter/individual-birthdate",
        "type": "date",
    } in patient["searchParam"]
    assert "Observation:subject" in patient["searchRevInclude"]
    assert "Patient:general-practitioner" in patient["searchInclude"]


async def test_every_search_parameter_it_claims_is_taken(client, statement):
    values = {"date": "2020", "number": "1", "quantity": "1", "composite": "a$b"}
    for resource in statement["rest"][0]["resource"]:
        for parameter in resource["searchParam"]:
            if parameter["type"] in ("special", "composite"):
                continue
            value = values.get(parameter["type"], "x")
            response = await client.get(f"/{resource['type']}", params={parameter["name"]: value, "_count": "1"})
            assert response.status_code == 200, (resource["type"], parameter, response.text)


async def test_it_comes_in_xml(client):
    response = await client.get("/metadata", headers={"accept": "application/fhir+xml"})
    assert response.headers["content-type"] == "application/fhir+xml;charset=utf-8"
    assert b"<CapabilityStatement" in response.content[:200]


async def test_other_modes_are_refused(client):
    assert (await client.get("/metadata?mode=full")).status_code == 200
    assert (await client.get("/metadata?mode=terminology")).json()["resourceType"] == "CapabilityStatement"
    assert (await client.get("/metadata?mode=other")).status_code == 400


async def test_it_comes_in_parts(client):
    summary = (await client.get("/metadata?_summary=true")).json()
    assert summary["fhirVersion"] == "4.0.1"
    assert "rest" in summary
    assert set((await client.get("/metadata?_elements=software")).json()) >= {"software", "status", "kind"}


async def test_a_server_that_lets_everybody_in_says_so(statement):
    security = statement["rest"][0]["security"]
    assert "--open" in security["description"]
    assert "service" not in security
