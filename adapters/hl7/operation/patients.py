"""Messages of a patient, by what the FHIR server knows: whose record they wrote stands in their Provenance.

Spec: https://hl7.org/fhir/R4/provenance.html#search
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

from adapters.hl7.applying.provenance import MESSAGE_SYSTEM, SENDER_SYSTEM
from adapters.hl7.applying.server import FhirServer
from adapters.hl7.store.looking import Criteria, Listed
from adapters.hl7.store.port import MessageStore, UnavailableError

MOST = 50
_OK = 200
_BY_ID = "Patient/"


class OfPatient(NamedTuple):
    """What was found.

    Attributes:
        patients: logical ids of the patients that are meant.
        messages: the newest first.
    """

    patients: tuple[str, ...]
    messages: list[Listed]


async def sought(server: FhirServer, store: MessageStore, told: str) -> OfPatient:
    """Return the messages of the patients that *told* means: an identifier, or ``Patient/`` and a logical id.

    Raises:
        UnavailableError: the FHIR server or the store does not answer.
    """
    patients: tuple[str, ...]
    if told.startswith(_BY_ID):
        patients = (told.removeprefix(_BY_ID),)
    else:
        found = await _found(server, f"Patient?identifier={quote(told, safe='')}&_elements=id&_count={MOST}")
        patients = tuple(each["id"] for each in found)
    if not patients:
        return OfPatient((), [])
    targets = ",".join(f"{_BY_ID}{each}" for each in patients)
    written = await _found(server, f"Provenance?target={quote(targets, safe='')}&_sort=-recorded&_count={MOST}")
    listed: dict[int, Listed] = {}
    for sender, control_id in dict.fromkeys(filter(None, map(_named, written))):
        for each in await store.listed(Criteria(sender, control_id=control_id), count=MOST):
            listed[each.number] = each
    return OfPatient(patients, sorted(listed.values(), reverse=True)[:MOST])


async def _found(server: FhirServer, query: str) -> list[dict[str, Any]]:
    answer = await server.send("GET", query)
    if answer.status != _OK:
        raise UnavailableError(f"the FHIR server answered {answer.status}")
    entries = answer.resource.get("entry", [])
    return [each["resource"] for each in entries if each.get("search", {}).get("mode", "match") == "match"]


def _named(provenance: dict[str, Any]) -> tuple[str, str] | None:
    """Return the sender and MSH-10 of the message that a Provenance names; None for one of something else."""
    who = [agent.get("who", {}).get("identifier", {}) for agent in provenance.get("agent", ())]
    what = [entity.get("what", {}).get("identifier", {}) for entity in provenance.get("entity", ())]
    sender = next((each.get("value", "") for each in who if each.get("system") == SENDER_SYSTEM), "")
    name = next((each.get("value", "") for each in what if each.get("system") == MESSAGE_SYSTEM), "")
    control_id = name.rpartition("/")[0].removeprefix(f"{sender}/")
    return (sender, control_id) if sender and control_id else None
