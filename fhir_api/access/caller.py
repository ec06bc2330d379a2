"""Who calls: what is known of whoever sent a request, and what their token allows at most.

Spec: https://hl7.org/fhir/R4/security.html#authorization
"""

from __future__ import annotations

from dataclasses import dataclass

from identity.access.hosting.owner import CLIENT_ID, ROLE
from identity.access.scopes.permissions import Permissions
from identity.access.tokens.verifier import Verified


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request, or the server itself.

    Attributes:
        tenant: the tenant whose resources are meant.
        subject: keyed hash of the person, practitioner, system or device, never an identifier; empty for the server.
        subject_type: what kind of subject acts: ``person | practitioner | system | device``.
        client_id: the client that the token was issued to.
        permissions: what the scopes of the token allow; None where nothing is limited.
        roles: names of roles.
        purpose: code of http://terminology.hl7.org/CodeSystem/v3-ActReason that the caller states.
        emergency: why the caller breaks the glass, in their words; None where they do not.
        token_id, grant_id: of the token.
        fhir_user: reference of the person, such as ``Practitioner/1``.
        organisation, facility, device: ids of what the subject acts for, or is.
        assurance: how surely the subject was recognised, 1 to 3.
    """

    tenant: int
    subject: str = ""
    subject_type: str = "system"
    client_id: str = ""
    permissions: Permissions | None = None
    roles: tuple[str, ...] = ()
    purpose: str | None = None
    emergency: str | None = None
    token_id: str | None = None
    grant_id: str | None = None
    fhir_user: str | None = None
    organisation: str | None = None
    facility: str | None = None
    device: str | None = None
    assurance: int = 1

    @classmethod
    def unlimited(cls, tenant: int) -> Caller:
        """Return the caller that may do everything in *tenant*: the server's own jobs, and a server without access."""
        return cls(tenant)

    @classmethod
    def of(cls, verified: Verified) -> Caller:
        """Return whoever a token speaks of."""
        claims, identity = verified.claims, verified.claims.identity
        return cls(
            identity.tenant,
            subject=identity.subject,
            subject_type=identity.subject_type,
            client_id=claims.client_id,
            permissions=verified.permissions,
            roles=identity.roles,
            token_id=claims.token_id,
            grant_id=claims.grant_id,
            fhir_user=claims.fhir_user,
            organisation=identity.organisation,
            facility=identity.facility,
            device=identity.device,
            assurance=identity.assurance,
        )

    @property
    def is_unlimited(self) -> bool:
        """Whether nothing limits what the caller may reach."""
        return self.permissions is None

    @property
    def is_installation(self) -> bool:
        """Whether the installation itself acts: the data folder's owner, or what takes in messages for it.

        No client of a tenant can be it: clients get other ids, and nobody can be given the role.
        """
        return self.client_id == CLIENT_ID and ROLE in self.roles

    @property
    def patient(self) -> str | None:
        """Logical id of the patient in context."""
        return None if self.permissions is None else self.permissions.patient
