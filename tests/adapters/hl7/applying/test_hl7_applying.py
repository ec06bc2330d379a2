"""From stored messages to FHIR, on the real FHIR server in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adapters.hl7.applying import questions
from adapters.hl7.encoding.message import Message
from adapters.hl7.mapping.plan import Mapped
from adapters.hl7.store.port import Settlement, State
from fhir_api.model import exact_json
from tests.support.hospital import merged, patient


async def test_a_message_becomes_resources_and_a_provenance(hospital):
    number = await hospital.receives("1", patient("7", gender="female"))
    assert await hospital.worker.drain() == 1
    assert await hospital.state(number) is State.MAPPED
    found = await hospital.patient("7")
    assert found["gender"] == "female"
    answer = await hospital.server.send("GET", f"Provenance?target=Patient/{found['id']}")
    (entry,) = answer.resource["entry"]
    assert [agent["who"]["identifier"]["value"] for agent in entry["resource"]["agent"]] == ["lab", "plan-1"]
    work = await hospital.store.work(number)
    assert work.plan == "plan-1"
    assert exact_json.read(work.made)["locations"][0].startswith(f"Patient/{found['id']}/_history/1")


async def test_applying_a_message_again_makes_no_version(hospital):
    await hospital.receives("1", patient("7", gender="female"))
    await hospital.worker.drain()
    await hospital.store.settle([Settlement(1, State.RECEIVED)])
    assert await hospital.worker.drain() == 1
    history = await hospital.server.send("GET", "_history?_count=50")
    assert len(history.resource["entry"]) == 2  # the patient and the Provenance, once each


async def test_what_is_known_to_exist_is_not_sent_again_for_a_while(hospital, monkeypatch):
    organization = {
        "fullUrl": "urn:uuid:00000000-0000-0000-0000-00000000000a",
        "resource": {"resourceType": "Organization", "identifier": [{"system": "urn:o", "value": "1"}], "name": "Lab"},
        "request": {"method": "POST", "url": "Organization", "ifNoneExist": "identifier=urn:o%7C1"},
    }
    sent: list[int] = []
    send = hospital.server.send

    async def counted(method, url, body=None):
        if method == "POST":
            sent.append(len(body["entry"]))
        return await send(method, url, body)

    monkeypatch.setattr(hospital.server, "send", counted)
    managing = {"managingOrganization": {"reference": organization["fullUrl"]}}
    for number in range(3):
        await hospital.receives(str(number), organization, patient("7", birthDate=f"198{number}", **managing))
    await hospital.worker.drain()
    hospital.clock += 301_000
    await hospital.receives("4", organization, patient("7", birthDate="1989", **managing))
    await hospital.worker.drain()
    assert sent == [3, 2, 2, 3]  # with the Provenance
    reference = (await hospital.patient("7"))["managingOrganization"]["reference"]
    assert (await hospital.server.send("GET", reference)).resource["name"] == "Lab"
    assert (await hospital.server.send("GET", "Organization?_summary=count")).resource["total"] == 1


async def test_messages_of_a_lane_are_applied_in_order(hospital):
    for number in range(20):
        await hospital.receives(str(number), patient("7", birthDate=f"19{number + 10}"), lane=1)
    await hospital.worker.drain()
    history = await hospital.server.send("GET", f"Patient/{(await hospital.patient('7'))['id']}/_history?_count=50")
    years = [entry["resource"]["birthDate"] for entry in history.resource["entry"]]
    assert years == [f"19{number + 10}" for number in reversed(range(20))]


async def test_what_the_server_refuses_is_a_dead_letter_without_values(hospital):
    number = await hospital.receives("1", patient("7", gender="secret"))
    following = await hospital.receives("2", patient("7", gender="male"))
    await hospital.worker.drain()
    message = await hospital.store.read(number)
    assert message.state is State.DEAD
    assert message.reason.startswith("the FHIR server answered 4")
    assert "gender" in message.reason
    assert "secret" not in message.reason
    assert await hospital.state(following) is State.MAPPED


async def test_what_the_server_cannot_do_now_is_tried_again_in_order(hospital, monkeypatch):
    number = await hospital.receives("1", patient("7", gender="male"))
    await hospital.receives("2", patient("7", gender="female"))
    send = hospital.server.send

    async def unavailable(method, url, body=None):
        answer = await send("GET", "Patient?nonsense=1")
        return answer._replace(status=503)

    monkeypatch.setattr(hospital.server, "send", unavailable)
    assert await hospital.worker.drain() == 1
    assert await hospital.state(number) is State.RECEIVED
    monkeypatch.setattr(hospital.server, "send", send)
    assert await hospital.worker.drain() == 0
    hospital.clock += 3_000
    assert await hospital.worker.drain() == 2
    assert (await hospital.patient("7"))["gender"] == "female"


async def test_a_message_of_an_unknown_type_is_a_dead_letter(hospital):
    number = await hospital.receives("1")
    await hospital.worker.drain()
    message = await hospital.store.read(number)
    assert (message.state, message.reason) == (State.DEAD, "MSH-9: no rows map this message type and event")


async def test_a_merged_patient_keeps_what_was_known_and_stays_merged(hospital):
    await hospital.receives("1", patient("7", birthDate="1980", gender="female"))
    await hospital.receives("2", patient("8", gender="female"))
    await hospital.receives("3", *merged("7", into="8"))
    await hospital.receives("4", patient("7", birthDate="1981", active=True))
    await hospital.receives("5", patient("8", gender="female", birthDate="1980"))
    await hospital.worker.drain()
    old, surviving = await hospital.patient("7"), await hospital.patient("8")
    assert old["active"] is False
    assert old["link"] == [{"other": {"reference": f"Patient/{surviving['id']}"}, "type": "replaced-by"}]
    assert old["birthDate"] == "1981"
    assert "active" not in surviving
    versions = await hospital.server.send("GET", f"Patient/{old['id']}/_history/2")
    assert (versions.resource["birthDate"], versions.resource["active"]) == ("1980", False)


async def test_patients_never_replace_each_other(hospital):
    for mrn in ("7", "8", "9"):
        await hospital.receives(f"new-{mrn}", patient(mrn))
    await hospital.receives("1", *merged("7", into="8"))
    await hospital.receives("2", *merged("8", into="9"))
    number = await hospital.receives("3", *merged("9", into="7"))
    await hospital.worker.drain()
    message = await hospital.store.read(number)
    assert message.state is State.DEAD
    assert "merged" in message.reason
    assert "link" not in await hospital.patient("9")


async def test_unknown_codes_are_asked_about_once_and_the_messages_go_on_in_order(hospital):
    first = await hospital.receives("1", patient("7", gender="male"), unmapped=("1", "2"))
    second = await hospital.receives("2", patient("7", gender="female"))
    other = await hospital.receives("3", patient("8"), unmapped=("1",), lane=2)
    await hospital.worker.drain()
    assert [await hospital.state(each) for each in (first, second, other)] == [
        State.PARKED,
        State.RECEIVED,
        State.PARKED,
    ]
    tasks = await hospital.server.send("GET", f"Task?code={questions.SYSTEM}%7C{questions.CODE}")
    assert len(tasks.resource["entry"]) == 2
    for entry in tasks.resource["entry"]:
        task = entry["resource"]
        coding = {"system": "http://hl7.org/fhir/administrative-gender", "code": "male"}
        task |= {"status": "completed", "output": [{"type": {"text": "answer"}, "valueCoding": coding}]}
        assert (await hospital.server.send("PUT", f"Task/{task['id']}", task)).status == 200
    found, newest = await questions.answers(hospital.server)
    assert await questions.answers(hospital.server, newest) != ([], None)
    assert sorted(meaning.question for meaning in found) == [("lab", "HL70001", "1"), ("lab", "HL70001", "2")]
    hospital.rows.unmapped.clear()
    released = [await hospital.store.release(meaning.question.name) for meaning in found]
    assert sum(released) == 2
    await hospital.worker.drain()
    assert [await hospital.state(each) for each in (first, second, other)] == [State.MAPPED] * 3
    assert (await hospital.patient("7"))["gender"] == "female"


async def test_a_fault_of_ours_ends_neither_the_work_nor_the_message(hospital, monkeypatch):
    number = await hospital.receives("1", patient("7"))

    def broken(_message):
        raise RuntimeError("Aline Uwase")

    working: Callable[[Message], Mapped] = hospital.rows.apply
    monkeypatch.setattr(hospital.rows, "apply", broken)
    await hospital.worker.drain()
    assert await hospital.state(number) is State.RECEIVED
    monkeypatch.setattr(hospital.rows, "apply", working)
    hospital.clock += 60_000
    await hospital.worker.drain()
    assert await hospital.state(number) is State.MAPPED


async def test_a_running_worker_is_woken_and_finishes_what_it_has(hospital, monkeypatch):
    settled = asyncio.Event()
    settle = hospital.store.settle

    async def noted(settlements):
        await settle(settlements)
        settled.set()

    monkeypatch.setattr(hospital.store, "settle", noted)
    running = asyncio.create_task(hospital.worker.run())
    await asyncio.sleep(0)
    number = await hospital.receives("1", patient("7"))
    hospital.worker.wake()
    await asyncio.wait_for(settled.wait(), 10)
    assert await hospital.state(number) is State.MAPPED
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
