"""What each interaction leaves on record."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest
from stanforis.audit.looking import Asked, look_up
from stanforis.audit.records import Record

from fhir_api.app import TENANT, Application

JSON = {"content-type": "application/fhir+json"}


async def on_record(app: Application) -> Sequence[Record]:
    """Return what is on record, the oldest first."""
    trail = app.trail_of(TENANT)
    await trail.trail.settled()
    page = await look_up(trail.trail.store, trail.tenant, Asked(), 1000)
    return [found.record for found in reversed(page.found)]


async def the_last(app: Application) -> Record:
    return (await on_record(app))[-1]


async def test_a_create_is_on_record_with_its_key_and_patient(app, client, store):
    await store("Patient", "1")
    posted = await client.post(
        "/Observation",
        json={
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/1"},
        },
        headers=JSON,
    )
    key = posted.headers["location"].removeprefix(str(client.base_url))
    created, observed = await on_record(app)
    assert (created.interaction, created.action, created.entities) == ("create", "C", ("Patient/1/_history/1",))
    assert (observed.action, observed.entities, observed.patients) == ("C", (key,), ("1",))
    assert (observed.method, observed.outcome, observed.network) == ("POST", "0", "loopback")


@pytest.mark.parametrize(
    ("method", "path", "interaction", "action"),
    [
        ("GET", "/Patient/1", "read", "R"),
        ("GET", "/Patient/1/_history/1", "vread", "R"),
        ("GET", "/Patient/1/_history", "history-instance", "R"),
        ("DELETE", "/Patient/1", "delete", "D"),
    ],
)
async def test_an_interaction_with_one_resource_names_it_and_its_patient(
    app, client, store, method, path, interaction, action
):
    await store("Patient", "1")
    response = await client.request(method, path, headers={"x-request-id": "my-request"})
    assert response.is_success
    record = await the_last(app)
    assert (record.interaction, record.action, record.patients) == (interaction, action, ("1",))
    assert record.touches("Patient/1")
    assert record.request == response.headers["x-request-id"]


async def test_a_write_is_one_record_and_not_a_read_as_well(app, client, store):
    await store("Patient", "1")
    patch = [{"op": "add", "path": "/active", "value": True}]
    await client.patch("/Patient/1", json=patch, headers={"content-type": "application/json-patch+json"})
    assert [record.action for record in await on_record(app)] == ["C", "U"]


async def test_a_search_names_what_was_found_and_no_value_it_was_found_by(app, client, store):
    await store("Patient", "1", name=[{"family": "Secret"}])
    await store("Patient", "2")
    await client.get("/Patient", params={"name": "Secret", "_sort": "birthdate"})
    record = await the_last(app)
    assert (record.interaction, record.action, record.patients) == ("search-type", "E", ("1",))
    assert (record.search, record.found) == ("Patient?_sort&name", ("Patient/1",))
    assert b"Secret" not in repr(record).encode()


async def test_what_a_search_includes_is_on_record(app, client, store):
    await store("Patient", "1")
    await store("Encounter", "1", status="planned", **{"class": {"code": "AMB"}}, subject={"reference": "Patient/1"})
    await client.get("/Encounter", params={"_include": "Encounter:patient"})
    record = await the_last(app)
    assert record.patients == ("1",)
    assert record.found == ("Encounter/1", "Patient/1")


@pytest.mark.parametrize(
    ("method", "path", "status", "outcome"),
    [
        ("GET", "/Patient/none", 404, "4"),
        ("GET", "/Patient?no-such-parameter=1", 400, "4"),
        ("GET", "/None/1", 404, "4"),
    ],
)
async def test_what_is_refused_is_on_record(app, client, method, path, status, outcome):
    await client.request(method, path)
    record = await the_last(app)
    assert (record.status, record.outcome) == (status, outcome)


async def test_a_refused_write_is_on_record_and_no_success_is(app, client, store):
    await store("Patient", "1")
    refused = await client.put(
        "/Patient/1", json={"resourceType": "Patient", "id": "1"}, headers={**JSON, "if-match": 'W/"7"'}
    )
    assert refused.status_code == httpx.codes.PRECONDITION_FAILED
    records = await on_record(app)
    assert [(record.action, record.status) for record in records] == [("C", 201), ("U", 412)]
    assert records[-1].entities == ("Patient/1",)


async def test_a_transaction_has_a_record_for_each_action(app, client, store):
    await store("Patient", "1")
    entries = [
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {"request": {"method": "DELETE", "url": "Patient/1"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert (await client.post("/", json=bundle, headers=JSON)).is_success
    _, *made = await on_record(app)
    written = {record.action: len(record.entities) for record in made if record.interaction != "transaction"}
    assert written == {"C": 2, "D": 1}


async def test_metadata_is_nobodys_record(app, client):
    await client.get("/metadata")
    assert not await on_record(app)
