"""Patients that a message joins, and what is kept of them that messages do not tell.

A message tells what its sender knows of a patient and takes the place of what the sender told before. Links to other
patients are kept, and a patient that was merged into another one keeps what was known of it: the message names little
more than its identifier.

Spec: https://hl7.org/fhir/R4/patient.html#merge
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adapters.hl7.applying.patients import Patients
from adapters.hl7.applying.server import FhirServer, Json

REPLACED_BY = "replaced-by"
_LONGEST = 100
"""Patients that a chain of merges may have."""


class MergeError(Exception):
    """A merge that would leave patients who replace each other."""


def patients_of(bundle: Json) -> dict[str, Json]:
    """Return the entries of a transaction that are Patients, by ``fullUrl``."""
    return {entry["fullUrl"]: entry for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient"}


async def stored_of(patients: Patients, entries: Mapping[str, Json]) -> dict[str, Json | None]:
    """Return the Patients that the server has for those of a message, by ``fullUrl``."""
    return {url: await _stored(patients, entry["request"]) for url, entry in entries.items()}


async def keep_joined(server: FhirServer, entries: Mapping[str, Json], stored: Mapping[str, Json | None]) -> None:
    """Complete the Patients of a message by what the server has of them; nothing else of it is changed.

    Args:
        server: has them.
        entries: the message's, by ``fullUrl``.
        stored: the server's, by the same.

    Raises:
        MergeError: patients would replace each other.
    """
    for url, entry in entries.items():
        found = stored[url]
        for other in _replacing(entry["resource"]):
            if found is not None and other in entries:
                await _refuse_loop(server, found, stored[other])
        if found is not None:
            entry["resource"] = _completed(entry["resource"], found)


async def _stored(patients: Patients, request: Json) -> Json | None:
    """Return the one Patient that a conditional request means."""
    criteria = request["url"].partition("?")[2] or request.get("ifNoneExist", "")
    return await patients.one(criteria) if criteria else None


def _completed(told: Json, stored: Json) -> Json:
    base = {**stored, **told} if any(_replacing(told)) else dict(told)
    links = [*told.get("link", []), *(each for each in stored.get("link", []) if each not in told.get("link", []))]
    if links:
        base["link"] = links
    if any(_replacing(base)):
        # somebody who was merged stays so, whatever a late message tells
        base["active"] = False
    return {name: value for name, value in base.items() if name not in {"id", "meta"}}


async def _refuse_loop(server: FhirServer, merged: Json, surviving: Json | None) -> None:
    at = surviving
    for _ in range(_LONGEST):
        if at is None:
            return
        if at["id"] == merged["id"]:
            raise MergeError("the surviving patient was itself merged into the other one")
        following = next(_replacing(at), None)
        if following is None:
            return
        answer = await server.send("GET", following)
        at = answer.resource if answer.resource.get("resourceType") == "Patient" else None
    raise MergeError(f"more than {_LONGEST} patients are merged into one another")


def _replacing(patient: Json) -> Iterator[str]:
    """Yield the references to those that replaced a patient."""
    links: Iterable[dict[str, Any]] = patient.get("link", [])
    for link in links:
        reference = link.get("other", {}).get("reference")
        if link.get("type") == REPLACED_BY and reference is not None:
            yield reference
