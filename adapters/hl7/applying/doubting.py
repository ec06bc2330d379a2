"""Numbers that no authority gives out: whether a message tells of the patient who has one here already, or of another.

Such a number is its sender's own, and a sender may give it to two people. A patient whose name and date of birth are
both others is not written over: the message waits, and people are asked.

Spec: HL7 v2.8.2 chapter 2A, 2A.3.14.4 (CX.4, assigning authority)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

from adapters.hl7.applying.questions import PATIENT_TABLE, Question
from adapters.hl7.applying.server import Json
from adapters.hl7.mapping.finishing import URI_SYSTEM
from fhir_api.model import exact_json

SAME = "same"
"""The answer that lets the message go on."""
OTHER = "other"
"""The answer that ends it: another patient is meant."""
_LONGEST = 16


def doubts(sender: str, entries: Mapping[str, Json], stored: Mapping[str, Json | None]) -> list[Question]:
    """Return what has to be asked of the Patients that a message writes.

    Args:
        sender: name of the sender.
        entries: the Patients of the message, by ``fullUrl``.
        stored: the Patients that the server has for them.
    """
    found = ((entry["resource"], stored[url]) for url, entry in entries.items())
    return [
        Question(sender, PATIENT_TABLE, f"{there['id']}/{_digest(told)}")
        for told, there in found
        if there is not None and _is_own_number(told) and not _agree(told, there)
    ]


def _is_own_number(patient: Json) -> bool:
    """Tell whether nobody but the sender knows the patient's numbers."""
    return not any(
        "assigner" in each or each.get("system", URI_SYSTEM) != URI_SYSTEM for each in patient.get("identifier", [])
    )


def _agree(told: Json, there: Json) -> bool:
    """Tell whether two Patients may be one: a message that says nothing of name or birth contradicts nobody."""
    names, known = set(_names(told)), set(_names(there))
    if not names or not known or names & known:
        return True
    return _born_alike(told.get("birthDate"), there.get("birthDate"))


def _names(patient: Json) -> Iterator[tuple[str, str]]:
    """Yield family names and first given names, in small letters: either changes alone, as by marriage."""
    for name in patient.get("name", []):
        if "family" in name:
            yield "family", name["family"].casefold()
        for given in name.get("given", [])[:1]:
            yield "given", given.casefold()


def _born_alike(told: str | None, there: str | None) -> bool:
    """Tell whether dates agree as far as both are known; where one is not, nothing agrees."""
    if not told or not there:
        return False
    precision = min(len(told), len(there))
    return told[:precision] == there[:precision]


def _digest(patient: Json) -> str:
    told = exact_json.written([patient.get("name"), patient.get("birthDate")])
    return sha256(told).hexdigest()[:_LONGEST]
