"""The question that roles and rules answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: may somebody like this do this?

    Attributes:
        roles: names of roles.
        interaction: a FHIR interaction, as in :data:`identity.access.scopes.permissions.LETTERS`.
        resource_type: on which type.
        subject_type: ``person | practitioner | system | device``.
        purpose: code of the purpose of use (http://terminology.hl7.org/CodeSystem/v3-ActReason), where one is stated.
        organisation: id of the organisation the subject acts for.
        facility: FOSA id.
        assurance: how surely the subject was recognised, 1 to 3.
        emergency: whether the glass is broken.
    """

    roles: tuple[str, ...]
    interaction: str
    resource_type: str
    subject_type: str = "practitioner"
    purpose: str | None = None
    organisation: str | None = None
    facility: str | None = None
    assurance: int = 1
    emergency: bool = False
