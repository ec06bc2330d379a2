"""``$expand``, ``$validate-code``, ``$lookup``, ``$subsumes``.

Spec: https://hl7.org/fhir/R4/terminology-service.html
"""

from __future__ import annotations

import pytest

from tests.fhir_api.rest.conftest import JSON
from tests.support.outcomes import issue_code

GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"
GENDERS = "http://hl7.org/fhir/administrative-gender"
COLOURS = {
    "resourceType": "CodeSystem",
    "id": "colours",
    "url": "http://example.org/colours",
    "name": "Colours",
    "status": "active",
    "content": "complete",
    "hierarchyMeaning": "is-a",
    "concept": [
        {"code": "warm", "display": "Warm", "concept": [{"code": "red", "display": "Red"}]},
        {"code": "blue", "display": "Blue"},
    ],
}
WARM = {
    "resourceType": "ValueSet",
    "id": "warm",
    "url": "http://example.org/warm",
    "status": "active",
    "compose": {
        "include": [
            {"system": COLOURS["url"], "filter": [{"property": "concept", "op": "is-a", "value": "warm"}]},
        ]
    },
}


async def answered(client, path, **parameters):
    """Return the parameters of the answer, by name."""
    response = await client.get(path, params=parameters)
    assert response.status_code == 200, response.text
    found = {}
    for each in response.json()["parameter"]:
        found[each["name"]] = next((value for key, value in each.items() if key.startswith("value")), each.get("part"))
    return found


@pytest.fixture
async def colours(store):
    await store("CodeSystem", "colours", **members(COLOURS))
    await store("ValueSet", "warm", **members(WARM))


def members(tree):
    return {name: value for name, value in tree.items() if name not in ("resourceType", "id")}


def codes(response):
    assert response.status_code == 200, response.text
    return [each["code"] for each in response.json()["expansion"].get("contains", [])]


async def test_expand(client):
    response = await client.get("/ValueSet/$expand", params={"url": GENDER})
    assert sorted(codes(response)) == ["female", "male", "other", "unknown"]
    value_set = response.json()
    assert (value_set["url"], value_set["expansion"]["total"], "compose" in value_set) == (GENDER, 4, False)
    assert value_set["expansion"]["contains"][0]["display"]


async def test_expand_in_parts(client):
    whole = codes(await client.get("/ValueSet/$expand", params={"url": GENDER}))
    part = await client.get("/ValueSet/$expand", params={"url": GENDER, "offset": 1, "count": 2})
    assert codes(part) == whole[1:3]
    assert part.json()["expansion"]["total"] == 4
    assert codes(await client.get("/ValueSet/$expand", params={"url": GENDER, "count": 0})) == []
    assert codes(await client.get("/ValueSet/$expand", params={"url": GENDER, "filter": "FEM"})) == ["female"]


async def test_expand_what_is_stored(client, colours):
    assert codes(await client.get("/ValueSet/warm/$expand")) == ["warm", "red"]
    assert codes(await client.get("/ValueSet/$expand?url=http://example.org/warm")) == ["warm", "red"]


async def test_expand_what_comes_along(client, colours):
    given = {**WARM, "url": "http://example.org/given"}
    assert codes(await client.post("/ValueSet/$expand", json=given, headers=JSON)) == ["warm", "red"]
    body = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": given}]}
    assert codes(await client.post("/ValueSet/$expand", json=body, headers=JSON)) == ["warm", "red"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "required"),
        ("?url=http://nowhere", 404, "not-found"),
        (f"?url={GENDER}&count=-1", 400, "value"),
        (f"?url={GENDER}&displayLanguage=fr", 400, "not-supported"),
        ("?url=http://hl7.org/fhir/ValueSet/mimetypes", 422, "not-found"),
    ],
)
async def test_what_cannot_be_expanded(client, query, status, code):
    response = await client.get(f"/ValueSet/$expand{query}")
    assert (response.status_code, issue_code(response)) == (status, code)


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"code": "female", "system": GENDERS}, True),
        ({"code": "female", "system": GENDERS, "display": "Female"}, True),
        ({"code": "female", "system": GENDERS, "display": "Male"}, False),
        ({"code": "f", "system": GENDERS}, False),
        ({"code": "female", "system": "http://other"}, False),
    ],
)
async def test_a_code_in_a_value_set(client, given, result):
    found = await answered(client, "/ValueSet/$validate-code", url=GENDER, **given)
    assert found["result"] is result
    assert result or found["message"]


