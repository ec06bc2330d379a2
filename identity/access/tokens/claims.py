"""What an access token says.

Claims of the platform stand in one namespace, ``di`` (Digital Identity), under short names: a token travels with every
request.

Spec: https://datatracker.ietf.org/doc/html/rfc9068#section-2.2
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

SubjectType = Literal["person", "practitioner", "system", "device"]

STAFF_SECONDS = 300
SYSTEM_SECONDS = 600
LARGEST = 1200
"""Characters of the largest access token that is issued."""


class DigitalIdentity(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who acts, as far as decisions need to know.

    Attributes:
        subject_type: what kind of subject acts (``typ``).
        subject: keyed hash of the person's or practitioner's id, never the id (``sub``).
        tenant: the tenant whose resources are meant (``ten``).
        organisation: id of the organisation the subject acts for (``org``).
        facility: FOSA id of the facility (``fac``).
        device: id of the device (``dev``).
        roles: names of roles, which decisions look up.
        assurance: how surely the subject was recognised, 1 to 3 (``ial``).
        policy_epoch: the generation of rules that was in force (``pol``).
    """

    subject_type: SubjectType = field(name="typ")
    subject: str = field(name="sub")
    tenant: int = field(name="ten")
    organisation: str | None = field(default=None, name="org")
    facility: str | None = field(default=None, name="fac")
    device: str | None = field(default=None, name="dev")
    roles: tuple[str, ...] = ()
    assurance: int = field(default=1, name="ial")
    policy_epoch: int = field(default=0, name="pol")


class Confirmation(Struct, frozen=True, kw_only=True):
    """The key that whoever shows the token has to hold (RFC 9449 section 6.1)."""

    jkt: str


class AccessToken(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The claims of an access token.

    Attributes:
        issuer: URL of the authorization server.
        subject: whom the token is for, in the server's own words.
        audience: FHIR base URL that takes it, or several.
        issued_at: seconds since 1970.
        expires_at: seconds since 1970.
        token_id: this token's own id.
        client_id: the client it was issued to.
        scope: what is allowed, separated by spaces.
        identity: claims of the platform.
        grant_id: what the token descends from; revoking it revokes the token.
        patient: logical id of the patient in context (SMART).
        encounter: logical id of the encounter in context (SMART).
        fhir_user: reference of the person, such as ``Practitioner/1``.
        confirmation: key that the token is bound to.
        actor: who acts for the subject (RFC 8693 section 4.1).
        not_before: seconds since 1970; where an issuer other than this server says so.
    """

    issuer: str = field(name="iss")
    subject: str = field(name="sub")
    audience: str | tuple[str, ...] = field(name="aud")
    issued_at: int = field(name="iat")
    expires_at: int = field(name="exp")
    token_id: str = field(name="jti")
    client_id: str
    scope: str
    identity: DigitalIdentity = field(name="di")
    grant_id: str | None = field(default=None, name="gid")
    patient: str | None = None
    encounter: str | None = None
    fhir_user: str | None = field(default=None, name="fhirUser")
    confirmation: Confirmation | None = field(default=None, name="cnf")
    actor: dict[str, Any] | None = field(default=None, name="act")
    not_before: int | None = field(default=None, name="nbf")

    def is_for(self, audience: str) -> bool:
        """Tell whether *audience* is meant."""
        return self.audience == audience or (isinstance(self.audience, tuple) and audience in self.audience)
