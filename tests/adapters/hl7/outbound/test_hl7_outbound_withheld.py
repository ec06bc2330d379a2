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
from adapters.hl7.outbound.queue import Outgoing
from adapters.hl7.outbound.related import FromServer
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

    async def made(self, resource: Json, **settings: Any) -> list[Outgoing]:
        """Return the messages that the first version of a resource makes for a destination."""
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
        key = f"{resource['resourceType']}/{resource['id']}"
        version = ChangedVersion(key, 1, "create", 0, library, resource)
        return await Making(destination, library, lambda: 0).messages(version)


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
