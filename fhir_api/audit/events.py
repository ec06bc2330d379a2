"""Records as AuditEvent resources in the shapes of IHE Basic Audit Log Patterns.

Spec: https://hl7.org/fhir/R4/auditevent.html, https://profiles.ihe.net/ITI/BALP/content.html
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from stanforis.audit.looking import Found
from stanforis.audit.records import SUCCESS, Record

from fhir_api.model.versions import instant

PREFIX = "trail-"
"""What the ids of resources begin with that are made from the trail."""

_BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ROLE = "urn:stanforis:role"
_SUBJECT = "urn:stanforis:subject"
_CLIENT = "urn:stanforis:client"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_PROFILES = {"C": "Create", "R": "Read", "U": "Update", "D": "Delete", "E": "Query"}
_SEARCHES = frozenset({"search-type", "search-system", "search-compartment"})
_GENERAL = {"C": "create", "R": "read", "U": "update", "D": "delete"}
_SOURCE, _DESTINATION = ("110153", "Source Role ID"), ("110152", "Destination Role ID")
_SUBTYPES = {
    "conditional-update": "update",
    "conditional-patch": "patch",
    "conditional-delete": "delete",
    "search-compartment": "search-type",
}
_KNOWN = frozenset(
    {"read", "vread", "update", "patch", "delete", "history-instance", "history-type", "history-system", "create"}
    | {"search", "search-type", "search-system", "capabilities", "transaction", "batch", "operation"}
)
_SERVER = {"display": "Stanforis Health"}


def audit_event(found: Found) -> dict[str, Any]:
    """Return the AuditEvent of a record."""
    record = found.record
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": f"{PREFIX}{found.place}",
        "meta": {"profile": [profile]} if (profile := _profile(record)) else {},
        "type": _type(record),
        "subtype": [*_subtypes(record)],
        "action": record.action,
        "recorded": instant(record.at),
        "outcome": record.outcome,
        "outcomeDesc": f"HTTP {record.status}" if record.outcome != SUCCESS else "",
        "purposeOfEvent": [_coded(_REASON, record.purpose)] if record.purpose else [],
        "agent": [*_agents(record)],
        "source": {
            "observer": _SERVER,
            "type": [_coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4")],
        },
        "entity": [*_entities(record)],
    }
    return {name: value for name, value in event.items() if value or name == "meta"}


def _profile(record: Record) -> str:
    """Return the profile of the shape; none of those that ask for what a refusal or an operation does not have."""
    if record.outcome != SUCCESS or not record.patients or len(record.patients) > 1:
        return ""
    if record.action == "E":
        return f"{_BALP}/IHE.BasicAudit.PatientQuery" if record.interaction in _SEARCHES else ""
    return f"{_BALP}/IHE.BasicAudit.Patient{_PROFILES[record.action]}" if record.entities else ""


def _type(record: Record) -> dict[str, str]:
    if record.interaction in ("login", "logout", "token"):
        return _coding(_DCM, "110114", "User Authentication")
    return _coding(_EVENT_TYPE, "rest", "RESTful Operation")


def _subtypes(record: Record) -> Iterator[dict[str, str]]:
    """Yield what BALP asks for (read, search), and which read or search it was."""
    match record.interaction:
        case "":
            return
        case "login":
            yield _coding(_DCM, "110122", "Login")
        case "logout":
            yield _coding(_DCM, "110123", "Logout")
        case other:
            code = _SUBTYPES.get(other, other)
            general = "search" if other in _SEARCHES else _GENERAL.get(record.action, code)
            for each in dict.fromkeys((general, code)):
                yield _coding(_INTERACTION if each in _KNOWN else "urn:stanforis:interaction", each)


def _agents(record: Record) -> Iterator[dict[str, Any]]:
    """Yield whoever acted (the user), the client that asked for them, and this server."""
    who = record.who
    if who.subject or who.user:
        yield _without_empty({
            "type": {"coding": [_coding(_PARTICIPATION, "IRCP", "information recipient")]},
            "role": [_coded(_ROLE, role) for role in who.roles],
            "who": _without_empty({
                "reference": who.user,
                "identifier": {"system": _SUBJECT, "value": who.subject} if who.subject else {},
            }),
            "requestor": True,
            "purposeOfUse": [_coded(_REASON, record.purpose)] if record.purpose else [],
        })  # fmt: skip
    # what is read goes from the server to the client, everything else the other way
    client, server = (_DESTINATION, _SOURCE) if record.action == "R" else (_SOURCE, _DESTINATION)
    yield _without_empty({
        "type": {"coding": [_coding(_DCM, *client)]},
        "who": {"identifier": {"system": _CLIENT, "value": who.client}} if who.client else {"display": "unknown"},
        "requestor": not (who.subject or who.user),
        "network": {"address": record.network} if record.network else {},
    })  # fmt: skip
    yield {
        "type": {"coding": [_coding(_DCM, *server)]},
        "who": _SERVER,
        "requestor": False,
    }


def _entities(record: Record) -> Iterator[dict[str, Any]]:
    for patient in record.patients:
        yield {
            "what": {"reference": f"Patient/{patient}"},
            "type": _coding(_ENTITY_TYPE, "1", "Person"),
            "role": _coding(_OBJECT_ROLE, "1", "Patient"),
        }
    named = {f"Patient/{patient}" for patient in record.patients}
    for key in (*record.entities, *(key for key in record.found if key not in named)):
        yield {
            "what": {"reference": key},
            "type": _coding(_ENTITY_TYPE, "2", "System Object"),
            "role": _coding(_OBJECT_ROLE, "4", "Domain Resource"),
        }
    if record.search:
        yield {
            "type": _coding(_ENTITY_TYPE, "2", "System Object"),
            "role": _coding(_OBJECT_ROLE, "24", "Query"),
            "query": b64encode(record.search.encode()).decode(),
        }
    if record.request:
        yield {
            "what": {"identifier": {"value": record.request}},
            "type": _coding(
                f"{_BALP.removesuffix('StructureDefinition')}CodeSystem/BasicAuditEntityType", "XrequestId"
            ),
        }
    if record.emergency:
        yield {
            "type": _coding(_ENTITY_TYPE, "4", "Other"),
            "name": "Break-glass reason",
            "description": record.emergency,
        }


def _coding(system: str, code: str, display: str = "") -> dict[str, str]:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [_coding(system, code)]}


def _without_empty(element: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in element.items() if value not in ({}, [], "")}
