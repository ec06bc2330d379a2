"""What is kept, as plain records.

Secrets that were handed out (codes, refresh tokens, session cookies) are kept as SHA-256 only, or half of it: they are
256 random bits, so that a slow hash would add nothing. Passwords are kept as argon2id.
"""

from __future__ import annotations

import secrets
import time
from enum import StrEnum
from hashlib import sha256
from typing import Any

from msgspec import Struct

from identity.access.tokens.claims import SubjectType
from identity.access.tokens.compact import encode

GRANT_ID_BYTES = 12


def new_secret() -> str:
    """Return 256 random bits as 43 characters."""
    return secrets.token_urlsafe(32)


def new_id() -> str:
    """Return 128 random bits as 22 characters."""
    return secrets.token_urlsafe(16)


def new_grant_id() -> str:
    """Return an id of a grant: 16 characters of 42 bits of time (milliseconds) and 54 random ones."""
    # Ids of one time lie together in the index, which so stays small.
    made = int(time.time() * 1000) << 54 | secrets.randbits(54)
    return encode(made.to_bytes(GRANT_ID_BYTES, "big"))


def digest(secret: str) -> str:
    """Return what is kept of a secret that was handed out."""
    return encode(sha256(secret.encode()).digest())


def short_digest(secret: str) -> str:
    """Return what is kept of a refresh token, of which there are many: 128 bits."""
    return encode(sha256(secret.encode()).digest()[:16])


class GrantType(StrEnum):
    """The ways to get a token."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a grant type
    CLIENT_CREDENTIALS = "client_credentials"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a grant type


class ClientAuthentication(StrEnum):
    """How a client proves who it is at the token endpoint."""

    NONE = "none"
    """A public client: PKCE alone ties its requests together."""
    SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a method's name
    PRIVATE_KEY_JWT = "private_key_jwt"


class Client(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An application that may ask for tokens.

    Attributes:
        client_id: its public name.
        name: what people are shown.
        authentication: how it proves who it is.
        grant_types: ways to get a token that it may use.
        redirect_uris: where answers may be sent, compared character by character.
        post_logout_redirect_uris: where browsers may be sent after a logout that it started.
        scope: the most it may be granted.
        secret_digest: SHA-256 of its secret (``client_secret_basic``).
        jwks: its public keys (``private_key_jwt``).
        jwks_uri: where its public keys are found, in place of *jwks*.
        dpop_bound: whether its tokens are always bound to a key.
        id_token_algorithm: what its id_tokens are signed by.
        subject_type: ``system`` or ``device``, for tokens it gets for itself.
        organisation: id of the organisation it belongs to.
        audiences: resource servers beside this one's own that it may exchange tokens for.
        may_introspect: whether it may ask about tokens of other clients, as a resource server does.
        may_launch: whether it may make launch contexts, as an EHR does.
        is_active: whether it may do anything at all.
    """

    client_id: str
    name: str
    authentication: ClientAuthentication
    grant_types: frozenset[GrantType]
    scope: str
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    secret_digest: str | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    dpop_bound: bool = False
    id_token_algorithm: str = "ES256"  # noqa: S105 - an algorithm
    subject_type: SubjectType = "system"
    organisation: str | None = None
    audiences: tuple[str, ...] = ()
    may_introspect: bool = False
    may_launch: bool = False
    is_active: bool = True


class User(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person who may sign in.

    Attributes:
        user_id: id that never changes.
        login_name: what the person types, in lower case.
        password_hash: argon2id.
        totp_secret: base32 secret of the second factor, where there is one.
        fhir_user: reference of the person's resource, such as ``Practitioner/1``.
        patient: logical id of the person's own Patient, where the person is one.
        subject_type: ``person`` or ``practitioner``.
        scope: the most that may be granted in the person's name.
        organisation: id of the organisation the person acts for.
        facility: FOSA id.
        roles: names of roles.
        name: what the person is called on pages.
        is_active: whether the person may sign in.
        must_change_password: whether the password was chosen by somebody else and is good for one sign-in only.
        password_until: when such a password ends, seconds since 1970; 0 for never.
        valid_from: sessions and grants from before this time are over, seconds since 1970.
    """

    user_id: str
    login_name: str
    password_hash: str
    fhir_user: str
    scope: str
    totp_secret: str | None = None
    patient: str | None = None
    subject_type: SubjectType = "practitioner"
    organisation: str | None = None
    facility: str | None = None
    roles: tuple[str, ...] = ()
    name: str = ""
    is_active: bool = True
    must_change_password: bool = False
    password_until: float = 0
    valid_from: float = 0

    def lets(self, auth_time: float) -> bool:
        """Tell whether what the person signed in for at *auth_time* (seconds since 1970) is still good."""
        # Grants know whole seconds only.
        return self.is_active and auth_time >= int(self.valid_from)


class Role(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people and systems of one kind may do.

    Attributes:
        name: as users and clients carry it.
        scope: what may be reached, in the notation of scopes for resources.
        purposes: codes of purposes of use for which it may be; empty for any.
        labels: codes of security labels whose resources may be reached; ``*`` stands for all.
        breaks_glass: whether consents and labels may be passed over in an emergency.
        administers: whether what runs the store may be used: rebuilding its index, packages.
        own: whether only the compartment of the person's own resource may be reached.
        description: for people.
    """

    name: str
    scope: str
    purposes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    breaks_glass: bool = False
    administers: bool = False
    own: bool = False
    description: str = ""


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule by attributes, in the language Cedar.

    Attributes:
        name: its own.
        text: one or several policies.
        description: for people.
    """

    name: str
    text: str
    description: str = ""


class Passkey(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A public key credential of a person (WebAuthn).

    Attributes:
        credential_id: base64url.
        user_id: whose it is.
        public_key: as COSE, base64url.
        sign_count: the authenticator's counter; 0 where it has none.
        name: what the person calls it.
        created_at: seconds since 1970.
    """

    credential_id: str
    user_id: str
    public_key: str
    sign_count: int = 0
    name: str = ""
    created_at: float = 0


class TicketKind(StrEnum):
    """What a secret that was handed out is good for."""

    CODE = "code"
    REQUEST = "request"
    PUSHED = "pushed"
    SESSION = "session"
    DEVICE = "device"
    LAUNCH = "launch"
    PASSWORD = "password"  # noqa: S105 - a kind of ticket
    CHALLENGE = "challenge"


class Ticket(Struct, frozen=True, kw_only=True):
    """A secret that was handed out, known by its digest, and what it stands for.

    Attributes:
        kind: what it is good for; a digest means nothing under another kind.
        digest: SHA-256 of the secret.
        body: JSON of what it stands for.
        expires_at: seconds since 1970.
    """

    kind: TicketKind
    digest: str
    body: bytes
    expires_at: float


class Family(Struct, frozen=True, kw_only=True):
    """The refresh tokens that follow from one grant; only the newest is good.

    Attributes:
        grant_id: the grant's id, which its access tokens carry.
        client_id: the client they belong to.
        user_id: the person who granted.
        current: short digest of the newest refresh token.
        expires_at: whole seconds since 1970.
    """

    grant_id: str
    client_id: str
    user_id: str
    current: str
    expires_at: int
