"""Small HL7 v2 messages, mapped by the rows that every sender has."""

from __future__ import annotations

from functools import cache
from typing import Any

from adapters.hl7.encoding import Message
from adapters.hl7.mapping import Mapped, Plan
from mappings.merging import common


@cache
def plan() -> Plan:
    """Return the plan of a sender that no site knows."""
    return Plan(common(), "sender")


def mapped(event: str, *segments: str) -> Mapped:
    """Return what a message of *event* with *segments* becomes."""
    return mapped_with(f"MSH|^~\\&|A|B|C|D|20260101||{event}|1|P|2.5.1", *segments)


def mapped_with(*segments: str) -> Mapped:
    """Return what a message becomes, given its header and all else."""
    return plan().apply(Message.parse("\r".join(segments).encode()))


def listed(found: Mapped, resource_type: str) -> list[dict[str, Any]]:
    """Return the resources of a type."""
    resources = [each["resource"] for each in found.bundle["entry"]]
    return [each for each in resources if each["resourceType"] == resource_type]


def only(found: Mapped, resource_type: str) -> dict[str, Any]:
    """Return the only resource of a type."""
    (resource,) = listed(found, resource_type)
    return resource


def observation(obx: str) -> dict[str, Any]:
    """Return what an OBX, from its second field on, becomes."""
    return only(mapped("ORU^R01", "PID|1||7", "OBR|1|P|F|X^X^LN", f"OBX|1|{obx}"), "Observation")
