"""The interface for programs: what it shows, what it does, who may, and what goes on record."""

from __future__ import annotations

import re

import pytest

from adapters.hl7.operation.rights import Right, rights_of
from adapters.hl7.store.port import Settlement, State
from tests.support.hl7 import ADT

SECRET = "Uwase"
UNKNOWN_SEX = ADT.replace(b"|F|", b"|Q|")


async def dead(hospital, control_id: str = "M1") -> int:
    number: int = await hospital.receives(control_id)
    await hospital.store.settle([Settlement(number, State.DEAD, "the FHIR server answered 422")])
    return number


async def test_senders_and_how_they_stand(hospital):
    await hospital.receives()
    await dead(hospital, "M2")
    quiet, reg = (await hospital.api("administrator").get("/senders")).json()
    assert (quiet["name"], quiet["last_at"], quiet["is_silent"]) == ("north/QUIET", None, True)
    assert (reg["name"], reg["waiting"], reg["dead"], reg["is_silent"]) == ("north/REG", 1, 1, False)
    assert (reg["application"], reg["last_hour"]) == ("REG", 2)


async def test_a_list_of_messages_says_nothing_of_patients(hospital):
    for number in range(5):
        await hospital.receives(f"M{number}")
    http = hospital.api("administrator")
    first = (await http.get("/messages", params={"sender": "north/REG", "type": "ADT", "count": 3})).json()
    assert [each["control_id"] for each in first["messages"]] == ["M4", "M3", "M2"]
    rest = (await http.get("/messages", params={"before": first["before"], "count": 3})).json()
    assert ([each["control_id"] for each in rest["messages"]], rest["before"]) == (["M1", "M0"], None)
    assert SECRET not in str(first)
    none = await http.get("/messages", params={"since": "2100-01-01T00:00:00"})
    assert none.json() == {"messages": [], "before": None}


@pytest.mark.parametrize("query", ["state=lost", "count=0", "count=501", "since=yesterday", "patient=4711", "before=x"])
async def test_what_is_not_understood_is_refused_without_repeating_it(hospital, query):
    answer = await hospital.api("integrator").get(f"/messages?{query}")
    assert answer.status_code == 422
    assert query.partition("=")[2] not in answer.json()["detail"].partition(": ")[2]


async def test_a_message_with_all_that_became_of_it(hospital):
    number = await hospital.receives()
    await hospital.worker.drain()
    http = hospital.api("integrator")
    shown = (await http.get(f"/messages/{number}")).json()
    assert (shown["state"], shown["structure"]) == ("mapped", "ADT_A01")
    assert shown["mapped"] > 10
    assert SECRET not in str(shown)
    said = (await http.get(f"/messages/{number}/content")).json()
    assert said["text"].startswith("MSH|")
    assert "\nPID|" in said["text"]
    assert "MSA|AA|M1" in said["answer"]
    names = {value["place"]: value["value"] for part in said["segments"] for value in part["values"]}
    assert SECRET in names.values()
    assert {place for place, value in names.items() if value == "4711"} == {"PID-3.1.1"}
    assert any(each.startswith("Patient/") for each in said["locations"])
    assert said["bundle"]["type"] == "transaction"


async def test_there_is_no_such_message(hospital):
    http = hospital.api("integrator")
    for path in ("/messages/9", "/messages/9/content", "/questions/none"):
        assert (await http.get(path)).status_code == 404
    assert (await http.post("/messages/9/close", json={"reason": "none"})).status_code == 404


async def test_a_dead_letter_is_corrected_and_applied(hospital):
    number = await dead(hospital)
    http = hospital.api("integrator")
    text = (await http.get(f"/messages/{number}/content")).json()["text"]
    made = await http.post(f"/messages/{number}/correct", json={"text": text.replace("Diane", "Diana")})
    new = made.json()["number"]
    await hospital.worker.drain()
    shown, first = [(await http.get(f"/messages/{each}")).json() for each in (new, number)]
    assert (shown["state"], shown["corrects"]) == ("mapped", number)
    assert (first["state"], first["corrections"], first["reason"]) == ("closed", [new], f"corrected by message {new}")
    found = (await hospital.server.send("GET", "Patient?given=Diana")).resource
    assert found["total"] == 1


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        (("MSH|", "MSX|"), 422, "MSH"),
        (("|M1|", "||"), 422, "MSH-10"),
        (("Diane", "Diane"), 409, "came before"),
    ],
)
async def test_what_cannot_be_a_correction(hospital, change, status, told):
    number = await dead(hospital)
    text = (await hospital.store.read(number)).raw.decode().replace("\r", "\n").replace(*change)
    answer = await hospital.api("integrator").post(f"/messages/{number}/correct", json={"text": text})
    assert (answer.status_code, told in answer.json()["detail"]) == (status, True)
    assert (await hospital.store.read(number)).state is State.DEAD


