"""Spec: https://hl7.org/fhir/R4/http.html#trules (conditional references)."""

from __future__ import annotations

import pytest

from tests.support.bundles import created, entry, identified, observation, patient, send, transact
from tests.support.outcomes import issue_code, outcome

REFERENCE = "Patient?identifier=http://x|1"


async def subject_of(client, answered):
    return (await client.get(f"/{created(answered)}")).json()["subject"]["reference"]


@pytest.mark.parametrize(
    "reference", [REFERENCE, "Patient?identifier=http%3A%2F%2Fx%7C1", "Patient?gender=male&identifier=http://x|1"]
)
async def test_one_match_takes_the_place_of_the_criteria(client, store, reference):
    there = await store("Patient", "a", gender="male", identifier=[{"system": "http://x", "value": "1"}])
    (answered,) = await transact(client, entry("POST", "Observation", observation(reference)))
    assert await subject_of(client, answered) == there
    assert len((await client.get(f"/Observation?subject={there}")).json()["entry"]) == 1


@pytest.mark.parametrize(
    ("there", "reference", "status", "code"),
    [
        ([], REFERENCE, 422, "not-found"),
        (["a", "b"], REFERENCE, 412, "multiple-matches"),
        (["a"], "Patient?nonsense=1", 400, "not-supported"),
        (["a"], "Patient?identifier=", 400, None),
        (["a"], "Nonsense?identifier=1", 400, "not-supported"),
        (["a"], "Group?identifier=1", 422, "not-found"),
    ],
)
async def test_a_reference_that_does_not_match_one_fails_the_transaction(client, store, there, reference, status, code):
    for logical_id in there:
        await store("Patient", logical_id, identifier=[{"system": "http://x", "value": "1"}])
    response = await send(
        client,
        "transaction",
        entry("PUT", "Patient/good", patient(id="good")),
        entry("POST", "Observation", observation(reference)),
    )
    assert response.status_code == status
    assert code is None or issue_code(response) == code
    assert outcome(response)["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert (await client.get("/Patient/good")).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_it_may_match_what_the_same_transaction_makes(client, method):
    made = entry("POST", "Patient", identified("1"))
    if method == "PUT":
        made = entry("PUT", "Patient/a", identified("1", id="a"))
    observed, patient_answer = await transact(client, entry("POST", "Observation", observation(REFERENCE)), made)
    assert await subject_of(client, observed) == created(patient_answer)


async def test_it_does_not_match_what_the_same_transaction_deletes(client, store):
    await store("Patient", "a", identifier=[{"system": "http://x", "value": "1"}])
    entries = (entry("POST", "Observation", observation(REFERENCE)), entry("DELETE", "Patient/a"))
    assert (await send(client, "transaction", *entries)).status_code == 422
    assert (await client.get("/Patient/a")).status_code == 200


async def test_chains_of_conditional_references(client, store):
    await store("Patient", "a", identifier=[{"system": "http://x", "value": "1"}])
    encounter = {
        "resourceType": "Encounter",
        "identifier": [{"system": "http://e", "value": "1"}],
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": REFERENCE},
    }
    about = observation(REFERENCE, encounter={"reference": "Encounter?identifier=http://e|1"})
    observed, met = await transact(client, entry("POST", "Observation", about), entry("POST", "Encounter", encounter))
    resource = (await client.get(f"/{created(observed)}")).json()
    assert resource["subject"]["reference"] == "Patient/a"
    assert resource["encounter"]["reference"] == created(met)


async def test_a_question_mark_elsewhere_is_no_criterion(client):
    about = observation("http://x/y?z=1", note=[{"text": '"reference":"Patient?name=x"'}])
    (answered,) = await transact(client, entry("POST", "Observation", about))
    assert await subject_of(client, answered) == "http://x/y?z=1"
