"""Records of writes as Provenance resources: each version that somebody made, who made it, and when.

Spec: https://hl7.org/fhir/R4/provenance.html
"""

from __future__ import annotations

from typing import Any

from stanforis.audit.looking import Found
from stanforis.audit.records import SUCCESS, Record

from fhir_api.access.telling import TRAIL
from fhir_api.model.versions import instant

_ACTIVITIES = {"C": ("CREATE", "create"), "U": ("UPDATE", "revise"), "D": ("DELETE", "delete")}
_ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_AGENT_TYPE = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def is_write(record: Record) -> bool:
    """Tell whether a record tells of a change, which is what has a provenance."""
    return record.action in _ACTIVITIES and record.outcome == SUCCESS and bool(record.entities)


def provenance(found: Found) -> dict[str, Any]:
    """Return the Provenance of what a record of a change tells."""
    record = found.record
    who = record.who
    code, display = _ACTIVITIES[record.action]
    agent: dict[str, Any] = {"type": {"coding": [{"system": _AGENT_TYPE, "code": "author"}]}}
    if who.user:
        agent["who"] = {"reference": who.user}
    elif who.subject:
        agent["who"] = {"identifier": {"system": "urn:stanforis:subject", "value": who.subject}}
    else:
        agent["who"] = {"display": who.client or "unknown"}
    if who.client:
        agent["onBehalfOf"] = {"identifier": {"system": "urn:stanforis:client", "value": who.client}}
    return {
        "resourceType": "Provenance",
        "id": f"{TRAIL}{found.place}",
        "meta": {},
        "target": [{"reference": entity} for entity in record.entities],
        "recorded": instant(record.at),
        "activity": {"coding": [{"system": _ACTIVITY, "code": code, "display": display}]},
        "agent": [agent],
    }
