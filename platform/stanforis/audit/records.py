"""What is on record of one access.

Spec: https://hl7.org/fhir/R4/auditevent.html, https://profiles.ihe.net/ITI/BALP/
"""

from __future__ import annotations

import ipaddress
import time
from functools import lru_cache

from msgspec import Struct

SUCCESS, MINOR, SERIOUS, MAJOR = "0", "4", "8", "12"
"""Codes of http://hl7.org/fhir/audit-event-outcome."""
_REFUSED, _FAILED = 400, 500


def now() -> int:
    """Return the time, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@lru_cache(maxsize=4096)
def network(peer: str | None) -> str:
    """Return the class of an address: ``loopback | private | public``; empty for one that is not known."""
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return ""
    if address.is_loopback:
        return "loopback"
    return "private" if address.is_private else "public"


class Who(Struct, frozen=True, omit_defaults=True):
    """Who acted.

    Attributes:
        subject: keyed hash of the person or system, never an identifier; empty where nobody is known.
        subject_type: ``person | practitioner | system | device``.
        client: id of the client that the token was issued to.
        user: reference of the person, such as ``Practitioner/1``.
        roles: names of roles.
    """

    subject: str = ""
    subject_type: str = ""
    client: str = ""
    user: str = ""
    roles: tuple[str, ...] = ()


NOBODY = Who()


class Record(Struct, frozen=True, omit_defaults=True):
    """One access.

    Attributes:
        at: milliseconds since 1970, UTC.
        interaction: its code, such as ``read``, ``search-type``, ``operation`` or ``login``.
        action: ``C | R | U | D | E``: create, read, update, delete, execute.
        status: of the answer, as HTTP counts.
        who: who acted.
        request: id of the request.
        method: HTTP verb.
        route: template of the URL.
        search: type and names of parameters, never their values: ``Observation?code&date``.
        entities: what was asked for by its key, was written, or concerns no patient, such as
            ``Observation/1/_history/2``.
        found: what else was given, each of it about one of *patients*.
        patients: logical ids of the patients whose data was touched.
        purpose: code of http://terminology.hl7.org/CodeSystem/v3-ActReason.
        emergency: why the glass was broken, in the caller's words.
        network: where the request came from: ``loopback | private | public``.
        recipient: name of the system that data was handed to.
        address: of that system.
        changed: names of what an administrator changed, never values.
    """

    at: int
    interaction: str
    action: str
    status: int
    who: Who = NOBODY
    request: str = ""
    method: str = ""
    route: str = ""
    search: str = ""
    entities: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    purpose: str = ""
    emergency: str = ""
    network: str = ""
    recipient: str = ""
    address: str = ""
    changed: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """Code of http://hl7.org/fhir/audit-event-outcome: a refusal is minor, a fault of the server serious."""
        if self.status < _REFUSED:
            return SUCCESS
        return MINOR if self.status < _FAILED else SERIOUS

    def touches(self, key: str) -> bool:
        """Tell whether the resource *key*, such as ``Patient/1``, is among what was touched."""
        return any(each.partition("/_history/")[0] == key for each in (*self.entities, *self.found))
