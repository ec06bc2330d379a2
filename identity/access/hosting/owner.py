"""The owner's key: whoever can read it in the data folder may do everything, and makes tokens for scripts with it.

It is the key of this data folder only, is in no published key set, and its tokens are good for a day at most.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from stanforis.errors import OperatorError

from identity.access.hosting.addresses import DEFAULT_TENANT, Site
from identity.access.scopes.scope_set import read_scopes
from identity.access.store.records import new_id
from identity.access.tokens.claims import SYSTEM_SECONDS, AccessToken, DigitalIdentity
from identity.access.tokens.jwk import VerificationKey
from identity.access.tokens.key_file import KeyFile
from identity.access.tokens.keys import Rotation, SigningKey
from identity.access.tokens.signing import signed_access_token

LONGEST = 24 * 3600
"""Seconds of the longest lifetime of an owner's token."""
CLIENT_ID = "stanforis-owner"
ROLE = "owner"
EVERYTHING = "system/*.cruds access.read access.write hl7.read hl7.write"
# It stays until somebody takes the file away: rotating it would bring nothing that the file's permissions do not.
_FOREVER = Rotation(announced=0, signs=100 * 365 * 24 * 3600)


def owner_key(folder: Path) -> SigningKey:
    """Return the key in the data folder, made the first time.

    Raises:
        OperatorError: this user cannot read or write the folder.
    """
    path = folder / "access" / "owner.json"
    try:
        return KeyFile(path, rotation=_FOREVER).keys.signer()
    except PermissionError:
        raise OperatorError(f"{path} belongs to another user: run this as the user that runs the server.") from None


def owner_verification(key: SigningKey) -> VerificationKey:
    """Return what the owner's tokens are verified with."""
    return replace(key.public, longest=LONGEST)


def owner_token(
    key: SigningKey,
    base_url: str,
    *,
    scope: str = EVERYTHING,
    tenant: int = DEFAULT_TENANT,
    lifetime: int = SYSTEM_SECONDS,
    client_id: str = CLIENT_ID,
    roles: tuple[str, ...] = (ROLE,),
    organisation: str | None = None,
) -> str:
    """Return an access token, of the owner or of a part of the installation that acts under a name of its own.

    Args:
        key: the owner's.
        base_url: FHIR base URL of the installation's default tenant.
        scope: what it allows.
        tenant: whose resources are meant.
        lifetime: seconds; :data:`LONGEST` at most.
        client_id: who acts.
        roles: what they may be.
        organisation: id of the organisation they act for.

    Raises:
        OAuthError: the scope is not understood, or too long (invalid_scope).
        SettingError: the base URL is none that tokens can be for.
    """
    addresses = Site.of(base_url).tenant(tenant)
    now = int(time.time())
    claims = AccessToken(
        issuer=addresses.issuer,
        subject=client_id,
        audience=addresses.fhir_base,
        issued_at=now,
        expires_at=now + min(lifetime, LONGEST),
        token_id=new_id(),
        client_id=client_id,
        scope=str(read_scopes(scope)),
        identity=DigitalIdentity(
            subject_type="system", subject=client_id, tenant=tenant, roles=roles, organisation=organisation, assurance=2
        ),
    )
    return signed_access_token(claims, key)
