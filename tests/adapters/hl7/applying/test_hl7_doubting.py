"""One number of a sender's own, two people: neither is written over by the other."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.hl7.applying.doubting import doubts
from adapters.hl7.applying.questions import PATIENT_TABLE, Question
from adapters.hl7.operation.answers import Asked, choices
from adapters.hl7.store.port import State
from tests.support.hospital import Hospital, Json

URN = "urn:uuid:00000000-0000-0000-0000-000000000007"


def bare(family: str = "", given: str = "", born: str = "", **identifier: Any) -> Json:
    """Return a Patient whose number only its sender knows."""
    resource: Json = {
        "resourceType": "Patient",
        "identifier": [{"value": "7", **identifier}, {"system": "urn:ietf:rfc:3986", "value": URN}],
    }
    name = ({"family": family} if family else {}) | ({"given": [given]} if given else {})
    return resource | ({"name": [name]} if name else {}) | ({"birthDate": born} if born else {})


def entry(resource: Json) -> Json:
    url = f"Patient?identifier=urn%3Aietf%3Arfc%3A3986%7C{URN.replace(':', '%3A')}"
    return {"fullUrl": URN, "resource": resource, "request": {"method": "PUT", "url": url}}


DIANE = bare("Uwase", "Diane", "1990-01-01")


@pytest.mark.parametrize(
    ("told", "is_doubtful"),
    [
        (DIANE, False),
        (bare("MUGISHA", "diane", "1990-01-01"), False),  # married
        (bare("Mugisha", "Diane"), False),
        (bare("Mugisha", "Eric", "1990-01-01"), False),
        (bare("Mugisha", "Eric", "1990"), False),  # the same as far as both tell
        (bare(), False),
        (bare(born="1985-05-05"), False),
        (bare("Mugisha", "Eric", "1985-05-05"), True),
        (bare("Mugisha", "Eric"), True),
        (bare("Mugisha", "Eric", "1985-05-05", system="urn:oid:1.2.3"), False),
        (bare("Mugisha", "Eric", "1985-05-05", assigner={"display": "CLINIC"}), False),
    ],
)
def test_who_may_be_another(told, is_doubtful):
    questions = doubts("lab", {URN: entry(told)}, {URN: DIANE | {"id": "p1"}})
    assert [(each.sender, each.table, each.code.partition("/")[0]) for each in questions] == (
        [("lab", PATIENT_TABLE, "p1")] if is_doubtful else []
    )


def test_who_is_not_there_is_nobody_else():
    assert doubts("lab", {URN: entry(DIANE)}, {URN: None}) == []


def test_people_choose_between_two_answers(tmp_path):
    asked = Asked("t1", "lab", PATIENT_TABLE, "p1/0", "", None)
    assert [each.code for each in choices(asked, tmp_path)] == ["same", "other"]


async def told(hospital: Hospital) -> Json:
    (found,) = (await hospital.server.send("GET", "Patient")).resource["entry"]
    resource: Json = found["resource"]
    return resource


@pytest.mark.parametrize(("answer", "state", "family"), [("same", State.MAPPED, "Eze"), ("other", State.DEAD, "Uwase")])
async def test_people_are_asked_and_the_lane_waits(hospital: Hospital, answer: str, state: State, family: str) -> None:
    await hospital.receives("1", entry(DIANE))
    other = await hospital.receives("2", entry(bare("Eze", "Ola", "1985-05-05")))
    later = await hospital.receives("3", entry(bare(family, born="1985-05-05" if answer == "same" else "1990-01-01")))
    await hospital.worker.drain()
    assert [await hospital.state(number) for number in (other, later)] == [State.PARKED, State.RECEIVED]
    assert (await told(hospital))["name"][0]["family"] == "Uwase"
    (task,) = (await hospital.server.send("GET", "Task")).resource["entry"]
    assert task["resource"]["focus"]["reference"] == f"Patient/{(await told(hospital))['id']}"
    question = Question(*(each["valueString"] for each in task["resource"]["input"]))
    hospital.rows.answers[question.name] = answer
    assert await hospital.store.release(question.name) == 1
    await hospital.worker.drain()
    assert [await hospital.state(number) for number in (other, later)] == [state, State.MAPPED]
    assert (await told(hospital))["name"][0]["family"] == family
