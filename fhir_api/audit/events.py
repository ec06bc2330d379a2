"""Records as AuditEvent resources in the shapes of IHE Basic Audit Log Patterns.

Spec: https://hl7.org/fhir/R4/auditevent.html, https://profiles.ihe.net/ITI/BALP/content.html
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from stanforis.audit.acts import DISCLOSURE
from stanforis.audit.looking import Found
from stanforis.audit.records import SUCCESS, Record

from fhir_api.access.telling import TRAIL
from fhir_api.audit.shapes import BALP, Shape, coding, concept, profile_of, purposes, shape_of, subtypes_of
from fhir_api.model.versions import instant

_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_RESOURCE_TYPE = "http://hl7.org/fhir/resource-types"
_OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_SYSTEM_OBJECT = coding(_ENTITY_TYPE, "2", "System Object")
_DOMAIN_RESOURCE = coding(_OBJECT_ROLE, "4", "Domain Resource")
_ROLE = "urn:stanforis:role"
_SUBJECT = "urn:stanforis:subject"
_CLIENT = "urn:stanforis:client"
_RECIPIENT = "urn:stanforis:recipient"
_SERVER = {"display": "Stanforis Health"}
_URI = "5"


def audit_event(found: Found, site: str) -> dict[str, Any]:
    """Return the AuditEvent of a record; *site* is the base URL of the server."""
    record = found.record
    shape = shape_of(record)
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": f"{TRAIL}{found.place}",
        "meta": {"profile": [profile]} if (profile := profile_of(record)) else {},
        "type": shape.type,
        "subtype": subtypes_of(record),
        "action": record.action,
        "recorded": instant(record.at),
        "outcome": record.outcome,
        "outcomeDesc": _outcome(record),
        "purposeOfEvent": purposes(record),
        "agent": [*_agents(record, shape, site)],
        "source": {
            "site": site,
            "observer": _SERVER,
            "type": [coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4")],
        },
        "entity": [*_entities(record)],
    }
    return {name: value for name, value in event.items() if value or name == "meta"}


def _outcome(record: Record) -> str:
    if record.outcome == SUCCESS:
        return ""
    return "not acknowledged" if record.interaction == DISCLOSURE else f"HTTP {record.status}"


def _agents(record: Record, shape: Shape, site: str) -> Iterator[dict[str, Any]]:
    """Yield whoever acted (the user), the system at the other end, and this server."""
    who = record.who
    has_user = bool(who.subject or who.user)
    if has_user:
        yield _without_empty({
            "type": {"coding": [shape.user]},
            "role": [concept(_ROLE, role) for role in who.roles],
            "who": _without_empty({
                "reference": who.user,
                "identifier": {"system": _SUBJECT, "value": who.subject} if who.subject else {},
            }),
            "requestor": True,
            "purposeOfUse": purposes(record),
        })  # fmt: skip
    yield {"type": {"coding": [shape.client]}, **_other_end(record, is_requestor=not has_user)}
    yield {
        "type": {"coding": [shape.server]},
        "who": _SERVER,
        "requestor": record.interaction == DISCLOSURE and not has_user,
        "network": {"address": site, "type": _URI},
    }


def _other_end(record: Record, *, is_requestor: bool) -> dict[str, Any]:
    """Return the client that asked, or the system that was given what it had not asked for."""
    if record.recipient:
        return {
            "who": {"identifier": {"system": _RECIPIENT, "value": record.recipient}},
            "requestor": False,
            "network": {"address": record.address or "unknown", "type": _URI},
        }
    client = record.who.client
    return {
        "who": {"identifier": {"system": _CLIENT, "value": client}} if client else {"display": "unknown"},
        "requestor": is_requestor,
        "network": {"address": record.network or "unknown"},
    }


def _entities(record: Record) -> Iterator[dict[str, Any]]:
    for patient in record.patients:
        yield {
            "what": {"reference": f"Patient/{patient}"},
            "type": coding(_ENTITY_TYPE, "1", "Person"),
            "role": coding(_OBJECT_ROLE, "1", "Patient"),
        }
    yield from _resources(record)
    if record.search:
        query = b64encode(record.search.encode()).decode()
        yield {"type": _SYSTEM_OBJECT, "role": coding(_OBJECT_ROLE, "24", "Query"), "query": query}
    if record.request:
        yield {
            "what": {"identifier": {"value": record.request}},
            "type": coding(f"{BALP}/CodeSystem/BasicAuditEntityType", "XrequestId"),
        }
    if record.emergency:
        yield {
            "type": coding(_ENTITY_TYPE, "4", "Other"),
            "name": "Break-glass reason",
            "description": record.emergency,
        }
    if record.changed:
        yield {
            "type": coding(_ENTITY_TYPE, "4", "Other"),
            "name": "Changed",
            "description": ", ".join(record.changed),
        }


def _resources(record: Record) -> Iterator[dict[str, Any]]:
    """Yield what was given or changed; beside a query, and where they are many, each has the type of the resource."""
    is_one = len(record.entities) == 1 and not record.search
    named = {f"Patient/{patient}" for patient in record.patients}
    for key in (*record.entities, *(key for key in record.found if key not in named)):
        resource_type, slash, _ = key.partition("/")
        is_plain = is_one or not slash
        yield {
            "what": {"reference": key},
            "type": _SYSTEM_OBJECT if is_plain else coding(_RESOURCE_TYPE, resource_type),
            "role": _DOMAIN_RESOURCE,
        }


def _without_empty(element: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in element.items() if value not in ({}, [], "")}
