"""A destination gets what it may see: by its roles and scope, the labels of resources and the consents of patients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stanforis.cli.hl7_process import destination_authorization, owner_authorization
from stanforis.settings import Settings

from adapters.hl7.applying.server import InProcess
from adapters.hl7.encoding import Message
from adapters.hl7.outbound.change import ChangedVersion
from adapters.hl7.outbound.destinations import destinations
from adapters.hl7.outbound.making import Making
from adapters.hl7.outbound.queue import Fate, Outgoing, Queued
from adapters.hl7.outbound.related import FromServer
from adapters.hl7.outbound.withdrawing import Withdrawing
from fhir_api.app import Application, create_app
from identity.access.hosting.authority import Authority
from identity.access.store.memory import MemoryAccessStores
from tests.support.applications import SETTINGS, open_memory

Json = dict[str, Any]
RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


class Guarded:
    """A FHIR server that asks for tokens, and what its destinations get."""

    def __init__(self, application: Application, settings: Settings, folder: Path) -> None:
        self._application = application
        self._settings = settings
        self._folder = folder
        owner = owner_authorization(settings)
        self.server = InProcess(application, "/fhir", lambda: owner(1))

    async def put(self, resource: Json) -> None:
        answer = await self.server.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        assert answer.status in {200, 201}, answer

    async def delete(self, key: str) -> None:
        answer = await self.server.send("DELETE", key)
        assert answer.status in {200, 204}, answer

    async def made(self, resource: Json, **settings: Any) -> list[Outgoing]:
        """Return the messages that the first version of a resource makes for a destination."""
        making, library = self._making(**settings)
        key = f"{resource['resourceType']}/{resource['id']}"
        return await making.messages(ChangedVersion(key, 1, "create", 0, library, resource))

    async def looked(self, message: Outgoing, **settings: Any) -> Outgoing | None:
        """Return what stands in for a message that waits, once more looked at."""
        queued = Queued(
            1, "north/RIS", message.control_id, message.message_type, message.resource, message.version, message.raw,
            message.fate, "", 0, 0, b"", 0, 0, 0, message.patients, message.sources,
        )  # fmt: skip
        return await Withdrawing(*self._making(**settings)).look(queued)

    def _making(self, **settings: Any) -> tuple[Making, FromServer]:
        lines = ", ".join(f"{name}: {value}" for name, value in settings.items())
        site = self._folder / "north"
        site.mkdir(exist_ok=True)
        (site / "site.yaml").write_text(
            "name: north\ndestinations: [{name: RIS, host: h, port: 1, messages: [ADT_A05, ADT_A01]"
            f"{', ' if lines else ''}{lines}}}]\n"
        )
        (destination,) = destinations(self._folder)
        header = destination_authorization(self._settings)
        purpose = destination.file.purpose
        library = FromServer(InProcess(self._application, "/fhir", lambda: header(destination), purpose))
        return Making(destination, library, lambda: 0), library


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    """The server, without data."""
    settings = replace(SETTINGS, data=tmp_path / "data")
    access = Authority(settings, stores=MemoryAccessStores())
    application = create_app(settings, open_stores=open_memory, access=access)
    await application.start()
    yield Guarded(application, settings, tmp_path)
    await application.stop()


def patient(**elements: Any) -> Json:
    identifier = {"system": "urn:oid:1.2.3", "value": "4711", "type": {"coding": [{"code": "MR"}]}}
    return {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [identifier],
        "name": [{"family": "Uwase"}],
        **elements,
    }


def opting_out(**provision: Any) -> Json:
    return {
        "resourceType": "Consent",
        "id": "c1",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"code": "59284-0", "system": "http://loinc.org"}]}],
        "patient": {"reference": "Patient/p1"},
        "policyRule": {"coding": [{"code": "OPTIN"}]},
        "provision": {"type": "deny", **provision},
    }


async def test_a_destination_gets_what_nobody_withholds(guarded: Guarded):
    await guarded.put(patient())
    (message,) = await guarded.made(patient())
    assert Message.parse(message.raw)["PID-3.1"] == "4711"
    assert message.patients == ("p1",)


async def test_what_bears_a_sensitive_label_needs_a_role_with_a_right_to_it(guarded: Guarded):
    await guarded.put(patient(meta={"security": [RESTRICTED]}))
    assert await guarded.made(patient()) == []
    assert len(await guarded.made(patient(), roles="[owner]")) == 1


async def test_a_patient_keeps_their_record_from_a_destination(guarded: Guarded):
    await guarded.put(patient())
    await guarded.put(opting_out())
    assert await guarded.made(patient()) == []
    assert await guarded.made(patient(), roles="[owner]") == []


@pytest.mark.parametrize(("organization", "messages"), [("north", 0), ("south", 1)])
async def test_a_consent_names_the_organization_of_a_destination(guarded: Guarded, organization: str, messages: int):
    await guarded.put(patient())
    await guarded.put({"resourceType": "Organization", "id": "north", "name": "North"})
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
    await guarded.put(opting_out(actor=[{"role": role, "reference": {"reference": "Organization/north"}}]))
    assert len(await guarded.made(patient(), organization=organization)) == messages


async def test_a_consent_names_the_purpose_of_a_destination(guarded: Guarded):
    await guarded.put(patient())
    purpose = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HMARKT"}
    await guarded.put(opting_out(purpose=[purpose]))
    assert len(await guarded.made(patient())) == 1
    assert await guarded.made(patient(), purpose="HMARKT") == []


async def test_what_a_scope_leaves_out_is_not_there(guarded: Guarded):
    await guarded.put(patient())
    assert await guarded.made(patient(), scope="system/Encounter.rs") == []
    assert len(await guarded.made(patient(), scope="system/Patient.rs")) == 1


VISIT: Json = {
    "resourceType": "Encounter",
    "id": "e1",
    "status": "in-progress",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
    "subject": {"reference": "Patient/p1"},
    "period": {"start": "2026-11-23T10:15:00+02:00"},
}
MOTHER: Json = {
    "resourceType": "RelatedPerson",
    "id": "r1",
    "patient": {"reference": "Patient/p1"},
    "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}],
    "name": [{"family": "Mukamana"}],
}


async def waiting(guarded: Guarded) -> Outgoing:
    """Return the admission of a patient with a mother, as it waits."""
    for resource in (patient(), MOTHER, VISIT):
        await guarded.put(resource)
    (message,) = await guarded.made(VISIT)
    assert Message.parse(message.raw)["NK1-2.1"] == "Mukamana"
    assert {*message.sources} == {"Encounter/e1/_history/1", "Patient/p1", "RelatedPerson/r1"}
    return message


async def test_what_may_still_be_seen_is_sent_as_it_was_made(guarded: Guarded):
    message = await waiting(guarded)
    await guarded.put(patient(name=[{"family": "Mugisha"}]))
    assert await guarded.looked(message) is None


async def test_a_consent_that_is_withdrawn_while_a_message_waits_counts(guarded: Guarded):
    message = await waiting(guarded)
    await guarded.put(opting_out())
    instead = await guarded.looked(message)
    assert instead is not None
    assert (instead.fate, instead.patients) == (Fate.WITHDRAWN, ("p1",))


async def test_what_tells_of_a_patient_who_was_deleted_is_withdrawn(guarded: Guarded):
    await guarded.put(patient())
    (message,) = await guarded.made(patient())
    await guarded.delete("Patient/p1")
    instead = await guarded.looked(message)
    assert instead is not None
    assert instead.fate is Fate.WITHDRAWN


async def test_a_right_that_was_taken_away_while_a_message_waits_counts(guarded: Guarded):
    message = await waiting(guarded)
    for scope in ("system/Encounter.rs", "system/Patient.rs"):
        instead = await guarded.looked(message, scope=scope)
        assert instead is not None
        assert instead.fate is Fate.WITHDRAWN


async def test_what_else_is_withheld_by_now_is_left_out_under_the_same_control_id(guarded: Guarded):
    message = await waiting(guarded)
    await guarded.put(MOTHER | {"meta": {"security": [RESTRICTED]}})
    instead = await guarded.looked(message)
    assert instead is not None
    assert (instead.fate, instead.control_id) == (Fate.WAITING, message.control_id)
    assert "NK1" not in {segment.id for segment in Message.parse(instead.raw).segments}
    assert Message.parse(instead.raw)["PID-3.1"] == "4711"


async def test_what_no_change_made_is_sent_as_it_was_handed_over(guarded: Guarded):
    assert await guarded.looked(Outgoing("A", "ACK", "", 0, (), b"MSH", 0)) is None
