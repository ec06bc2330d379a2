"""``$validate``.

Spec: https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from __future__ import annotations

import pytest

from tests.fhir_api.rest.conftest import JSON
from tests.support.bundles import entry, send
from tests.support.outcomes import issue_code, outcome

GOOD = {"resourceType": "Patient", "gender": "female"}
BAD = {"resourceType": "Patient", "gender": "f", "birthDate": "2020-02-30"}
VITALS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"


async def post(client, path, body, **headers):
    return await client.post(path, json=body, headers={**JSON, **headers})


def parameters(*given):
    """Return Parameters of (name, member, value)."""
    return {"resourceType": "Parameters", "parameter": [{"name": n, member: value} for n, member, value in given]}


def errors(response):
    assert response.status_code == 200, response.text
    return [each for each in outcome(response)["issue"] if each["severity"] in ("fatal", "error")]


def severities(response):
    assert response.status_code == 200, response.text
    return {each["severity"] for each in outcome(response)["issue"]}


async def test_what_is_sound_gives_information(client):
    narrative = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A patient</div>'}
    assert severities(await post(client, "/Patient/$validate", {**GOOD, "text": narrative})) == {"information"}


async def test_what_is_wrong_is_told_with_200(client):
    response = await post(client, "/Patient/$validate", BAD)
    assert {each["expression"][0] for each in errors(response)} == {"Patient.gender", "Patient.birthDate"}
    assert (await client.get("/Patient?_total=accurate")).json()["total"] == 0


async def test_the_resource_in_parameters(client):
    response = await post(client, "/Patient/$validate", parameters(("resource", "resource", BAD)))
    assert {each["expression"][0] for each in errors(response)} == {"Patient.gender", "Patient.birthDate"}


async def test_issues_have_line_and_column(client):
    body = b'{"resourceType": "Parameters", "parameter": [{"name": "resource",\n "resource":\n'
    body += b'{"resourceType": "Patient", "gender": "f"}}]}'
    (issue,) = errors(await client.post("/Patient/$validate", content=body, headers=JSON))
    assert [each["valueInteger"] for each in issue["extension"]] == [3, 39]


async def test_in_xml(client):
    body = b'<Patient xmlns="http://hl7.org/fhir"><gender value="f"/></Patient>'
    headers = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
    response = await client.post("/Patient/$validate", content=body, headers=headers)
    assert response.status_code == 200
    assert b"<OperationOutcome" in response.content
    assert b'<severity value="error"/>' in response.content


async def test_invariants_are_asked(client):
    body = {"resourceType": "Patient", "contact": [{"gender": "female"}]}
    response = await post(client, "/Patient/$validate", body)
    assert any("pat-1" in each["diagnostics"] for each in errors(response))


async def test_a_profile_that_is_asked_for(client):
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    assert not errors(await post(client, "/Observation/$validate", observation))
    found = errors(await post(client, f"/Observation/$validate?profile={VITALS}", observation))
    assert any("category" in "".join(each["expression"]) + each["diagnostics"] for each in found)
    told = [each["diagnostics"] for each in found]
    body = parameters(
        ("resource", "resource", observation), ("profile", "valueUri", VITALS), ("mode", "valueCode", "profile")
    )
    assert [each["diagnostics"] for each in errors(await post(client, "/Observation/$validate", body))] == told


async def test_a_profile_that_is_declared(client):
    observation = {
        "resourceType": "Observation", "meta": {"profile": [VITALS]}, "status": "final", "code": {"text": "x"},
    }  # fmt: skip
    assert errors(await post(client, "/Observation/$validate", observation))


async def test_a_profile_that_is_not_known_is_an_error(client):
    (issue,) = errors(await post(client, "/Patient/$validate?profile=http://nowhere/p", GOOD))
    assert issue["code"] == "not-found"


async def test_a_profile_of_another_type_is_an_error(client):
    (issue,) = errors(await post(client, f"/Patient/$validate?profile={VITALS}", GOOD))
    assert issue["code"] == "invalid"


async def test_a_profile_stored_here_counts(client, store):
    await store(
        "StructureDefinition",
        "p",
        url="http://example.org/StructureDefinition/named",
        name="Named",
        status="active",
        kind="resource",
        abstract=False,
        type="Patient",
        baseDefinition="http://hl7.org/fhir/StructureDefinition/Patient",
        derivation="constraint",
        differential={"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
    )
    path = "/Patient/$validate?profile=http://example.org/StructureDefinition/named"
    assert errors(await post(client, path, GOOD))
    assert not errors(await post(client, path, {**GOOD, "name": [{"family": "U"}]}))


async def test_another_type_than_the_url_says(client):
    (issue,) = errors(await post(client, "/Observation/$validate", GOOD))
    assert issue["code"] == "invalid"


async def test_create(client):
    assert not errors(await post(client, "/Patient/$validate?mode=create", GOOD))


async def test_update(client, store):
    await store("Patient", "a")
    path = "/Patient/a/$validate?mode=update"
    assert not errors(await post(client, path, {**GOOD, "id": "a"}))
    assert [each["expression"] for each in errors(await post(client, path, {**GOOD, "id": "b"}))] == [["Patient.id"]]
    assert [each["expression"] for each in errors(await post(client, path, GOOD))] == [["Patient.id"]]
    old = await post(client, path, {**GOOD, "id": "a", "meta": {"versionId": "7"}})
    assert "warning" in severities(old)
    assert any(each["code"] == "conflict" for each in outcome(old)["issue"])
    new = await post(client, "/Patient/new/$validate?mode=update", {**GOOD, "id": "new"})
    assert not errors(new)
    assert any("would create" in each["diagnostics"] for each in outcome(new)["issue"])


async def test_delete(client, store):
    await store("Patient", "a")
    for path in ("/Patient/a/$validate?mode=delete", "/Patient/none/$validate?mode=delete"):
        assert not errors(await client.post(path))
    assert (await client.get("/Patient/a")).status_code == 200


async def test_what_is_stored(client, store):
    await store("Patient", "a")
    assert not errors(await client.get("/Patient/a/$validate"))
    assert (await client.get("/Patient/none/$validate")).status_code == 404
    assert errors(await client.get("/Patient/a/$validate?profile=http://nowhere/p"))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/Patient/$validate?mode=delete", 400, "required"),
        ("/Patient/$validate?mode=update", 400, "required"),
        ("/Patient/$validate?mode=profile", 400, "required"),
        ("/Patient/$validate?mode=nonsense", 400, "value"),
        ("/Patient/$validate?nonsense=1", 400, "not-supported"),
        ("/$validate", 404, "not-supported"),
        ("/Patient/$validate", 200, None),
    ],
)
async def test_parameters_that_do_not_go_together(client, path, status, code):
    response = await post(client, path, GOOD)
    assert response.status_code == status
    assert code is None or issue_code(response) == code


async def test_without_a_resource(client):
    response = await client.post("/Patient/$validate")
    assert (response.status_code, issue_code(response)) == (400, "required")


async def test_what_is_no_json_is_refused(client):
    response = await client.post("/Patient/$validate", content=b"{", headers=JSON)
    assert response.status_code == 400


async def test_in_a_batch(client):
    answer = await send(
        client, "batch", entry("POST", "Patient/$validate", BAD), entry("POST", "Patient/$validate", GOOD)
    )
    first, second = answer.json()["entry"]
    assert first["response"]["status"][:3] == "200"
    assert first["response"]["outcome"]["issue"][0]["severity"] == "error"
    assert second["response"]["outcome"]["issue"][0]["severity"] != "error"
