"""Keys, clocks and tokens for tests of the authorization server."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from identity.access.tokens.claims import AccessToken, DigitalIdentity

ISSUER = "https://access.test/t/default"
FHIR = "https://fhir.test/fhir"
NOW = 1_800_000_000


@dataclass
class TestClock:
    """A clock that goes only when it is told to."""

    __test__ = False
    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def access_claims(**changed: Any) -> AccessToken:
    """Return the claims of an ordinary access token of a practitioner."""
    claims: dict[str, Any] = {
        "issuer": ISSUER,
        "subject": "u1",
        "audience": FHIR,
        "issued_at": NOW,
        "expires_at": NOW + 300,
        "token_id": "token-1",
        "client_id": "app",
        "scope": "user/Patient.rs",
        "identity": DigitalIdentity(subject_type="practitioner", subject="h", tenant=1),
        "grant_id": "grant-1",
    }
    return AccessToken(**(claims | changed))


def part(members: object) -> str:
    """Return one part of a token: JSON as base64url."""
    return raw_part(json.dumps(members).encode())


def raw_part(content: bytes) -> str:
    """Return *content* as base64url."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()
