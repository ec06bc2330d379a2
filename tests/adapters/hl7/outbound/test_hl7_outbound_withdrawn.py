"""What is taken back, corrected or deleted: which message says so, and what stays unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.outbound.change import ChangedVersion
from adapters.hl7.outbound.destinations import Destination, destinations
from adapters.hl7.outbound.making import Making

Json = dict[str, Any]
ALL = (
    "ADT_A01, ADT_A03, ADT_A05, ADT_A09, ADT_A23, ADT_A29, ADT_A39, MDM_T01, MDM_T02, OML_O21, ORU_R01, SIU_S12, "
    "VXU_V04"
)
UUID = "5b8e0f5e-52a3-4b3a-a7a3-3f1c5b1a7e11"
PATIENT: Json = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "urn:oid:1.2.3", "value": "4711", "type": {"coding": [{"code": "MR"}]}}],
    "name": [{"family": "Uwase"}],
}
CODE = {"coding": [{"system": "http://loinc.org", "code": "24317-0", "display": "Hemogram"}]}
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
OBSERVATION: Json = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": CODE,
    "valueQuantity": {"value": 4, "unit": "g"},
}


class Shelf:
    """The versions of a resource, and what belongs to it."""

    def __init__(self, versions: list[Json]) -> None:
        key = f"{versions[0]['resourceType']}/x"
        self.known = {f"{key}/_history/{number}": {**each, "id": "x"} for number, each in enumerate(versions, 1)}
        self.known |= {"Patient/p1": PATIENT, "Observation/o1": OBSERVATION}

    async def read(self, reference: str) -> Json | None:
        return self.known.get(reference)

    async def search(self, query: str) -> list[Json]:
        assert query.startswith("RelatedPerson?")
        return []


@pytest.fixture(scope="module")
def destination(tmp_path_factory: pytest.TempPathFactory) -> Destination:
    """A destination that gets everything."""
    folder = tmp_path_factory.mktemp("withdrawn")
    return the_destination(folder, f"messages: [{ALL}]")


def the_destination(folder: Path, settings: str) -> Destination:
    (folder / "north").mkdir()
    (folder / "north" / "site.yaml").write_text(
        f"name: north\ndestinations: [{{name: RIS, host: ris, port: 1, {settings}}}]\n"
    )
    return destinations(folder)[0]


async def said(destination: Destination, *versions: Json, deleted: bool = False) -> list[Message]:
    """Return the messages that the last version makes, or a deletion behind it."""
    shelf = Shelf(list(versions))
    number = len(versions) + deleted
    key = f"{versions[0]['resourceType']}/x"
    interaction = "delete" if deleted else "create" if number == 1 else "update"
    resource = None if deleted else {**versions[-1], "id": "x"}
    version = ChangedVersion(key, number, interaction, 1_800_000_000_000, shelf, resource)
    made = await Making(destination, shelf, lambda: 0).messages(version)
    assert [each.reason for each in made if not each.raw] == []
    return [Message.parse(each.raw) for each in made]


def visit(status: str) -> Json:
    return {
        "resourceType": "Encounter",
        "status": status,
        "class": {"system": ACT, "code": "IMP"},
        "subject": {"reference": "Patient/p1"},
        "period": {"start": "2026-11-23T10:15:00+02:00"},
    }


def order(status: str) -> Json:
    identifier = [{"value": "P1", "type": {"coding": [{"code": "PLAC"}]}}]
    return {
        "resourceType": "ServiceRequest",
        "identifier": identifier,
        "status": status,
        "intent": "order",
        "code": CODE,
        "subject": {"reference": "Patient/p1"},
    }


def report(status: str) -> Json:
    return {
        "resourceType": "DiagnosticReport",
        "status": status,
        "code": CODE,
        "subject": {"reference": "Patient/p1"},
        "result": [{"reference": "Observation/o1"}],
    }


def appointment(status: str) -> Json:
    return {
        "resourceType": "Appointment",
        "identifier": [{"value": "A1"}],
        "status": status,
        "appointmentType": {"coding": [{"code": "ROUTINE"}]},
        "start": "2026-11-23T10:15:00+02:00",
        "end": "2026-11-23T10:30:00+02:00",
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
    }


def document(status: str) -> Json:
    return {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"value": "D1"},
        "status": status,
        "type": {"coding": [{"code": "DS"}]},
        "subject": {"reference": "Patient/p1"},
        "date": "2026-11-23T10:15:00+02:00",
        "content": [{"attachment": {"contentType": "text/plain", "url": "http://north/d1"}}],
    }


def shot(status: str) -> Json:
    return {
        "resourceType": "Immunization",
        "status": status,
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "08"}]},
        "patient": {"reference": "Patient/p1"},
        "occurrenceDateTime": "2026-11-23",
        "primarySource": True,
    }


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (visit("in-progress"), visit("cancelled"), "A11"),
        (visit("finished"), visit("entered-in-error"), "A11"),
        (visit("planned"), visit("cancelled"), ""),
        (visit("finished"), visit("in-progress"), "A13"),
        (visit("onleave"), visit("in-progress"), "A08"),
        (visit("planned"), visit("in-progress"), "A01"),
        (visit("in-progress"), None, "A23"),
        (visit("planned"), None, ""),
        (PATIENT, None, "A29"),
        (appointment("booked"), appointment("cancelled"), "S15"),
        (appointment("booked"), appointment("entered-in-error"), "S17"),
        (appointment("booked"), None, "S17"),
        (appointment("cancelled"), None, ""),
        (document("current"), document("entered-in-error"), "T11"),
        (document("current"), None, "T11"),
        (document("current"), document("superseded"), ""),
        (order("active"), None, "O21"),
        (order("completed"), None, ""),
        (report("final"), None, "R01"),
        (report("registered"), None, ""),
        (shot("completed"), None, "V04"),
    ],
)
async def test_what_is_taken_back_is_said_or_knowingly_not(
    destination: Destination, before: Json, after: Json | None, event: str
):
    messages = await said(destination, *(each for each in (before, after) if each is not None), deleted=after is None)
    assert [message["MSH-9.2"] for message in messages] == ([event] if event else [])


@pytest.mark.parametrize(
    ("before", "after", "places"),
    [
        (order("active"), order("revoked"), {"ORC-1": "CA", "ORC-5": "CA"}),
        (order("active"), order("entered-in-error"), {"ORC-1": "CA", "ORC-5": "CA"}),
        (order("active"), order("on-hold"), {"ORC-1": "HD", "ORC-5": "HD"}),
        (order("active"), order("completed"), {"ORC-1": "SC", "ORC-5": "CM"}),
        (order("active"), None, {"ORC-1": "CA", "ORC-5": "CA"}),
        (report("final"), report("corrected"), {"OBR-25": "C", "OBX-11": "F"}),
        (report("final"), report("entered-in-error"), {"OBR-25": "X", "OBX-11": "W"}),
        (report("final"), report("cancelled"), {"OBR-25": "X"}),
        (report("final"), None, {"OBR-25": "X", "OBX-11": "D"}),
        (shot("completed"), shot("entered-in-error"), {"RXA-21": "D"}),
        (shot("completed"), shot("completed"), {"RXA-21": "U", "RXA-9.1": "00", "ORC-3.1": "x"}),
        (shot("completed"), None, {"RXA-21": "D"}),
        (appointment("booked"), None, {"SCH-25.1": "Deleted", "SCH-6.2": "booked", "SCH-16.2": "Scheduling"}),
        (document("current"), None, {"TXA-19": "CA"}),
    ],
)
async def test_a_message_says_how_it_is_taken_back(
    destination: Destination, before: Json, after: Json | None, places: dict[str, str]
):
    (message,) = await said(destination, *(each for each in (before, after) if each is not None), deleted=after is None)
    assert {place: message[place] for place in places} == places


async def test_a_header_names_systems_profiles_and_answers_as_receivers_want_it(tmp_path: Path):
    settings = (
        "messages: [VXU_V04], sending: ['EHR^2.16.840.1^ISO', 'NORTH^2.16.840.2^ISO'], receiving: [IIS, STATE], "
        "accept: ER, application_accept: AL, profiles: ['Z22^CDCPHINVS']"
    )
    (message,) = await said(the_destination(tmp_path, settings), shot("completed"))
    assert [message[f"MSH-3.{number}"] for number in (1, 2, 3)] == ["EHR", "2.16.840.1", "ISO"]
    assert (message["MSH-4.2"], message["MSH-5"], message["MSH-6"]) == ("2.16.840.2", "IIS", "STATE")
    assert (message["MSH-15"], message["MSH-16"], message["MSH-18"]) == ("ER", "AL", "UNICODE UTF-8")
    assert (message["MSH-21.1"], message["MSH-21.2"]) == ("Z22", "CDCPHINVS")


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ({"system": "urn:oid:1.2.3", "assigner": {"display": "NORTH"}}, ["NORTH", "1.2.3", "ISO"]),
        ({"system": "urn:dns:north.example"}, ["", "north.example", "DNS"]),
        ({"system": f"urn:uuid:{UUID}"}, ["", UUID, "UUID"]),
        ({"system": "http://north.example/mrn"}, ["", "http://north.example/mrn", "URI"]),
        ({"system": "NORTH"}, ["NORTH", "", ""]),
    ],
)  # fmt: skip
async def test_an_identifier_says_who_gave_it(destination: Destination, identifier: Json, parts: list[str]):
    patient = PATIENT | {"identifier": [{"value": "4711", **identifier}]}
    (message,) = await said(destination, patient)
    assert [message[f"PID-3.4.{number}"] for number in (1, 2, 3)] == parts