async def test_codings_in_a_value_set(client):
    concept = {"coding": [{"system": "http://other", "code": "x"}, {"system": GENDERS, "code": "male"}]}
    parameters = [{"name": "url", "valueUri": GENDER}, {"name": "codeableConcept", "valueCodeableConcept": concept}]
    body = {"resourceType": "Parameters", "parameter": parameters}
    response = await client.post("/ValueSet/$validate-code", json=body, headers=JSON)
    assert {"name": "result", "valueBoolean": True} in response.json()["parameter"]


async def test_a_code_in_what_is_stored(client, colours):
    system = COLOURS["url"]
    assert (await answered(client, "/ValueSet/warm/$validate-code", code="red", system=system))["result"] is True
    assert (await answered(client, "/ValueSet/warm/$validate-code", code="blue", system=system))["result"] is False
    assert (await answered(client, "/CodeSystem/colours/$validate-code", code="blue"))["display"] == "Blue"
    assert (await answered(client, "/CodeSystem/$validate-code", url=system, code="green"))["result"] is False


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/ValueSet/$validate-code?url={GENDER}&code=male", 400, "required"),
        (f"/ValueSet/$validate-code?url={GENDER}", 400, "required"),
        (f"/ValueSet/$validate-code?code=male&system={GENDERS}", 400, "required"),
        (f"/ValueSet/$validate-code?url=http://nowhere&code=male&system={GENDERS}", 422, "not-found"),
        ("/CodeSystem/$validate-code?url=http://nowhere&code=x", 422, "not-found"),
        ("/CodeSystem/$lookup?code=x", 400, "required"),
        (f"/CodeSystem/$lookup?code=x&system={GENDERS}", 404, "not-found"),
        (f"/CodeSystem/$subsumes?codeA=male&system={GENDERS}", 400, "required"),
        (f"/CodeSystem/$subsumes?codeA=male&codeB=x&system={GENDERS}", 422, "not-found"),
    ],
)
async def test_what_cannot_be_told(client, path, status, code):
    response = await client.get(path)
    assert (response.status_code, issue_code(response)) == (status, code)


async def test_lookup(client, colours):
    found = await answered(client, "/CodeSystem/$lookup", system=COLOURS["url"], code="red")
    assert (found["name"], found["display"]) == ("Colours", "Red")
    response = await client.get(
        "/CodeSystem/$lookup", params={"system": COLOURS["url"], "code": "red", "property": "parent"}
    )
    properties = [each["part"] for each in response.json()["parameter"] if each["name"] == "property"]
    assert properties == [[{"name": "code", "valueCode": "parent"}, {"name": "value", "valueCode": "warm"}]]


@pytest.mark.parametrize(
    ("one", "other", "outcome"),
    [
        ("warm", "red", "subsumes"),
        ("red", "warm", "subsumed-by"),
        ("red", "red", "equivalent"),
        ("blue", "red", "not-subsumed"),
    ],
)
async def test_subsumes(client, colours, one, other, outcome):
    system = COLOURS["url"]
    found = await answered(client, "/CodeSystem/$subsumes", codeA=one, codeB=other, system=system)
    assert found["outcome"] == outcome
    assert (await answered(client, "/CodeSystem/colours/$subsumes", codeA=one, codeB=other))["outcome"] == outcome
