"""Invariants that a message may leave open: each repair mends its type, or tells that it cannot be used.

Spec: https://hl7.org/fhir/R4/conformance-rules.html#constraints; the clause of each stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

Json = dict[str, Any]

_DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_UNBOUND = frozenset({"proposed", "cancelled", "waitlist"})
"""States of an appointment that has no time yet."""


def absent() -> Json:
    """Return the extension that says that a value is not known."""
    return {"url": _DATA_ABSENT, "valueCode": "unknown"}


def _quantity(tree: Json) -> bool:
    """A unit's code means nothing without its system (qty-3)."""
    if "system" not in tree:
        tree.pop("code", None)
    return bool(tree)


def _duration(tree: Json) -> bool:
    """A duration has a UCUM code (drt-1)."""
    return "value" not in tree or tree.get("system") == "http://unitsofmeasure.org"


def _contact_point(tree: Json) -> bool:
    """A contact point says of what kind its value is (cpt-2)."""
    if "value" in tree and "system" not in tree:
        tree["_system"] = {"extension": [absent()]}
    return True


def _participant(tree: Json) -> bool:
    """A participant has a type or an actor (app-1)."""
    return "type" in tree or "actor" in tree


def _repeat(tree: Json) -> bool:
    """A greatest count goes with a count (tim-8), a duration or period with its unit (tim-1, tim-2)."""
    for name in ("duration", "period"):
        if f"{name}Unit" not in tree:
            tree.pop(name, None)
    if "countMax" in tree and "count" not in tree:
        tree["count"] = tree.pop("countMax")
    return bool(tree)


def _observation(tree: Json) -> bool:
    """What has a value is not absent (obs-6)."""
    if any(name.startswith("value") for name in tree):
        tree.pop("dataAbsentReason", None)
    return True


def _attachment(tree: Json) -> bool:
    """Data has a media type (att-1)."""
    if "data" in tree:
        tree.setdefault("contentType", "application/octet-stream")
    return True


def _organization(tree: Json) -> bool:
    """Nobody lives in an organization (org-2, org-3)."""
    for each in (*tree.get("address", ()), *tree.get("telecom", ())):
        if each.get("use") == "home":
            del each["use"]
    return True


def _contact(tree: Json) -> bool:
    """A contact says who or how (pat-1)."""
    return not tree.keys().isdisjoint(("name", "telecom", "address", "organization"))


def _appointment(tree: Json) -> bool:
    """An appointment has both a start and an end, or none and is not booked (app-2, app-3)."""
    if "start" in tree and "end" not in tree and "minutesDuration" in tree:
        end = datetime.fromisoformat(tree["start"]) + timedelta(minutes=tree["minutesDuration"])
        tree["end"] = end.isoformat()
    bounds = {name: tree[name] for name in ("start", "end") if name in tree}
    if len(bounds) == 1:
        tree.setdefault("requestedPeriod", []).append({name: tree.pop(name) for name in bounds})
    if "start" not in tree and tree.get("status") not in _UNBOUND:
        tree["status"] = "proposed"
    return True


REPAIRS: Mapping[str, Callable[[Json], bool]] = MappingProxyType(
    {
        "Appointment": _appointment,
        "Appointment.participant": _participant,
        "Attachment": _attachment,
        "ContactPoint": _contact_point,
        "Duration": _duration,
        "Observation": _observation,
        "Organization": _organization,
        "Patient.contact": _contact,
        "Quantity": _quantity,
        "Timing.repeat": _repeat,
    }
)
"""By type: what mends it; false where it cannot be used."""
