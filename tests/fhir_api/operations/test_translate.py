"""``ConceptMap/$translate``.

Spec: https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fhir_api.rest.conftest import JSON
from tests.support.outcomes import issue_code

V2 = "http://terminology.hl7.org/CodeSystem/v2-0001"
GENDERS = "http://hl7.org/fhir/administrative-gender"
OF_R4 = "http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v2"
A, B = "http://a.test/codes", "http://b.test/codes"
DEPENDS = {"property": "http://a.test/age", "value": "child"}
MAP: dict[str, Any] = {
    "resourceType": "ConceptMap",
    "id": "ab",
    "url": "http://maps.test/ab",
    "version": "2",
    "status": "active",
    "sourceUri": "http://a.test/set",
    "group": [
        {
            "source": A,
            "target": B,
            "element": [
                {"code": "1", "target": [{"code": "one", "display": "One", "equivalence": "equivalent"}]},
                {"code": "2", "target": [{"code": "few", "equivalence": "wider"}]},
                {"code": "3", "target": [{"equivalence": "unmatched"}]},
                {"code": "4", "target": [{"code": "four", "equivalence": "equal", "dependsOn": [DEPENDS]}]},
                {
                    "code": "5",
                    "target": [{"code": "five", "equivalence": "equal", "product": [{**DEPENDS, "system": B}]}],
                },
            ],
        }
    ],
}
MATCH = ("equivalent", B, "one")


@pytest.fixture
async def stored(client):
    async def put(tree):
        response = await client.put(f"/ConceptMap/{tree['id']}", json=tree, headers=JSON)
        assert response.status_code == 201, response.text

    await put(MAP)
    return put


def read(response):
    """Return the result, and equivalence, system and code of each match."""
    assert response.status_code == 200, response.text
    result, *others = response.json()["parameter"]
    matches = []
    for match in others:
        if match["name"] == "match":
            parts = {part["name"]: part for part in match["part"]}
            concept = parts.get("concept", {}).get("valueCoding", {})
            matches.append((parts["equivalence"]["valueCode"], concept.get("system"), concept.get("code")))
    return result["valueBoolean"], matches


async def translated(client, path="/ConceptMap/$translate", **parameters):
    return read(await client.get(path, params=parameters))


async def test_by_a_map_of_r4(client):
    response = await translated(client, url=OF_R4, system=GENDERS, code="male")
    assert response == (True, [("equal", V2, "M")])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1", (True, [MATCH])),
        ("2", (True, [("wider", B, "few")])),
        ("3", (False, [("unmatched", None, None)])),
        ("4", (False, [])),
        ("9", (False, [])),
    ],
)
async def test_what_the_map_says(client, stored, code, expected):
    assert await translated(client, url=MAP["url"], system=A, code=code) == expected
    assert await translated(client, "/ConceptMap/ab/$translate", system=A, code=code) == expected


async def test_without_a_map_those_of_the_system_are_asked(client, stored):
    assert await translated(client, system=A, code="1") == (True, [MATCH])
    assert await translated(client, system=A, code="1", targetsystem=B) == (True, [MATCH])
    assert await translated(client, system=A, code="1", source="http://a.test/set") == (True, [MATCH])
    for others in ({"system": B}, {"system": A, "targetsystem": A}, {"system": A, "source": "http://a.test/other"}):
        response = await client.get("/ConceptMap/$translate", params={"code": "1", **others})
        assert (response.status_code, issue_code(response)) == (422, "not-found")


@pytest.mark.parametrize(("code", "found"), [("one", ("equivalent", A, "1")), ("few", ("narrower", A, "2"))])
async def test_in_reverse(client, stored, code, found):
    assert await translated(client, url=MAP["url"], system=B, code=code, reverse="true") == (True, [found])
    assert await translated(client, system=B, code=code, reverse="true") == (True, [found])


async def test_codings_and_concepts(client, stored):
    coding = {"system": A, "code": "1"}
    for name, value in (("coding", coding), ("codeableConcept", {"coding": [{"system": A, "code": "9"}, coding]})):
        member = f"value{name[0].upper()}{name[1:]}"
        given = [{"name": "url", "valueUri": MAP["url"]}, {"name": name, member: value}]
        body = {"resourceType": "Parameters", "parameter": given}
        assert read(await client.post("/ConceptMap/$translate", json=body, headers=JSON)) == (True, [MATCH])


async def test_a_map_in_the_request(client):
    given = [
        {"name": "conceptMap", "resource": MAP},
        {"name": "coding", "valueCoding": {"system": A, "code": "1"}},
    ]
    body = {"resourceType": "Parameters", "parameter": given}
    assert read(await client.post("/ConceptMap/$translate", json=body, headers=JSON)) == (True, [MATCH])


@pytest.mark.parametrize(("value", "is_found"), [("child", True), ("adult", False)])
async def test_dependencies(client, stored, value, is_found):
    parts = [
        {"name": "element", "valueUri": DEPENDS["property"]},
        {"name": "concept", "valueCodeableConcept": {"coding": [{"code": value}]}},
    ]
    given = [
        {"name": "url", "valueUri": MAP["url"]},
        {"name": "coding", "valueCoding": {"system": A, "code": "4"}},
        {"name": "dependency", "part": parts},
    ]
    body = {"resourceType": "Parameters", "parameter": given}
    found = read(await client.post("/ConceptMap/$translate", json=body, headers=JSON))
    assert found == ((True, [("equal", B, "four")]) if is_found else (False, []))


async def test_products_and_the_source(client, stored):
    response = await client.get("/ConceptMap/$translate", params={"url": MAP["url"], "system": A, "code": "5"})
    parts = {part["name"]: part for part in response.json()["parameter"][1]["part"]}
    assert parts["source"]["valueUri"] == MAP["url"]
    assert parts["product"]["part"] == [
        {"name": "element", "valueUri": DEPENDS["property"]},
        {"name": "concept", "valueCoding": {"system": B, "code": "child"}},
    ]


@pytest.mark.parametrize(
    ("unmapped", "expected"),
    [
        ({"mode": "provided"}, (True, [("equal", B, "9")])),
        ({"mode": "fixed", "code": "other"}, (True, [("inexact", B, "other")])),
        ({"mode": "other-map", "url": "http://maps.test/other"}, (True, [("equal", B, "nine")])),
        ({"mode": "other-map", "url": "http://maps.test/none"}, (False, [])),
        ({"mode": "other-map", "url": MAP["url"]}, (False, [])),
    ],
)
async def test_codes_that_are_not_listed(client, stored, unmapped, expected):
    (group,) = MAP["group"]
    nine = {"code": "9", "target": [{"code": "nine", "equivalence": "equal"}]}
    other = {**MAP, "id": "other", "url": "http://maps.test/other", "group": [{**group, "element": [nine]}]}
    await stored(other)
    changed = {**MAP, "group": [{**group, "unmapped": unmapped}]}
    assert (await client.put("/ConceptMap/ab", json=changed, headers=JSON)).status_code == 200
    assert await translated(client, url=MAP["url"], system=A, code="9") == expected
    assert await translated(client, url=MAP["url"], system=A, code="3") == (False, [("unmatched", None, None)])


async def test_only_what_is_in_the_target(client):
    gender = {"url": OF_R4, "system": GENDERS, "code": "male"}
    inside, outside = (
        "http://terminology.hl7.org/ValueSet/v2-0001",
        "http://hl7.org/fhir/ValueSet/administrative-gender",
    )
    assert await translated(client, **gender, target=inside) == (True, [("equal", V2, "M")])
    assert await translated(client, **gender, target=outside) == (False, [])


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"url": "http://maps.test/none", "system": A, "code": "1"}, 422),
        ({"url": OF_R4, "code": "male"}, 400),
        ({"url": OF_R4, "system": A}, 400),
    ],
)
async def test_what_cannot_be_answered(client, parameters, status):
    response = await client.get("/ConceptMap/$translate", params=parameters)
    assert response.status_code == status, response.text
