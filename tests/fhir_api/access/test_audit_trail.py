"""Who is on record when tokens are shown, and who may read the trail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_api.app import TENANT

STAFF = {"subject_type": "practitioner", "fhir_user": "Practitioner/p"}


@pytest.fixture
async def read_by_a_clinician(app, speak, two_patients) -> None:
    """Both patients were read by a practitioner, and somebody without a token was refused."""
    clinician = speak("user/*.rs", roles=("clinician",), **STAFF)
    for name in "ab":
        assert (await clinician.get(f"/Patient/{name}")).status_code == 200
    assert (await speak().get("/Patient/a")).status_code == 401
    await app.trail_of(TENANT).trail.settled()


async def events(client, **params: str) -> list[dict[str, Any]]:
    response = await client.get("/AuditEvent", params=params)
    assert response.status_code == 200, response.text
    return [entry["resource"] for entry in response.json().get("entry", [])]


@pytest.mark.usefixtures("read_by_a_clinician")
async def test_an_auditor_sees_who_read_a_record(speak):
    auditor = speak("user/*.rs", roles=("auditor",), subject_type="practitioner")
    (read,) = await events(auditor, patient="Patient/a", action="R", outcome="0")
    who = read["agent"][0]
    assert who["who"]["reference"] == "Practitioner/p"
    assert who["role"][0]["coding"][0]["code"] == "clinician"
    assert read["agent"][1]["who"]["identifier"]["value"] == "app"


@pytest.mark.usefixtures("read_by_a_clinician")
async def test_who_was_refused_is_on_record(speak):
    auditor = speak("user/*.rs", roles=("auditor",), subject_type="practitioner")
    refused = await events(auditor, outcome="4")
    assert [event["outcomeDesc"] for event in refused] == ["HTTP 401"]


@pytest.mark.usefixtures("read_by_a_clinician")
@pytest.mark.parametrize("roles", [("clinician",), ("nurse",), ("administrator",)])
async def test_others_do_not_read_the_trail(speak, roles):
    other = speak("user/*.rs", roles=roles, **STAFF)
    assert (await other.get("/AuditEvent", params={"patient": "Patient/a"})).status_code == 403


@pytest.mark.usefixtures("read_by_a_clinician")
async def test_patients_see_who_read_their_own_record(speak):
    patient = speak("patient/*.rs", patient="a", roles=("patient",), subject_type="person")
    found = await events(patient)
    assert found
    for event in found:
        named = [entity.get("what", {}).get("reference") for entity in event["entity"]]
        assert "Patient/a" in named
    assert not await events(patient, patient="Patient/b")


@pytest.fixture
async def of_both(app, speak, two_patients) -> None:
    """One search found both patients and named one, one transaction changed both."""
    clinician = speak("user/*.cruds", roles=("clinician",), **STAFF)
    assert (await clinician.get("/Patient", params={"family": "Family-a,Family-b"})).json()["total"] == 2
    changed = [
        {"request": {"method": "PUT", "url": f"Patient/{name}"}, "resource": {"resourceType": "Patient", "id": name}}
        for name in "ab"
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": changed}
    assert (await clinician.post("/", json=bundle)).status_code == 200
    await app.trail_of(TENANT).trail.settled()


@pytest.mark.usefixtures("of_both")
@pytest.mark.parametrize("path", ["AuditEvent", "Provenance?target=Patient/a", "Patient/a?_revinclude=*"])
async def test_patients_are_told_of_nobody_else_whose_record_was_seen_with_theirs(speak, path):
    patient = speak("patient/*.rs", patient="a", roles=("patient",), subject_type="person")
    found = [
        entry["resource"]
        for entry in (await patient.get(f"/{path}")).json().get("entry", [])
        if entry["resource"]["resourceType"] in ("AuditEvent", "Provenance")
    ]
    assert found or path.startswith("Patient")
    singly = [(await patient.get(f"/{each['resourceType']}/{each['id']}")).json() for each in found]
    history = [(await patient.get(f"/{each['resourceType']}/{each['id']}/_history/1")).json() for each in found]
    for event in (*found, *singly, *history):
        text = json.dumps(event)
        assert "Patient/a" in text
        assert "Patient/b" not in text
        assert "query" not in text


@pytest.mark.usefixtures("of_both")
async def test_an_auditor_is_told_of_everybody(speak):
    auditor = speak("user/*.rs", roles=("auditor",), subject_type="practitioner")
    (search,) = await events(auditor, patient="Patient/a", action="E", subtype="search-type")
    named = {entity.get("what", {}).get("reference") for entity in search["entity"]}
    assert {"Patient/a", "Patient/b"} <= named
    assert any("query" in entity for entity in search["entity"])
