"""A security key in software: it makes passkeys and signs by them, as a browser passes it on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from identity.access.tokens.compact import decode, encode

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One key of one person.

    Attributes:
        origin: of the page that asks.
        flags: what it says of the person: present, and recognised.
        count: how often it has signed.
    """

    origin: str
    flags: int = PRESENT | VERIFIED
    count: int = 0
    credential_id: bytes = field(default_factory=lambda: token_bytes(16))
    user_handle: bytes = b""
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: str, **client: Any) -> str:
        """Return what the browser answers to the options of a registration."""
        asked = json.loads(options)
        self.user_handle = decode(asked["user"]["id"])
        point = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        about = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(cose)
        data = self._data(asked["rp"]["id"], self.flags | HAS_KEY) + about
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            {
                "clientDataJSON": self._client("webauthn.create", asked["challenge"], client),
                "attestationObject": encode(attested),
            }
        )

    def get(self, options: str, **client: Any) -> str:
        """Return what the browser answers to the options of a sign-in."""
        asked = json.loads(options)
        self.count += 1
        data = self._data(asked["rpId"], self.flags)
        told = self._client("webauthn.get", asked["challenge"], client)
        signature = self._key.sign(data + sha256(decode(told)).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": told,
                "authenticatorData": encode(data),
                "signature": encode(signature),
                "userHandle": encode(self.user_handle),
            }
        )

    def _data(self, rp_id: str, flags: int) -> bytes:
        return sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, changed: dict[str, Any]) -> str:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False} | changed
        return encode(json.dumps(told).encode())

    def _answer(self, response: dict[str, str]) -> str:
        name = encode(self.credential_id)
        members = {"id": name, "rawId": name, "type": "public-key", "response": response}
        return json.dumps(members | {"clientExtensionResults": {}})
