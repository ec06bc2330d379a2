"""What was granted: the common ground of codes, families and tokens."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Grant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person allowed a client, or what a client may do by itself.

    Attributes:
        grant_id: its own id, which access tokens carry.
        client_id: the client.
        scope: what is allowed.
        user_id: the person who allowed it; empty where the client acts for itself.
        patient: logical id of the patient in context.
        encounter: logical id of the encounter in context.
        launch: further members of the launch context, for the token response.
        auth_time: when the person signed in, seconds since 1970.
        methods: how the person was recognised (RFC 8176).
        nonce: of the authentication request (OpenID Connect).
        key: thumbprint of the key that tokens are bound to (DPoP).
        actor: who acts for the person.
        audience: the resource server, where it is not this installation's own.
    """

    grant_id: str
    client_id: str
    scope: str
    user_id: str = ""
    patient: str | None = None
    encounter: str | None = None
    launch: dict[str, Any] = {}
    auth_time: int = 0
    methods: tuple[str, ...] = ()
    nonce: str | None = None
    key: str | None = None
    actor: dict[str, Any] | None = None
    audience: str | None = None