async def test_a_dead_letter_is_closed_with_a_reason(hospital):
    number = await dead(hospital)
    http = hospital.api("administrator")
    assert (await http.post(f"/messages/{number}/close", json={"reason": "  "})).status_code == 422
    closed = await http.post(f"/messages/{number}/close", json={"reason": "sent by mistake"})
    assert (closed.json()["state"], closed.json()["reason"]) == ("closed", "sent by mistake")
    assert (await http.post(f"/messages/{number}/close", json={"reason": "again"})).status_code == 409


async def test_messages_are_replayed_after_they_were_counted(hospital):
    for number in range(3):
        await dead(hospital, f"M{number}")
    http = hospital.api("administrator")
    asked = {"state": "dead", "rate": 10}
    counted = await http.post("/replays", json={**asked, "dry_run": True})
    assert (counted.status_code, counted.json()) == (202, {"count": 3, "dry_run": True})
    assert (await hospital.store.counts())[State.DEAD] == 3
    assert (await http.post("/replays", json=asked)).json()["count"] == 3
    assert (await hospital.store.counts())[State.RECEIVED] == 3
    assert (await http.post("/replays", json={})).status_code == 422


async def test_a_replayed_day_changes_no_resource(hospital):
    await hospital.receives("M1")
    await hospital.receives("M2", ADT.replace(b"||4711^", b"||4712^"))
    await hospital.worker.drain()
    before = (await hospital.server.send("GET", "Patient?_sort=_id")).resource["entry"]
    day = {"sender": "north/REG", "since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    assert (await hospital.api("integrator").post("/replays", json=day)).json()["count"] == 2
    assert await hospital.worker.drain() == 2
    after = (await hospital.server.send("GET", "Patient?_sort=_id")).resource["entry"]
    assert [each["resource"]["meta"] for each in after] == [each["resource"]["meta"] for each in before]


async def test_coverage_tells_what_is_not_mapped(hospital):
    await hospital.receives("M1", ADT + b"ZIN|1|own\r")
    await hospital.worker.drain()
    covered = (await hospital.api("administrator").get("/coverage", params={"sender": "north/REG"})).json()
    assert (covered["messages"], covered["sender"]) == (1, "north/REG")
    assert covered["mapped"] > 10
    assert 0 < covered["percent"] <= 100
    assert sum(count for _, count in covered["places"]) == covered["unmapped"]


async def test_a_question_is_answered_once_and_the_message_goes_on(hospital):
    number = await hospital.receives("M1", UNKNOWN_SEX)
    await hospital.worker.drain()
    assert (await hospital.store.read(number)).state is State.PARKED
    http = hospital.api("integrator")
    questions = [each for each in (await http.get("/questions")).json() if each["code"] == "Q"]
    assert [each["sender"] for each in questions] == ["north/REG"]
    task = questions[0]["id"]
    choices = (await http.get(f"/questions/{task}")).json()["choices"]
    assert "female" in {each["code"] for each in choices}
    refused = await http.post(f"/questions/{task}/answer", json={"code": "nonsense"})
    assert refused.status_code == 422
    said = await http.post(f"/questions/{task}/answer", json={"code": "female"})
    assert said.json()["answer"]["system"] == "http://hl7.org/fhir/administrative-gender"
    assert (await http.post(f"/questions/{task}/answer", json={"code": "male"})).status_code == 409
    from adapters.hl7.applying.answering import Answering  # noqa: PLC0415 - only here

    await Answering(hospital.server, hospital.plans, hospital.store, hospital.worker).look()
    await hospital.worker.drain()
    assert (await hospital.store.read(number)).state is State.MAPPED
    assert task not in {each["id"] for each in (await http.get("/questions")).json()}
    assert task in {each["id"] for each in (await http.get("/questions?answered=true")).json()}


ROUTES = [
    ("GET", "/senders", None),
    ("GET", "/messages", None),
    ("POST", "/messages/search", {"patient": "4711"}),
    ("GET", "/messages/1", None),
    ("GET", "/messages/1/content", None),
    ("POST", "/messages/1/close", {"reason": "because"}),
    ("POST", "/messages/1/correct", {"text": "MSH|"}),
    ("POST", "/replays", {"numbers": [1]}),
    ("GET", "/coverage", None),
    ("GET", "/questions", None),
    ("GET", "/questions/1", None),
    ("POST", "/questions/1/answer", {"code": "a"}),
    ("GET", "/destinations", None),
    ("PUT", "/destinations/1/1/mode", {"mode": "paused"}),
    ("GET", "/sent", None),
    ("POST", "/sent/search", {"patient": "p1"}),
    ("POST", "/sent/revivals", {"destination": "north/RIS"}),
    ("GET", "/sent/1", None),
    ("GET", "/sent/1/content", None),
    ("POST", "/sent/1/revive", None),
    ("POST", "/sent/1/close", {"reason": "because"}),
]
ASKING = {"/messages/search", "/sent/search"}
"""What is asked in a body, so that it stands in no URL."""


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_nobody_comes_in_without_token_role_scope_and_tenant(hospital, method, path, body):
    await dead(hospital)
    for headers, status in [
        ({}, 401),
        ({"authorization": "Bearer nonsense"}, 401),
        (hospital.token("clinician"), 403),
        (hospital.token("patient"), 403),
        (hospital.token(), 403),
        (hospital.token("integrator", scope="system/*.cruds access.write"), 403),
        (hospital.token("integrator", tenant=2), 403),
    ]:
        answer = await hospital.http(headers).request(method, f"/hl7/api{path}", json=body)
        assert answer.status_code == status, (path, status)
        assert SECRET not in answer.text
    reading = await hospital.api("integrator", scope="hl7.read").request(method, path, json=body)
    assert (reading.status_code == 403) == (method != "GET" and path not in ASKING)
    assert (await hospital.store.counts())[State.DEAD] == 1


async def test_an_administrator_sees_no_patients(hospital):
    number = await dead(hospital)
    http = hospital.api("administrator")
    assert (await http.get(f"/messages/{number}/content")).status_code == 403
    assert (await http.post(f"/messages/{number}/correct", json={"text": "MSH|"})).status_code == 403
    assert rights_of(["administrator"]) == {Right.LOOK, Right.WORK}


async def test_every_route_is_tried_above(hospital):
    paths = (await hospital.http().get("/hl7/api/openapi.json")).json()["paths"]
    known = {(method.upper(), re.sub(r"{\w+}", "1", path)) for path, methods in paths.items() for method in methods}
    assert known == {(method, f"/api{path}") for method, path, _ in ROUTES}


async def test_every_access_is_on_record_with_the_patient(hospital):
    number = await hospital.receives()
    await hospital.worker.drain()
    http = hospital.api("integrator")
    said = (await http.get(f"/messages/{number}/content")).json()
    await hospital.api("clinician").get("/senders")
    trail = hospital.app.trail_of(1).trail
    await trail.settled()
    found = (await hospital.server.send("GET", "AuditEvent?_sort=-date&_count=50")).resource["entry"]
    events = {each["resource"]["subtype"][-1]["code"]: each["resource"] for each in reversed(found)}
    patient = next(each for each in said["locations"] if each.startswith("Patient/")).partition("/_history")[0]
    content = events["hl7-content"]
    references = [each.get("what", {}).get("reference") for each in content["entity"]]
    assert references == [patient, f"urn:stanforis:hl7-message:{number}"]
    assert content["agent"][0]["who"]["identifier"]["value"] == "hashed"
    assert events["hl7-senders"]["outcome"] == "4"
    assert SECRET not in str(events)


async def test_the_document_describes_it_to_everybody(hospital):
    document = (await hospital.http().get("/hl7/api/openapi.json")).json()
    assert set(document["paths"]) >= {"/api/senders", "/api/messages/{number}/content"}


async def test_answers_are_kept_by_nobody(hospital):
    answer = await hospital.api("integrator").get("/senders")
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")


async def test_there_is_nothing_of_a_tenant_that_there_is_not(hospital):
    assert (await hospital.http().get("/t/77/hl7/api/senders")).status_code == 404


@pytest.mark.parametrize("told", ["4711", "urn:oid:1.2.3|4711", "Patient/{id}"])
async def test_messages_of_a_patient_are_found_and_that_goes_on_record(hospital, told):
    number = await hospital.receives()
    await hospital.worker.drain()
    other = await hospital.receives("M2", ADT.replace(b"4711", b"4712").replace(b"815", b"816"))
    await hospital.worker.drain()
    http = hospital.api("integrator")
    (patient,) = [
        entry["resource"]["id"]
        for entry in (await hospital.server.send("GET", "Patient?identifier=4711")).resource["entry"]
    ]
    found = (await http.post("/messages/search", json={"patient": told.format(id=patient)})).json()
    assert [each["number"] for each in found["messages"]] == [number]
    assert other != number
    nobody = (await http.post("/messages/search", json={"patient": "nobody"})).json()
    assert nobody["messages"] == []
