"""``$meta``, ``$meta-add``, ``$meta-delete``.

Spec: https://hl7.org/fhir/R4/resource-operation-meta.html
"""

from __future__ import annotations

import pytest

from tests.fhir_api.rest.conftest import JSON
from tests.support.bundles import entry, send, statuses, transact
from tests.support.outcomes import issue_code

RED = {"system": "http://x", "code": "red"}
BLUE = {"system": "http://x", "code": "blue"}
SECRET = {"system": "http://y", "code": "R"}
PROFILE = "http://example.org/StructureDefinition/p"


def parameters(**meta):
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def returned(response):
    assert response.status_code == 200, response.text
    (parameter,) = response.json()["parameter"]
    assert parameter["name"] == "return"
    return parameter["valueMeta"]


async def change(client, path, **meta):
    return await client.post(path, json=parameters(**meta), headers=JSON)


async def test_meta_of_a_resource(client, store):
    await store("Patient", "a", meta={"tag": [RED], "profile": [PROFILE]})
    meta = returned(await client.get("/Patient/a/$meta"))
    assert (meta["tag"], meta["profile"], meta["versionId"]) == ([RED], [PROFILE], "1")


async def test_meta_of_a_version(client, store):
    await store("Patient", "a", meta={"tag": [RED]})
    await store("Patient", "a", meta={"tag": [BLUE]})
    assert returned(await client.get("/Patient/a/_history/1/$meta"))["tag"] == [RED]
    assert returned(await client.post("/Patient/a/$meta"))["tag"] == [BLUE]


async def test_meta_of_what_is_not_there(client):
    response = await client.get("/Patient/a/$meta")
    assert (response.status_code, issue_code(response)) == (404, "not-found")


async def test_meta_of_a_type_is_what_is_in_use(client, store):
    await store("Patient", "a", meta={"tag": [RED], "security": [SECRET], "profile": [PROFILE]})
    await store("Patient", "b", meta={"tag": [RED, {"code": "bare"}]})
    await store("Practitioner", "c", meta={"tag": [BLUE]})
    await store("Patient", "d", meta={"tag": [BLUE], "profile": [f"{PROFILE}2"]})
    await client.delete("/Patient/d")
    meta = returned(await client.get("/Patient/$meta"))
    assert meta == {"tag": [{"code": "bare"}, RED], "security": [SECRET], "profile": [PROFILE]}


async def test_meta_of_the_server_is_what_is_in_use(client, store):
    await store("Patient", "a", meta={"tag": [RED], "profile": [PROFILE, f"{PROFILE}2"]})
    await store("Practitioner", "c", meta={"tag": [BLUE], "profile": [PROFILE]})
    assert returned(await client.get("/$meta")) == {"tag": [BLUE, RED], "profile": [PROFILE, f"{PROFILE}2"]}


async def test_meta_of_a_type_without_any(client):
    response = await client.get("/Patient/$meta")
    assert response.json() == {"resourceType": "Parameters"}


async def test_add_makes_a_version_with_all_that_was_there(client, store):
    await store("Observation", "a", status="final", code={"text": "x"}, valueQuantity={"value": 1.0})
    before = await client.put(
        "/Observation/a",
        content=b'{"resourceType":"Observation","id":"a","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":72.50},"meta":{"tag":[{"system":"http://x","code":"red","display":"Red"}]}}',
        headers=JSON,
    )
    meta = returned(await change(client, "/Observation/a/$meta-add", tag=[RED, BLUE], security=[SECRET]))
    assert meta["tag"] == [{**RED, "display": "Red"}, BLUE]
    assert (meta["security"], meta["versionId"]) == ([SECRET], str(int(before.json()["meta"]["versionId"]) + 1))
    assert b"72.50" in (await client.get("/Observation/a")).content
    assert (await client.get("/Observation?_tag=http://x|blue&_total=accurate")).json()["total"] == 1


async def test_adding_what_is_there_changes_nothing(client, store):
    await store("Patient", "a", meta={"tag": [RED], "profile": [PROFILE]})
    meta = returned(await change(client, "/Patient/a/$meta-add", tag=[{**RED, "display": "r"}], profile=[PROFILE]))
    assert (meta["versionId"], meta["tag"]) == ("1", [RED])


async def test_delete_leaves_the_rest(client, store):
    await store("Patient", "a", meta={"tag": [RED, BLUE], "profile": [PROFILE]}, birthDate="1990")
    meta = returned(await change(client, "/Patient/a/$meta-delete", tag=[RED], profile=[PROFILE, "http://other"]))
    assert (meta["tag"], meta.get("profile"), meta["versionId"]) == ([BLUE], None, "2")
    assert (await client.get("/Patient/a")).json()["birthDate"] == "1990"


async def test_deleting_what_is_not_there_changes_nothing(client, store):
    await store("Patient", "a")
    assert returned(await change(client, "/Patient/a/$meta-delete", tag=[RED]))["versionId"] == "1"


@pytest.mark.parametrize("operation", ["$meta-add", "$meta-delete"])
async def test_what_changes_content_is_no_get(client, store, operation):
    await store("Patient", "a")
    response = await client.get(f"/Patient/a/{operation}")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_the_meta_is_needed(client, store):
    await store("Patient", "a")
    response = await client.post("/Patient/a/$meta-add", json={"resourceType": "Parameters"}, headers=JSON)
    assert (response.status_code, issue_code(response)) == (400, "required")


async def test_in_bundles(client, store):
    await store("Patient", "a", meta={"tag": [RED]})
    answer = await send(
        client,
        "batch",
        entry("GET", "Patient/a/$meta"),
        entry("POST", "Patient/a/$meta-add", parameters(tag=[BLUE])),
        entry("GET", "Patient/a/$meta-add"),
    )
    assert statuses(answer) == ["200", "200", "405"]
    assert answer.json()["entry"][1]["resource"]["parameter"][0]["valueMeta"]["tag"] == [RED, BLUE]
    answered = await transact(client, entry("GET", "Patient/a/$meta"), entry("GET", "Patient/$meta"))
    assert [each["response"]["status"][:3] for each in answered] == ["200", "200"]


async def test_in_a_transaction_all_or_nothing(client, store):
    await store("Patient", "a", meta={"tag": [RED]})
    put = entry("PUT", "Patient/b", {"resourceType": "Patient", "id": "b"})
    add = entry("POST", "Patient/a/$meta-add", parameters(tag=[BLUE]))
    await transact(client, put, add)
    assert returned(await client.get("/Patient/a/$meta"))["tag"] == [RED, BLUE]
    other = entry("PUT", "Patient/c", {"resourceType": "Patient", "id": "c"})
    away = entry("POST", "Patient/a/$meta-delete", parameters(tag=[BLUE]))
    refused = await send(
        client, "transaction", other, away, entry("POST", "Patient/none/$meta-add", parameters(tag=[RED]))
    )
    assert refused.status_code == 404
    assert returned(await client.get("/Patient/a/$meta"))["tag"] == [RED, BLUE]
    assert (await client.get("/Patient/c")).status_code == 404
