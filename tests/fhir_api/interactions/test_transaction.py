"""Spec: https://hl7.org/fhir/R4/http.html#trules."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from tests.support.bundles import (
    created,
    entry,
    identified,
    observation,
    patch_entry,
    patient,
    send,
    statuses,
    transact,
)
from tests.support.outcomes import issue_code, outcome

URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
FEMALE = {"op": "replace", "path": "/gender", "value": "female"}


async def total(client):
    return (await client.get("/?_total=accurate&_type=Patient,Observation,Group")).json()["total"]


@pytest.mark.parametrize(
    ("bad", "status", "place"),
    [
        (entry("POST", "Patient", patient(shoeSize=44)), 400, "Bundle.entry[1].resource.shoeSize"),
        (entry("POST", "Patient", patient(name=[{"use": "x"}])), 400, "Bundle.entry[1].resource.name[0].use"),
        (entry("PUT", "Patient/b", patient(id="c")), 400, "Bundle.entry[1].resource.id"),
        (entry("PUT", "Patient/b", patient()), 400, "Bundle.entry[1].resource.id"),
        (entry("POST", "Observation", patient()), 400, "Bundle.entry[1].resource"),
        (entry("PUT", "Patient/there", patient(id="there"), ifMatch='W/"7"'), 412, "Bundle.entry[1]"),
        (entry("PUT", "Patient/never", patient(id="never"), ifMatch='W/"1"'), 412, "Bundle.entry[1]"),
        (entry("PUT", "Patient/there", patient(id="there"), ifNoneMatch="*"), 412, "Bundle.entry[1]"),
        (
            entry("PUT", "Patient/there", patient(id="there"), ifNoneMatch="x"),
            400,
            "Bundle.entry[1].request.ifNoneMatch",
        ),
        (entry("PUT", "Patient/there", patient(id="there"), ifMatch="x"), 400, "Bundle.entry[1].request.ifMatch"),
        (entry("PUT", "Patient/there", patient(id="there"), ifMatch='W/"9999999999"'), 412, "Bundle.entry[1]"),
        (entry("PUT", "Patient/there", patient(id="there"), ifMatch='W/"x"'), 412, "Bundle.entry[1]"),
        (entry("DELETE", "Patient/there", ifMatch='W/"7"'), 412, "Bundle.entry[1]"),
        (entry("DELETE", "Patient/never", ifMatch='W/"1"'), 412, "Bundle.entry[1]"),
        (patch_entry("Patient/there", FEMALE, ifMatch='W/"7"'), 412, "Bundle.entry[1]"),
        (patch_entry("Patient/never", FEMALE), 404, "Bundle.entry[1]"),
        (patch_entry("Patient/there", {"op": "test", "path": "/gender", "value": "x"}), 422, "Bundle.entry[1]"),
        (
            patch_entry("Patient/there", {"op": "add", "path": "/shoe", "value": 1}),
            400,
            "Bundle.entry[1].resource.shoe",
        ),
        (entry("PATCH", "Patient/there", patient()), 400, "Bundle.entry[1]"),
        (entry("PATCH", "Patient?gender=other", patient()), 404, "Bundle.entry[1]"),
        (entry("GET", "Patient/never"), 404, "Bundle.entry[1].request.url"),
        (entry("GET", "Patient/gone"), 410, "Bundle.entry[1].request.url"),
        (entry("GET", "Patient?nonsense=1"), 400, "Bundle.entry[1].request.url"),
        (entry("GET", "Nonsense/1"), 404, "Bundle.entry[1].request.url"),
        (entry("POST", "Nonsense", patient()), 400, "Bundle.entry[1].request.url"),
        (entry("POST", "Patient/there", patient()), 400, "Bundle.entry[1].request.url"),
        (entry("POST", "Patient/$merge", patient()), 404, "Bundle.entry[1].request.url"),
        (entry("PUT", "Patient", patient()), 400, "Bundle.entry[1].request.url"),
        (entry("PUT", "Patient/no id", patient()), 400, "Bundle.entry[1].request.url"),
        (entry("DELETE", "Patient"), 400, "Bundle.entry[1].request.url"),
        (entry("POST", "", {"resourceType": "Bundle", "type": "batch"}), 400, "Bundle.entry[1].request.url"),
        (entry("BREW", "Patient"), 400, "Bundle.entry[1].request.method"),
        (entry("PUT", "Patient/b"), 400, "Bundle.entry[1].resource"),
        ({"resource": patient()}, 400, "Bundle.entry[1].request"),
        (entry("POST", "Patient", patient(), ifNoneExist="nonsense=1"), 400, "Bundle.entry[1]"),
        (entry("PUT", "Patient?gender=male", identified("1")), 412, "Bundle.entry[1]"),
        (entry("POST", "Observation", observation(URN)), 422, "Bundle.entry[1].resource.subject.reference"),
    ],
)
async def test_one_bad_entry_undoes_all_and_is_named(client, store, bad, status, place):
    for logical_id in ("there", "more", "here", "gone"):
        await store("Patient", logical_id, gender="male")
    await client.delete("/Patient/gone")
    response = await send(
        client,
        "transaction",
        entry("PUT", "Patient/good", patient(id="good")),
        bad,
        entry("DELETE", "Patient/here"),
        entry("POST", "Patient", patient()),
    )
    assert response.status_code == status
    assert outcome(response)["issue"][0]["expression"][0] == place
    assert (await client.get("/Patient/good")).status_code == 404
    assert (await client.get("/Patient/here")).status_code == 200
    assert await total(client) == 3


async def test_the_outcome_does_not_depend_on_the_order(client, store):
    for number, order in enumerate(permutations(range(4))):
        await store("Patient", f"old{number}", identifier=[{"system": "http://x", "value": f"{number}"}])
        entries = [
            entry("DELETE", f"Patient/old{number}"),
            entry("POST", "Patient", identified(f"{number}"), ifNoneExist=f"identifier=http://x|{number}"),
            entry("PUT", f"Patient/new{number}", patient(id=f"new{number}")),
            entry("GET", f"Patient?identifier=http://x|{number}"),
        ]
        answered = await transact(client, *(entries[place] for place in order))
        deleted, posted, put, searched = (answered[order.index(place)] for place in range(4))
        assert [each["response"]["status"][:3] for each in (deleted, posted, put)] == ["204", "201", "201"]
        assert [each["resource"]["id"] for each in searched["resource"]["entry"]] == [created(posted)[8:]]


async def test_answers_come_in_the_order_sent(client, store):
    await store("Patient", "a")
    answered = await transact(
        client,
        entry("GET", "Patient/b"),
        entry("PUT", "Patient/b", patient(id="b")),
        entry("POST", "Observation", observation("Patient/b")),
        entry("DELETE", "Patient/a"),
    )
    found = [each["response"]["status"] for each in answered]
    assert found == ["200 OK", "201 Created", "201 Created", "204 No Content"]
    assert answered[0]["resource"]["id"] == "b"
    assert created(answered[1]) == "Patient/b"
    assert created(answered[2]).startswith("Observation/")
    assert answered[1]["response"]["etag"] == 'W/"1"'
    assert answered[1]["response"]["lastModified"].endswith("Z")
    assert "resource" not in answered[1]


async def test_an_empty_transaction_succeeds(client):
    assert await transact(client) == []


async def test_the_id_of_a_post_is_the_servers(client):
    (answered,) = await transact(client, entry("POST", "Patient", patient(id="mine")))
    assert created(answered) != "Patient/mine"


async def test_a_put_creates_updates_and_leaves_the_same_alone(client):
    put = entry("PUT", "Patient/a", patient(id="a", gender="male"))
    sent = [put, put, entry("PUT", "Patient/a", patient(id="a", gender="female"))]
    answered = [(await transact(client, each))[0]["response"] for each in sent]
    assert [(each["status"][:3], each["etag"]) for each in answered] == [
        ("201", 'W/"1"'),
        ("200", 'W/"1"'),
        ("200", 'W/"2"'),
    ]


async def test_delete_of_what_never_was_and_of_what_is_gone(client, store):
    await store("Patient", "gone")
    await client.delete("/Patient/gone")
    answered = await transact(client, entry("DELETE", "Patient/never"), entry("DELETE", "Patient/gone"))
    assert [each["response"]["status"][:3] for each in answered] == ["204", "204"]
    assert len((await client.get("/Patient/gone/_history")).json()["entry"]) == 2


async def test_patch(client, store):
    await store("Patient", "a", gender="male")
    answered = await transact(client, patch_entry("Patient/a", FEMALE, ifMatch='W/"1"'))
    assert answered[0]["response"]["status"] == "200 OK"
    assert (await client.get("/Patient/a")).json()["gender"] == "female"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (entry("PUT", "Patient/a", patient(id="a")), entry("PUT", "Patient/a", patient(id="a"))),
        (entry("PUT", "Patient/a", patient(id="a")), entry("DELETE", "Patient/a")),
        (entry("PUT", "Patient/a", patient(id="a")), patch_entry("Patient/a", FEMALE)),
        (entry("DELETE", "Patient/a"), entry("DELETE", "Patient/a")),
        (entry("PUT", "Patient/a", patient(id="a")), entry("PUT", "Patient?identifier=http://x|1", identified("1"))),
        (entry("PUT", "Patient/a", patient(id="a")), entry("DELETE", "Patient?identifier=http://x|1")),
        (patch_entry("Patient?identifier=http://x|1", FEMALE), patch_entry("Patient?gender=male", FEMALE)),
        (entry("PUT", "Patient?identifier=http://x|2", identified("2")),) * 2,
        (
            entry("POST", "Patient", identified("2"), ifNoneExist="identifier=http://x|2"),
            entry("PUT", "Patient?identifier=http://x|2", identified("2")),
        ),
    ],
)
async def test_two_entries_that_write_to_one_resource_are_refused(client, store, first, second):
    await store("Patient", "a", gender="male", identifier=[{"system": "http://x", "value": "1"}])
    for entries in ((first, second), (second, first)):
        response = await send(client, "transaction", *entries)
        assert (response.status_code, issue_code(response)) == (422, "duplicate")
    assert await total(client) == 1


@pytest.mark.parametrize(
    ("full_urls", "status", "code"),
    [((URN, URN), 422, "duplicate"), (("http://x/Patient/1/_history/2",), 400, "value")],
)
async def test_full_urls_have_to_be_unique_and_unversioned(client, full_urls, status, code):
    response = await send(client, "transaction", *(entry("POST", "Patient", patient(), each) for each in full_urls))
    assert (response.status_code, issue_code(response)) == (status, code)
    assert outcome(response)["issue"][0]["expression"] == [f"Bundle.entry[{len(full_urls) - 1}].fullUrl"]


async def test_conditional_create_finds_or_makes(client, store):
    await store("Patient", "a", identifier=[{"system": "http://x", "value": "1"}])
    found, made, again = await transact(
        client,
        entry("POST", "Patient", identified("1"), "urn:uuid:1", ifNoneExist="identifier=http://x|1"),
        entry("POST", "Patient", identified("2"), "urn:uuid:2", ifNoneExist="identifier=http://x|2"),
        entry("POST", "Patient", identified("2"), "urn:uuid:3", ifNoneExist="identifier=http://x|2"),
    )
    assert [each["response"]["status"][:3] for each in (found, made, again)] == ["200", "201", "200"]
    assert created(found) == "Patient/a"
    assert created(made) == created(again)
    assert await total(client) == 2


async def test_references_to_what_a_conditional_create_finds(client, store):
    await store("Patient", "a", identifier=[{"system": "http://x", "value": "1"}])
    _, answered = await transact(
        client,
        entry("POST", "Patient", identified("1"), URN, ifNoneExist="identifier=http://x|1"),
        entry("POST", "Observation", observation(URN)),
    )
    assert (await client.get(f"/{created(answered)}")).json()["subject"]["reference"] == "Patient/a"


async def test_conditional_update_and_patch(client, store):
    await store("Patient", "a", gender="male", identifier=[{"system": "http://x", "value": "1"}])
    await store("Patient", "b", gender="male", identifier=[{"system": "http://x", "value": "2"}])
    answered = await transact(
        client,
        entry("PUT", "Patient?identifier=http://x|1", identified("1", gender="other"), ifMatch='W/"1"'),
        patch_entry("Patient?identifier=http://x|2", FEMALE),
        entry("PUT", "Patient?identifier=http://x|3", identified("3")),
        entry("PUT", "Patient?identifier=http://x|4", identified("4", id="four")),
    )
    assert [each["response"]["status"][:3] for each in answered] == ["200", "200", "201", "201"]
    assert created(answered[3]) == "Patient/four"
    assert [(await client.get(f"/Patient/{each}")).json()["gender"] for each in "ab"] == ["other", "female"]


async def test_conditional_delete_removes_every_match(client, store):
    for number in range(3):
        await store("Patient", f"p{number}", gender="male" if number else "female")
    answered = await transact(client, entry("DELETE", "Patient?gender=male"), entry("DELETE", "Patient?gender=other"))
    assert [each["response"]["status"][:3] for each in answered] == ["204", "204"]
    assert await total(client) == 1


async def test_what_is_deleted_does_not_match_criteria(client, store):
    await store("Patient", "a", identifier=[{"system": "http://x", "value": "1"}])
    await store("Patient", "b", identifier=[{"system": "http://x", "value": "1"}])
    answered = await transact(
        client,
        entry("PUT", "Patient?identifier=http://x|1", identified("1", gender="male")),
        entry("DELETE", "Patient/a"),
    )
    assert created(answered[0]) == "Patient/b"


@pytest.mark.parametrize(
    ("prefer", "resource", "outcome_type"),
    [
        ("return=minimal", None, None),
        ("return=representation", "Patient", None),
        ("return=OperationOutcome", None, "OperationOutcome"),
    ],
)
async def test_prefer_return(client, prefer, resource, outcome_type):
    (answered,) = await transact(client, entry("POST", "Patient", patient(gender="male")), prefer=prefer)
    assert answered.get("resource", {}).get("resourceType") == resource
    assert answered["response"].get("outcome", {}).get("resourceType") == outcome_type
    if resource:
        assert answered["resource"]["meta"]["versionId"] == "1"


async def test_reads_see_what_was_written_and_head_shows_nothing(client, store):
    await store("Patient", "gone", gender="male")
    answered = await transact(
        client,
        entry("GET", "Patient?gender=male"),
        entry("HEAD", "Patient/a"),
        entry("GET", "Patient/a/_history/1"),
        entry("GET", "Patient/a", ifNoneMatch='W/"1"'),
        entry("DELETE", "Patient/gone"),
        entry("PUT", "Patient/a", patient(id="a", gender="male")),
    )
    assert [each["resource"]["id"] for each in answered[0]["resource"]["entry"]] == ["a"]
    assert "resource" not in answered[1]
    assert [each["response"]["status"][:3] for each in answered[1:4]] == ["200", "200", "304"]


async def test_transactions_that_meet_in_several_resources_all_happen(client, store):
    for logical_id in "abcdef":
        await store("Patient", logical_id)

    def entries(number):
        ids = "abcdef" if number % 2 else "fedcba"
        return [entry("PUT", f"Patient/{each}", patient(id=each, birthDate=f"20{number}")) for each in ids]

    responses = await asyncio.gather(*(send(client, "transaction", *entries(number)) for number in range(10, 22)))
    assert {response.status_code for response in responses} <= {200, 409}
    born = [(await client.get(f"/Patient/{each}")).json()["birthDate"] for each in "abcdef"]
    assert len(set(born)) == 1


async def test_conditional_transactions_that_meet_make_one_resource_each(client):
    def entries(number):
        values = "12345" if number % 2 else "54321"
        made = [
            entry("POST", "Patient", identified(value), ifNoneExist=f"identifier=http://x|{value}") for value in values
        ]
        return [*made, entry("PUT", "Patient/p", patient(id="p", birthDate=f"20{number}"))]

    responses = await asyncio.gather(*(send(client, "transaction", *entries(number)) for number in range(10, 20)))
    assert {response.status_code for response in responses} == {200}
    assert sum(statuses(response)[:5].count("201") for response in responses) == 5
    assert await total(client) == 6


async def test_concurrent_patches_in_transactions_all_count(client, store):
    await store("Patient", "a", name=[{"given": ["A"]}])
    changes = (patch_entry("Patient/a", {"op": "add", "path": "/name/0/given/-", "value": f"N{n}"}) for n in range(6))
    responses = await asyncio.gather(*(send(client, "transaction", change) for change in changes))
    assert {response.status_code for response in responses} == {200}
    assert len((await client.get("/Patient/a")).json()["name"][0]["given"]) == 7
