"""What changes in the FHIR server is sent: once, in order for each patient, and acknowledged by name."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.hl7.outbound.queue import Fate
from tests.adapters.hl7.outbound.conftest import Hospital, Receiver

Json = dict[str, Any]


def patient(number: str = "p1", family: str = "Uwase", **elements: Any) -> Json:
    return {
        "resourceType": "Patient",
        "id": number,
        "identifier": [{"system": "urn:oid:1.2.3", "value": number, "type": {"coding": [{"code": "MR"}]}}],
        "name": [{"family": family, "given": ["Diane"]}],
        "gender": "female",
        "birthDate": "1990-01-01",
        **elements,
    }


def encounter(status: str = "in-progress", number: str = "e1", code: str = "IMP", of: str = "p1") -> Json:
    return {
        "resourceType": "Encounter",
        "id": number,
        "status": status,
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code},
        "subject": {"reference": f"Patient/{of}"},
        "period": {"start": "2026-11-23T10:15:00+02:00"},
    }


async def test_a_visit_is_admitted_changed_and_discharged(hospital: Hospital):
    destination = hospital.destination()
    await hospital.put(patient())
    await hospital.put(encounter())
    await hospital.put(encounter() | {"period": {"start": "2026-11-23T10:20:00+02:00"}})
    await hospital.put(encounter("finished"))
    await hospital.put(patient(family="Mugisha"))
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 5)
    assert hospital.receiver.seen("MSH-9.2") == ["A28", "A01", "A08", "A03", "A31"]
    assert hospital.receiver.seen("PID-5.1")[-1] == "Mugisha"
    assert hospital.receiver.seen("PV1-2") == ["N", "I", "I", "I", "N"]
    assert hospital.receiver.seen("PV1-44")[1:3] == ["20261123101500+0200", "20261123102000+0200"]


async def test_a_merge_names_both_records(hospital: Hospital):
    destination = hospital.destination(messages=["ADT_A39"])
    await hospital.put(patient("stays"))
    await hospital.put(patient("goes"))
    link = [{"other": {"reference": "Patient/stays"}, "type": "replaced-by"}]
    await hospital.put(patient("goes", active=False, link=link))
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    (message,) = hospital.receiver.received
    assert (message["MSH-9.2"], message["PID-3.1"], message["MRG-1.1"]) == ("A40", "stays", "goes")


async def test_only_what_comes_after_the_first_start_is_sent_unless_all_is_wanted(hospital: Hospital):
    await hospital.put(patient("before"))
    destination = hospital.destination(start="now")
    assert await hospital.following(destination).step() == 0
    await hospital.put(patient("after"))
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    assert hospital.receiver.seen("PID-3.1") == ["after"]


async def test_a_destination_gets_what_its_filter_lets_through(hospital: Hospital):
    destination = hospital.destination(filter="gender = 'male'")
    await hospital.put(patient("she"))
    await hospital.put(patient("he", gender="male"))
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    assert hospital.receiver.seen("PID-3.1") == ["he"]


async def test_after_a_restart_nothing_is_sent_twice(hospital: Hospital):
    destination = hospital.destination()
    await hospital.put(patient())
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    await hospital.end()
    await hospital.put(patient(family="Mugisha"))
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 2)
    assert hospital.receiver.seen("MSH-9.2") == ["A28", "A31"]


async def test_two_processes_send_each_message_once(hospital: Hospital):
    destination = hospital.destination()
    await hospital.begin(destination)
    await hospital.begin(destination)
    for number in range(30):
        await hospital.put(patient(family=f"N{number}"))
    await hospital.until(destination, Fate.DONE, 30)
    assert hospital.receiver.seen("PID-5.1") == [f"N{number}" for number in range(30)]


async def test_a_message_that_cannot_be_made_is_dead_and_says_where(hospital: Hospital):
    destination = hospital.destination(messages=["ORM_O01"])
    order = {
        "resourceType": "ServiceRequest", "id": "o1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"},
    }  # fmt: skip
    await hospital.put(patient())
    await hospital.put(order)
    await hospital.put(order | {"code": {"coding": [{"system": "http://loinc.org", "code": "24317-0"}]}})
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    assert hospital.receiver.seen("OBR-4.1") == ["24317-0"]
    counts = await hospital.queue(destination).counts()
    assert counts == dict.fromkeys(Fate, 0) | {Fate.DONE: 1, Fate.DEAD: 1}
    dead = await first_dead(hospital, destination)
    assert dead.reason.startswith("OBR-4: ")
    assert await hospital.queue(destination).revive([dead.number])
    await hospital.until(destination, Fate.DEAD, 1)
    assert (await first_dead(hospital, destination)).reason == dead.reason, "it still cannot be made"


async def first_dead(hospital: Hospital, destination: Any) -> Any:
    (dead,) = await hospital.queue(destination).dead(10)
    assert await hospital.queue(destination).read(dead.number) == dead
    return dead


async def test_while_a_destination_is_down_messages_wait_and_other_destinations_get_theirs(hospital: Hospital):
    nobody = hospital.destination("NOBODY", port=9)
    other = hospital.destination("OTHER")
    await hospital.put(patient())
    await hospital.begin(nobody, other)
    await hospital.until(other, Fate.DONE, 1)
    await hospital.until(nobody, Fate.WAITING, 1)
    assert (await hospital.queue(nobody).counts())[Fate.DONE] == 0


async def test_a_destination_that_comes_back_gets_what_waited_in_order(hospital: Hospital):
    await hospital.receiver.stop()
    destination = hospital.destination()
    for number in range(3):
        await hospital.put(patient(family=f"N{number}"))
    await hospital.begin(destination)
    await hospital.until(destination, Fate.WAITING, 3)
    await hospital.receiver.start()
    await hospital.until(destination, Fate.DONE, 3)
    assert hospital.receiver.seen("PID-5.1") == ["N0", "N1", "N2"]


async def test_a_message_is_sent_again_under_its_control_id_and_holds_up_its_own_patient_only(hospital: Hospital):
    refused = 2

    def code(message: Any) -> str:
        nonlocal refused
        if message["PID-3.1"] == "p1" and refused:
            refused -= 1
            return "AE"
        return "AA"

    hospital.receiver.code = code
    destination = hospital.destination()
    await hospital.put(patient())
    await hospital.put(patient(family="Later"))
    await hospital.put(patient("p2"))
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    await hospital.until(destination, Fate.DONE, 3, step=1000)
    names = [(message["PID-3.1"], message["PID-5.1"]) for message in hospital.receiver.received]
    assert names == [("p1", "Uwase"), ("p2", "Uwase"), ("p1", "Uwase"), ("p1", "Uwase"), ("p1", "Later")]
    first = [message for message in hospital.receiver.received if message["PID-5.1"] == "Uwase"]
    assert len({message["MSH-10"] for message in first if message["PID-3.1"] == "p1"}) == 1


async def test_what_is_refused_is_dead_and_the_next_one_goes(hospital: Hospital):
    hospital.receiver.code = lambda message: "AR" if message["MSH-9.2"] == "A28" else "AA"
    destination = hospital.destination()
    await hospital.put(patient())
    await hospital.put(patient(family="Later"))
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    dead = await first_dead(hospital, destination)
    assert (dead.message_type, dead.reason) == ("ADT^A28", "AR")
    hospital.receiver.code = lambda _message: "CA"
    assert await hospital.queue(destination).revive([dead.number])
    await hospital.until(destination, Fate.DONE, 2)


async def test_what_is_refused_for_too_long_is_dead(hospital: Hospital):
    hospital.receiver.code = lambda _message: "CE"
    destination = hospital.destination(retry_hours=1)
    await hospital.put(patient())
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DEAD, 1, step=60_000)
    assert len(hospital.receiver.received) > 1
    assert (await first_dead(hospital, destination)).reason == "tried for too long: CE"


@pytest.mark.parametrize(
    "changed",
    [
        lambda answer: answer.replace(b"MSA|AA|", b"MSA|AA|another"),
        lambda answer: answer.replace(b"MSA|AA|", b"MSA|OK|"),
        lambda _answer: b"thank you",
    ],
    ids=["another control id", "no code", "no message"],
)
async def test_an_answer_that_does_not_name_the_message_acknowledges_nothing(hospital: Hospital, changed: Any):
    hospital.receiver.changed = changed
    destination = hospital.destination()
    await hospital.put(patient())
    await hospital.begin(destination)
    await hospital.receiver.until(1)
    assert (await hospital.queue(destination).counts())[Fate.DONE] == 0
    hospital.receiver.changed = lambda answer: answer
    await hospital.until(destination, Fate.DONE, 1, step=1000)
    assert len(set(hospital.receiver.seen("MSH-10"))) == 1


async def test_a_destination_that_moves_gets_the_rest_at_its_new_place(hospital: Hospital):
    moved = Receiver()
    await moved.start()
    destination = hospital.destination()
    await hospital.put(patient())
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    hospital.running[0].know([hospital.destination(port=moved.port)])
    await hospital.put(patient(family="Later"))
    await hospital.until(destination, Fate.DONE, 2)
    assert (hospital.receiver.seen("PID-5.1"), moved.seen("PID-5.1")) == (["Uwase"], ["Later"])
    hospital.running[0].know([])
    await hospital.put(patient(family="Nobody's"))
    await hospital.end()
    await moved.stop()
    assert moved.seen("PID-5.1") == ["Later"]


async def test_what_was_sent_is_a_disclosure(hospital: Hospital):
    destination = hospital.destination()
    await hospital.put(patient())
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    (record,) = hospital.disclosed
    assert (record.patients, record.entities) == (("p1",), ("Patient/p1/_history/1",))
