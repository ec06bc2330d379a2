"""Whom a provision of a consent is about: actors, purposes of use and periods, asked of one caller.

Spec: https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision.actor
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from fhir_api.access.caller import Caller
from fhir_api.access.consents import Actor, Provision
from fhir_api.access.hierarchies import with_below
from fhir_api.model.references import parse_restful

_TREATMENT: Final = "TREAT"
_ORIGINS: Final = frozenset({"AUT", "CST", "ENT", "INF"})
"""Roles of whom information comes from, author, custodian, enterer, informant: not of who asks for it."""
_PERSONS: Final = frozenset({"Practitioner", "Patient", "RelatedPerson"})


class Answer(IntEnum):
    """Whether something is so; the order is that of certainty."""

    NO = 0
    UNSURE = 1
    YES = 2


def concerns(provision: Provision, caller: Caller, now: float) -> Answer:
    """Tell whether a provision is in force at *now*, milliseconds since 1970, and about this caller."""
    if not provision.low <= now < provision.high or not _is_for(provision, caller.purpose or _TREATMENT):
        return Answer.NO
    if not provision.actors:
        return Answer.YES
    return max(_is_actor(actor, caller) for actor in provision.actors)


def _is_for(provision: Provision, purpose: str) -> bool:
    return not provision.purposes or any(purpose in with_below(each) for each in provision.purposes)


def _is_actor(actor: Actor, caller: Caller) -> Answer:
    """Tell whether *actor* is the caller: a group or somebody elsewhere may be, so may anybody who is not known."""
    found = parse_restful(actor.reference)
    if found is None or found.base is not None or actor.roles & _ORIGINS:
        return Answer.UNSURE
    kind, logical_id = found.key
    if kind in _PERSONS:
        return _is_person(kind, str(found.key), caller.fhir_user)
    if kind == "Person":
        return Answer.YES if caller.fhir_user == str(found.key) else Answer.UNSURE
    known = {"Organization": caller.organisation, "Device": caller.device}.get(kind)
    if known is None:
        return Answer.UNSURE
    return Answer.YES if known == logical_id else Answer.NO


def _is_person(kind: str, reference: str, fhir_user: str | None) -> Answer:
    """Tell whether a caller is a person; whoever is known by another kind of resource is another one."""
    if fhir_user == reference:
        return Answer.YES
    known = (fhir_user or "").partition("/")[0]
    return Answer.NO if known in _PERSONS else Answer.UNSURE
