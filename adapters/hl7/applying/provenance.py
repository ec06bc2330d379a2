"""The Provenance of what a message made: the message, its sender and the plan that mapped it.

Spec: https://hl7.org/fhir/R4/provenance.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID, uuid5

from adapters.hl7.applying.server import Json
from adapters.hl7.store.port import StoredMessage

SENDER_SYSTEM = "https://stanforis.health/fhir/hl7v2/sender"
MESSAGE_SYSTEM = "https://stanforis.health/fhir/hl7v2/message"
PLAN_SYSTEM = "https://stanforis.health/fhir/hl7v2/plan"
_PARTICIPANTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_NAMESPACE = UUID("0d6ab4de-4b0f-5a63-8a3b-7f9d7f5f5a1b")


def entry(message: StoredMessage, plan: str, targets: list[str]) -> Json:
    """Return the entry of a transaction that says where *targets* (their ``fullUrl``) come from.

    It has the same id whenever the message is worked on, and the same content as long as the plan is the same.
    """
    digest = sha256(message.raw).hexdigest()
    name = f"{message.sender}/{message.control_id}/{digest}"
    logical_id = str(uuid5(_NAMESPACE, name))
    resource: Json = {
        "resourceType": "Provenance",
        "id": logical_id,
        "target": [{"reference": target} for target in targets],
        "recorded": instant(message.received_at),
        "agent": [
            _agent("author", SENDER_SYSTEM, message.sender),
            _agent("assembler", PLAN_SYSTEM, plan),
        ],
        "entity": [{"role": "source", "what": {"identifier": {"system": MESSAGE_SYSTEM, "value": name}}}],
    }
    return {"resource": resource, "request": {"method": "PUT", "url": f"Provenance/{logical_id}"}}


def instant(milliseconds: int) -> str:
    """Return milliseconds since 1970 as a FHIR instant."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _agent(kind: str, system: str, value: str) -> Json:
    return {
        "type": {"coding": [{"system": _PARTICIPANTS, "code": kind}]},
        "who": {"identifier": {"system": system, "value": value}},
    }
