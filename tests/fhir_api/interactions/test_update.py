"""Spec: https://hl7.org/fhir/R4/http.html#update, #cond-update, #concurrency."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.support.bundles import FHIR, identified, patient
from tests.support.outcomes import issue_code

URL = "/Patient?identifier=http://x|1"


async def put(client, url, body, **headers):
    return await client.put(
        url, json=body, headers={**FHIR, **{name.replace("_", "-"): headers[name] for name in headers}}
    )


async def test_the_same_content_again_is_no_creation_and_no_version(client):
    first = await put(client, "/Patient/a", patient(id="a", gender="male"))
    again = await put(client, "/Patient/a", patient(id="a", gender="male"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["etag"] == 'W/"1"'


async def test_what_the_server_adds_may_be_sent_back(client, store):
    await store("Patient", "a", gender="male", meta={"tag": [{"code": "t"}]})
    stored = (await client.get("/Patient/a")).json()
    again = await put(client, "/Patient/a", stored)
    assert again.headers["etag"] == 'W/"1"'
    changed = await put(client, "/Patient/a", {**stored, "gender": "female"})
    assert changed.json()["meta"] == {
        **stored["meta"],
        "versionId": "2",
        "lastUpdated": changed.json()["meta"]["lastUpdated"],
    }


async def test_if_none_match_any_creates_only_where_nothing_is(client):
    assert (await put(client, "/Patient/a", patient(id="a"), if_none_match="*")).status_code == 201
    refused = await put(client, "/Patient/a", patient(id="a", gender="male"), if_none_match="*")
    assert (refused.status_code, issue_code(refused)) == (412, "conflict")
    await client.delete("/Patient/a")
    revived = await put(client, "/Patient/a", patient(id="a"), if_none_match="*")
    assert (revived.status_code, revived.headers["etag"]) == (201, 'W/"3"')


async def test_if_match_of_what_was_never_there_fails(client):
    assert (await put(client, "/Patient/a", patient(id="a"), if_match='W/"1"')).status_code == 412
    assert (await client.get("/Patient/a")).status_code == 404


async def test_of_many_updates_of_one_version_one_wins(client, store):
    await store("Patient", "a")
    updates = (put(client, "/Patient/a", patient(id="a", birthDate=f"20{n}"), if_match='W/"1"') for n in range(10, 26))
    responses = await asyncio.gather(*updates)
    counted = Counter(response.status_code for response in responses)
    assert counted[200] == 1
    assert set(counted) <= {200, 409, 412}


@pytest.mark.parametrize("logical_id", ["a", None])
async def test_conditional_update_changes_the_one_match(client, store, logical_id):
    await store("Patient", "a", identifier=[{"system": "http://x", "value": "1"}])
    body = identified("1", gender="male") | ({"id": logical_id} if logical_id else {})
    response = await put(client, URL, body)
    assert (response.status_code, response.json()["id"], response.headers["etag"]) == (200, "a", 'W/"2"')


async def test_conditional_update_without_a_match_creates_under_an_id_of_the_server(client):
    response = await put(client, URL, identified("1"))
    assert response.status_code == 201
    assert (await put(client, URL, identified("1", gender="male"))).json()["id"] == response.json()["id"]


async def test_conditional_update_without_a_match_creates_under_the_id_given(client):
    response = await put(client, URL, identified("1", id="a"))
    assert (response.status_code, response.json()["id"]) == (201, "a")


async def test_conditional_update_revives_a_deleted_id(client, store):
    await store("Patient", "a")
    await client.delete("/Patient/a")
    response = await put(client, URL, identified("1", id="a"))
    assert (response.status_code, response.headers["etag"]) == (201, 'W/"3"')


@pytest.mark.parametrize(
    ("there", "sent", "headers", "status"),
    [
        (["a"], {"id": "b"}, {}, 400),
        (["a"], {"id": "b c"}, {}, 400),
        (["a"], {"id": 5}, {}, 400),
        (["a", "b"], {}, {}, 412),
        ([], {"id": "no id!"}, {}, 400),
        ([], {}, {"if_match": 'W/"1"'}, 412),
        (["a"], {}, {"if_match": 'W/"2"'}, 412),
        (["a"], {}, {"if_match": 'W/"1"'}, 200),
    ],
)
async def test_conditional_update_is_refused(client, store, there, sent, headers, status):
    for logical_id in there:
        await store("Patient", logical_id, identifier=[{"system": "http://x", "value": "1"}])
    response = await put(client, URL, identified("1", gender="male", **sent), **headers)
    assert response.status_code == status


async def test_conditional_update_refuses_an_id_that_another_resource_has(client, store):
    await store("Patient", "a", identifier=[{"system": "http://x", "value": "2"}])
    response = await put(client, URL, identified("1", id="a"))
    assert (response.status_code, issue_code(response)) == (409, "conflict")


async def test_concurrent_conditional_updates_make_one_resource(client):
    bodies = [identified("1", birthDate=f"20{number}") for number in range(10, 22)]
    responses = await asyncio.gather(*(put(client, URL, body) for body in bodies))
    assert Counter(response.status_code for response in responses) == {201: 1, 200: 11}
    assert (await client.get("/Patient?_total=accurate")).json()["total"] == 1
