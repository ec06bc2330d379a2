"""The trail as AuditEvents and Provenances."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import httpx
import pytest

from fhir_api.app import TENANT

JSON = {"content-type": "application/fhir+json"}


@pytest.fixture
async def accessed(app, client, store) -> httpx.AsyncClient:
    """A client after some accesses, all of which are on record."""
    await store("Patient", "1", name=[{"family": "One"}])
    await store("Patient", "2")
    await store("Observation", "a", status="final", code={"text": "x"}, subject={"reference": "Patient/1"})
    await client.get("/Patient/1")
    await client.get("/Observation", params={"code:text": "x"})
    await client.get("/Patient/none")
    await client.delete("/Patient/2")
    await app.trail_of(TENANT).trail.settled()
    speaking: httpx.AsyncClient = client
    return speaking


async def found(client: httpx.AsyncClient, path: str, **params: str) -> list[dict[str, Any]]:
    response = await client.get(path, params=params)
    assert response.status_code == 200, response.text
    return [entry["resource"] for entry in response.json().get("entry", [])]


@pytest.mark.parametrize(
    ("params", "actions"),
    [
        ({"patient": "Patient/1"}, ["E", "R", "C", "C"]),
        ({"patient": "2"}, ["D", "C"]),
        ({"patient": "Patient/1", "action": "R"}, ["R"]),
        ({"action": "D"}, ["D"]),
        ({"outcome": "4"}, ["R"]),
        ({"entity": "Observation/a"}, ["E", "C"]),
        ({"entity": "Patient/none"}, ["R"]),
        ({"date": "lt2020"}, []),
        ({"date": "gt2020", "patient": "2", "_sort": "-date"}, ["D", "C"]),
        ({"subtype": "search-type"}, ["E"]),
        ({"agent": "Practitioner/1"}, []),
    ],
)
async def test_the_trail_is_searched_as_audit_events_the_newest_first(accessed, params, actions):
    assert [event["action"] for event in await found(accessed, "/AuditEvent", **params)] == actions


async def test_an_audit_event_is_read_by_its_id(accessed):
    event = (await found(accessed, "/AuditEvent", patient="Patient/2"))[0]
    read = await accessed.get(f"/AuditEvent/{event['id']}")
    assert read.json() == event


async def test_audit_events_are_valid(accessed):
    for event in await found(accessed, "/AuditEvent"):
        outcome = (await accessed.post("/AuditEvent/$validate", json=event, headers=JSON)).json()
        assert not [issue for issue in outcome["issue"] if issue["severity"] in ("error", "fatal")], outcome


async def test_provenances_are_valid(accessed):
    (made,) = await found(accessed, "/Provenance", target="Observation/a")
    outcome = (await accessed.post("/Provenance/$validate", json=made, headers=JSON)).json()
    assert not [issue for issue in outcome["issue"] if issue["severity"] in ("error", "fatal")], outcome


async def test_pages_of_the_trail_go_on_where_the_last_one_ended(accessed):
    ids, url = [], "/AuditEvent?_count=2&date=gt2020"
    while url:
        bundle = (await accessed.get(url)).json()
        ids += [entry["resource"]["id"] for entry in bundle.get("entry", [])]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    # searching is itself on record, but behind where the pages began
    assert len(ids) == len(set(ids)) == 7


async def test_what_others_sent_is_found_behind_the_trail(app, client, store):
    await store(
        "AuditEvent",
        "sent",
        type={"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110112"},
        recorded="2020-01-01T00:00:00Z",
        agent=[{"requestor": True}],
        source={"observer": {"display": "elsewhere"}},
    )
    await app.trail_of(TENANT).trail.settled()
    events = await found(client, "/AuditEvent")
    assert [event["id"].startswith("trail-") for event in events] == [True, False]


async def test_a_write_has_a_provenance_of_each_version(app, accessed, store):
    await store("Observation", "a", status="amended", code={"text": "x"}, subject={"reference": "Patient/1"})
    await app.trail_of(TENANT).trail.settled()
    made = await found(accessed, "/Provenance", target="Observation/a")
    assert [each["target"][0]["reference"] for each in made] == ["Observation/a/_history/2", "Observation/a/_history/1"]
    assert [each["activity"]["coding"][0]["code"] for each in made] == ["UPDATE", "CREATE"]


async def test_provenances_are_included_with_their_targets(accessed):
    resources = await found(accessed, "/Observation", _revinclude="Provenance:target")
    assert [each["resourceType"] for each in resources] == ["Observation", "Provenance"]
    assert await found(accessed, "/Observation", _revinclude="Provenance:target:Observation") == resources


@pytest.mark.parametrize("include", ["Provenance:target:Patient", "Provenance:agent", "Provenance:patient"])
async def test_only_those_provenances_are_included_that_were_asked_for(accessed, include):
    resources = await found(accessed, "/Observation", _revinclude=include)
    assert [each["resourceType"] for each in resources] == ["Observation"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_the_trail_cannot_be_changed(accessed, method):
    event = (await found(accessed, "/AuditEvent", patient="Patient/2"))[0]
    body = event if method == "PUT" else None
    refused = await accessed.request(method, f"/AuditEvent/{event['id']}", json=body, headers=JSON)
    assert refused.status_code == 403


@pytest.mark.parametrize("params", [{"_sort": "action"}, {"_include": "AuditEvent:patient"}, {"patient.name": "One"}])
async def test_what_the_trail_cannot_do_is_refused(accessed, params):
    assert (await accessed.get("/AuditEvent", params=params)).status_code == 400


async def test_a_read_has_the_shape_of_balp(accessed):
    (read,) = await found(accessed, "/AuditEvent", patient="Patient/1", action="R")
    assert read["meta"]["profile"] == [
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
    ]
    assert [agent["type"]["coding"][0]["code"] for agent in read["agent"]] == ["110152", "110153"]
    roles = [entity["role"]["code"] for entity in read["entity"] if "role" in entity]
    assert sorted(roles) == ["1", "4"]
    assert [each["code"] for each in read["subtype"]] == ["read"]


async def test_a_search_has_the_shape_of_balp_and_tells_no_value(accessed):
    (search,) = await found(accessed, "/AuditEvent", patient="Patient/1", action="E")
    assert [each["code"] for each in search["subtype"]] == ["search-type"]
    (query,) = [entity["query"] for entity in search["entity"] if entity.get("role", {}).get("code") == "24"]
    assert b64decode(query) == b"Observation?code:text"
