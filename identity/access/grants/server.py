"""What every part of the authorization server of one tenant works with."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Any

from identity.access.clock import Clock, system_clock
from identity.access.noting import Note, note_nothing
from identity.access.store.port import AccessStore
from identity.access.store.records import User
from identity.access.tokens.compact import encode
from identity.access.tokens.jwk import VerificationKey
from identity.access.tokens.keys import KeySet
from identity.access.tokens.revocations import Revocations
from identity.access.tokens.verifier import Expected, Verifier

_BASE = re.compile(r"(https://[^/?#@\s]+|http://(127\.0\.0\.1|\[::1\]|localhost)(:[0-9]+)?)(/[^/?#\s]+)*")
FetchKeys = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""Gives the key set at a URL that a client registered; None when it cannot be had."""


PolicyEpochOf = Callable[[int, int], int]
"""Gives the generation of a tenant's rules that is known to be in force, or the second argument where none is."""


def no_rules(tenant: int, otherwise: int) -> int:
    """Return *otherwise*: no rules are known of *tenant*."""
    del tenant
    return otherwise


async def no_fetching(url: str) -> Mapping[str, Any] | None:
    """Fetch nothing: what outside URLs may be asked for is for whoever wires the server to say."""
    del url
    return None


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things are good for, in seconds.

    Attributes:
        code: an authorization code.
        request: an authorization request under way, from its arrival to the person's answer.
        pushed: a pushed authorization request.
        refresh: a family of refresh tokens, from the grant on.
        online: a family that ends soon because ``offline_access`` was not granted.
        session: a person's session.
        device: a device's code.
        launch: a launch context.
    """

    code: int = 60
    request: int = 900
    pushed: int = 60
    refresh: int = 90 * 24 * 3600
    online: int = 12 * 3600
    session: int = 12 * 3600
    device: int = 600
    launch: int = 300


@dataclass(slots=True)
class Server:
    """The authorization server of one tenant.

    Attributes:
        issuer: its URL, without a slash at the end.
        fhir_base: the FHIR base URL that tokens are for, without a slash at the end.
        tenant: the tenant's number.
        store: what it keeps.
        keys: what it signs with.
        secret: key of its keyed hashes, at least 32 bytes.
        clock: the time.
        lifetimes: how long things are good for.
        policy_epoch_of: gives the generation of the rules of a tenant that are in force.
        fetch_keys: how key sets of clients are fetched.
        statement_keys: keys of those who vouch for software that registers itself, by ``kid``.
        revocations: what is revoked, as this process knows it.
        note: takes note of sign-ins and tokens.
        verifier: verifies the server's own access tokens.
    """

    issuer: str
    fhir_base: str
    tenant: int
    store: AccessStore
    keys: KeySet
    secret: bytes
    clock: Clock = system_clock
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    policy_epoch_of: PolicyEpochOf = no_rules
    fetch_keys: FetchKeys = no_fetching
    statement_keys: Mapping[str, VerificationKey] = field(default_factory=dict)
    revocations: Revocations = field(default_factory=Revocations)
    note: Note = note_nothing
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        """Derive what follows from the rest.

        Raises:
            ValueError: the secret is too short, or the issuer or base no URL as it has to be.
        """
        if len(self.secret) < 32:  # noqa: PLR2004 - the size of the hash
            raise ValueError("the secret has to have 32 bytes")
        for url in (self.issuer, self.fhir_base):
            if not _BASE.fullmatch(url):
                raise ValueError("issuer and FHIR base are https URLs, or http on loopback, without a slash at the end")
        self.verifier = Verifier(
            self.keys.find, Expected(self.issuer, self.fhir_base), self.revocations, clock=self.clock
        )

    @property
    def policy_epoch(self) -> int:
        """The generation of rules in force."""
        return self.policy_epoch_of(self.tenant, 0)

    def endpoint(self, name: str) -> str:
        """Return the URL of the endpoint *name*."""
        return f"{self.issuer}/{name}"

    def keyed_hash(self, purpose: str, text: str) -> str:
        """Return a hash that nobody without the secret can make or compare with another installation's."""
        return encode(hmac_digest(self.secret, f"{purpose}\0{self.tenant}\0{text}".encode(), sha256))[:22]

    async def refresh_revocations(self) -> None:
        """Take note of what was revoked elsewhere: to be called every few seconds in each process."""
        self.revocations.add(await self.store.revoked(self.clock()))

    async def revoke(self, name: str, until: float) -> None:
        """Revoke the token or grant with this id, here at once and elsewhere at the next refresh."""
        await self.store.revoke(name, until)
        self.revocations.add([(name, until)])

    def hashed_subject(self, user: User) -> str:
        """Return the hash under which *user* stands in the claims of the platform."""
        return self.keyed_hash("subject", user.user_id)
