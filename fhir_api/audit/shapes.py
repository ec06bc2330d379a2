"""What each kind of record is like as an AuditEvent: its codes, and the profile of IHE BALP that it keeps to.

Spec: https://profiles.ihe.net/ITI/BALP/content.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stanforis.audit.acts import ADMINISTRATION, DISCLOSURE
from stanforis.audit.records import SUCCESS, Record

Coding = dict[str, str]

BALP = "https://profiles.ihe.net/ITI/BALP"
OWN = "urn:stanforis:interaction"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_AGENTS = f"{BALP}/CodeSystem/UserAgentTypes"


def coding(system: str, code: str, display: str = "") -> Coding:
    """Return a Coding."""
    return {"system": system, "code": code, **({"display": display} if display else {})}


_REST = coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation")
_AUTHENTICATION = coding(_DCM, "110114", "User Authentication")
_ALERT = coding(_DCM, "110113", "Security Alert")
_EXPORT = coding(_DCM, "110106", "Export")
_SOURCE = coding(_DCM, "110153", "Source Role ID")
_DESTINATION = coding(_DCM, "110152", "Destination Role ID")
_APPLICATION = coding(_DCM, "110150", "Application")
_CUSTODIAN = coding("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian")
_AUTHORIZATION = coding(_AGENTS, "AuthzOauthService", "OAuth Authorization Server")
_RECEIVES = coding(_PARTICIPATION, "IRCP", "information recipient")
_AUTHOR = coding(_PARTICIPATION, "AUT", "author (originator)")
_DISCLOSE = coding("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose", "Disclose")
EMERGENCY = coding(_DCM, "110127", "Emergency Override Started")


class Shape(NamedTuple):
    """Codes of an AuditEvent.

    Attributes:
        type: what kind of event.
        client, server: the part of either: what is asked for goes to the client, what is sent comes from it.
        user: the part of whoever asked.
        profile: name of the profile behind ``IHE.BasicAudit.``; empty where BALP has none.
    """

    type: Coding
    client: Coding
    server: Coding
    user: Coding
    profile: str = ""


_EXECUTE = Shape(_REST, _SOURCE, _DESTINATION, _RECEIVES)
_READ = Shape(_REST, _DESTINATION, _SOURCE, _RECEIVES, "Read")
_HISTORY = _READ._replace(profile="")
_QUERY = _EXECUTE._replace(profile="Query")
_CREATE = Shape(_REST, _SOURCE, _DESTINATION, _AUTHOR, "Create")
_UPDATE = _CREATE._replace(profile="Update")
_DELETE = Shape(_REST, _APPLICATION, _CUSTODIAN, _AUTHOR, "Delete")
_SIGN_IN = Shape(_AUTHENTICATION, _APPLICATION, _AUTHORIZATION, _RECEIVES)
_ADMINISTER = Shape(_ALERT, _APPLICATION, _DESTINATION, _AUTHOR)
_DISCLOSED = Shape(_EXPORT, _DESTINATION, _SOURCE, _AUTHOR, "PrivacyDisclosure.Source")

SEARCHES = frozenset({"search-type", "search-system", "search-compartment"})
_SHAPES = {
    "read": _READ, "vread": _READ,
    "create": _CREATE, "update": _UPDATE, "conditional-update": _UPDATE, "patch": _UPDATE, "conditional-patch": _UPDATE,
    "delete": _DELETE, "conditional-delete": _DELETE,
    DISCLOSURE: _DISCLOSED,
} | dict.fromkeys(SEARCHES, _QUERY) | dict.fromkeys(("login", "logout", "token"), _SIGN_IN)  # fmt: skip
_BY_ACTION = {"R": _HISTORY, "C": _CREATE, "U": _UPDATE, "D": _DELETE}
"""Of interactions that have no shape of their own, and of what could not be recognised."""
_OF_REST = {
    "conditional-update": "update", "conditional-patch": "patch", "conditional-delete": "delete",
    "search-compartment": "search-type",
} | {
    name: name
    for name in (
        "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "history-system", "create",
        "search-type", "search-system", "capabilities", "transaction", "batch", "operation",
    )
}  # fmt: skip
"""Interactions by their codes in FHIR."""
_SUBTYPES = {
    "login": [coding(_DCM, "110122", "Login")],
    "logout": [coding(_DCM, "110123", "Logout")],
    "token": [coding("urn:ihe:event-type-code", "ITI-71", "Get Access Token")],
    DISCLOSURE: [_DISCLOSE],
} | {name: [coding(_INTERACTION, code)] for name, code in _OF_REST.items()}


def shape_of(record: Record) -> Shape:
    """Return the codes of a record."""
    if record.interaction.startswith(ADMINISTRATION):
        return _ADMINISTER
    return _SHAPES.get(record.interaction) or _BY_ACTION.get(record.action, _EXECUTE)


def subtypes_of(record: Record) -> list[Coding]:
    """Return what exactly was done; BALP wants one code of its list for what has a profile."""
    name = record.interaction
    found = _SUBTYPES.get(name) or ([coding(OWN, name)] if name else [])
    if name.startswith(ADMINISTRATION):
        found = [coding(_DCM, "110129", "Security Configuration"), *found]
    return [*found, EMERGENCY] if record.emergency else found


def profile_of(record: Record) -> str:
    """Return the canonical of the profile that the AuditEvent keeps to; empty where it keeps to none.

    The profiles are about successes, and about one patient or none; one for each patient would tell nothing more.
    """
    name = shape_of(record).profile
    if not name or record.outcome != SUCCESS or len(record.patients) > 1:
        return ""
    if record.interaction == DISCLOSURE:
        return _canonical(name) if record.patients and record.entities else ""
    is_whole = bool(record.search) if record.interaction in SEARCHES else len(record.entities) == 1
    return _canonical(f"Patient{name}" if record.patients else name) if is_whole else ""


def _canonical(name: str) -> str:
    return f"{BALP}/StructureDefinition/IHE.BasicAudit.{name}"


def purposes(record: Record) -> list[dict[str, Any]]:
    """Return why, as the caller said."""
    return [concept("http://terminology.hl7.org/CodeSystem/v3-ActReason", record.purpose)] if record.purpose else []


def concept(system: str, code: str) -> dict[str, Any]:
    """Return a CodeableConcept of one code."""
    return {"coding": [coding(system, code)]}
