"""Making the tokens of a grant, and the answer they travel in.

Spec: https://datatracker.ietf.org/doc/html/rfc6749#section-5.1 and
https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#response-5
"""

from __future__ import annotations

from hashlib import sha256, sha384
from typing import Any

import msgspec

from identity.access.grants.grant import Grant
from identity.access.grants.sealing import refresh_token
from identity.access.grants.server import Server
from identity.access.scopes.scope_set import (
    FHIR_USER,
    OFFLINE_ACCESS,
    ONLINE_ACCESS,
    OPENID,
    PROFILE,
    ScopeSet,
    read_scopes,
)
from identity.access.store.records import Client, Family, GrantType, User, new_id, new_secret, short_digest
from identity.access.tokens.claims import (
    STAFF_SECONDS,
    SYSTEM_SECONDS,
    AccessToken,
    Confirmation,
    DigitalIdentity,
)
from identity.access.tokens.compact import encode
from identity.access.tokens.signing import signed_access_token, signed_claims

TokenResponse = dict[str, Any]


def respond(
    server: Server,
    client: Client,
    grant: Grant,
    subject: User | Client,
    *,
    scope: ScopeSet | None = None,
    until: int | None = None,
) -> TokenResponse:
    """Return the answer with an access token, and an id_token where ``openid`` was granted.

    Args:
        server: the authorization server.
        client: who gets it.
        grant: what it follows from.
        subject: the person who granted, or the client that acts for itself.
        scope: less than the grant allows, if that was asked for.
        until: the time the token ends at the latest, seconds since 1970.

    Raises:
        OAuthError: more scopes than fit into a token (invalid_scope).
    """
    allowed = read_scopes(grant.scope) if scope is None else scope
    claims = _claims(server, client, grant, subject, str(allowed), until)
    token = signed_access_token(claims, server.keys.signer())
    answer: TokenResponse = grant.launch | {
        "access_token": token,
        "token_type": "DPoP" if grant.key else "Bearer",
        "expires_in": claims.expires_at - claims.issued_at,
        "scope": claims.scope,
    }
    for name in ("patient", "encounter"):
        if getattr(grant, name) is not None:
            answer[name] = getattr(grant, name)
    if isinstance(subject, User) and OPENID in allowed.named:
        answer["id_token"] = _id_token(server, client, grant, subject, allowed, token)
    return answer


async def start_family(server: Server, client: Client, grant: Grant) -> str | None:
    """Return the first refresh token of *grant*; None where none was granted."""
    named = read_scopes(grant.scope).named
    if GrantType.REFRESH_TOKEN not in client.grant_types or not named & {OFFLINE_ACCESS, ONLINE_ACCESS}:
        return None
    secret = new_secret()
    lifetime = server.lifetimes.refresh if OFFLINE_ACCESS in named else server.lifetimes.online
    family = Family(
        grant_id=grant.grant_id,
        client_id=client.client_id,
        user_id=grant.user_id,
        current=short_digest(secret),
        expires_at=int(server.clock()) + lifetime,
    )
    await server.store.start_family(family)
    # Of what the person's browser brought, refreshed id_tokens repeat nothing (OpenID Connect Core 12.2).
    return refresh_token(server, msgspec.structs.replace(grant, nonce=None), secret)


async def end_grant(server: Server, grant_id: str) -> None:
    """Let all tokens of a grant die, access tokens too."""
    # In this order: whoever starts the family at this moment looks at the revocations afterwards.
    await server.revoke(grant_id, server.clock() + SYSTEM_SECONDS)
    await server.store.end_family(grant_id)


def _claims(
    server: Server, client: Client, grant: Grant, subject: User | Client, scope: str, until: int | None
) -> AccessToken:
    now = int(server.clock())
    user = subject if isinstance(subject, User) else None
    ends = now + (SYSTEM_SECONDS if user is None else STAFF_SECONDS)
    return AccessToken(
        issuer=server.issuer,
        subject=subject.user_id if isinstance(subject, User) else subject.client_id,
        audience=grant.audience or server.fhir_base,
        issued_at=now,
        expires_at=ends if until is None else min(ends, until),
        token_id=new_id(),
        client_id=client.client_id,
        scope=scope,
        identity=_identity(server, grant, subject),
        grant_id=grant.grant_id,
        patient=grant.patient,
        encounter=grant.encounter,
        fhir_user=(user.fhir_user or None) if user is not None else None,
        confirmation=Confirmation(jkt=grant.key) if grant.key else None,
        actor=grant.actor,
    )


def _identity(server: Server, grant: Grant, subject: User | Client) -> DigitalIdentity:
    if isinstance(subject, Client):
        return DigitalIdentity(
            subject_type=subject.subject_type,
            subject=server.keyed_hash("client", subject.client_id),
            tenant=server.tenant,
            organisation=subject.organisation,
            device=subject.client_id if subject.subject_type == "device" else None,
            assurance=2,
            policy_epoch=server.policy_epoch,
        )
    return DigitalIdentity(
        subject_type=subject.subject_type,
        subject=server.hashed_subject(subject),
        tenant=server.tenant,
        organisation=subject.organisation,
        facility=subject.facility,
        roles=subject.roles,
        assurance=2 if "mfa" in grant.methods else 1,
        policy_epoch=server.policy_epoch,
    )


def _id_token(server: Server, client: Client, grant: Grant, user: User, scope: ScopeSet, token: str) -> str:
    key = server.keys.signer(client.id_token_algorithm)
    hashed = (sha384 if key.algorithm.name.endswith("384") else sha256)(token.encode()).digest()
    now = int(server.clock())
    claims: dict[str, Any] = {
        "iss": server.issuer,
        "sub": user.user_id,
        "aud": client.client_id,
        "iat": now,
        "exp": now + STAFF_SECONDS,
        "auth_time": grant.auth_time,
        "amr": grant.methods,
        # OpenID Connect Core 3.1.3.6: the left half of the hash.
        "at_hash": encode(hashed[: len(hashed) // 2]),
    }
    if grant.nonce is not None:
        claims["nonce"] = grant.nonce
    if FHIR_USER in scope.named and user.fhir_user:
        claims["fhirUser"] = f"{server.fhir_base}/{user.fhir_user}"
    if PROFILE in scope.named:
        claims["name"] = user.name
        if user.fhir_user:
            claims["profile"] = f"{server.fhir_base}/{user.fhir_user}"
    return signed_claims(claims, key)
