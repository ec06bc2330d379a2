"""JSON Web Keys: public keys as they are published and as clients register them.

Spec: https://datatracker.ietf.org/doc/html/rfc7517 and, for thumbprints, https://datatracker.ietf.org/doc/html/rfc7638
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from identity.access.tokens.algorithms import Algorithm, KeyRefusedError, PublicKey, algorithm_of
from identity.access.tokens.claims import SYSTEM_SECONDS
from identity.access.tokens.compact import encode

_REQUIRED = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MOST_KEYS = 20
Jwk = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that signatures are verified with, by its one algorithm.

    Attributes:
        kid: its name.
        key: the key.
        algorithm: what it is for.
        longest: seconds of the longest lifetime that is believed of an access token it signed.
    """

    kid: str
    key: PublicKey
    algorithm: Algorithm
    longest: int = SYSTEM_SECONDS

    def verify(self, signed: bytes, signature: bytes) -> bool:
        """Tell whether *signature* is this key's over *signed*."""
        return self.algorithm.verify(signed, self.key, signature)

    def jwk(self) -> dict[str, Any]:
        """Return the key as it is published."""
        members = public_jwk(self.key)
        return members | {"kid": self.kid, "use": "sig", "alg": self.algorithm.name}


def public_jwk(key: PublicKey) -> dict[str, Any]:
    """Return the members that make up *key*, and no other."""
    members = RSAAlgorithm.to_jwk(key, as_dict=True) if isinstance(key, rsa.RSAPublicKey) else _elliptic_jwk(key)
    return {name: members[name] for name in _REQUIRED[members["kty"]]}


def _elliptic_jwk(key: Any) -> dict[str, Any]:
    return ECAlgorithm.to_jwk(key, as_dict=True)


def thumbprint(jwk: Jwk) -> str:
    """Return the SHA-256 thumbprint of a key (43 characters)."""
    members = {name: jwk[name] for name in _REQUIRED[jwk["kty"]]}
    return encode(sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def read_key(jwk: object) -> VerificationKey:
    """Return the public key in *jwk*; its ``kid`` is the thumbprint where none is given.

    Raises:
        KeyRefusedError: it is no public key, or of a kind that is not used here.
    """
    if not isinstance(jwk, Mapping) or not isinstance(jwk.get("kty"), str) or jwk["kty"] not in _REQUIRED:
        raise KeyRefusedError("a JSON Web Key has kty RSA or EC")
    if _PRIVATE & jwk.keys():
        raise KeyRefusedError("a private key must not be sent to anybody")
    members = {name: jwk.get(name) for name in _REQUIRED[jwk["kty"]]}
    if not all(isinstance(member, str) for member in members.values()):
        raise KeyRefusedError(f"a key of kty {jwk['kty']} has the members {', '.join(members)}")
    try:
        key: Any = (RSAAlgorithm if jwk["kty"] == "RSA" else ECAlgorithm).from_jwk(dict(members))
    except (PyJWTError, ValueError):
        raise KeyRefusedError("the members of the key do not make up a key") from None
    said = jwk.get("alg")
    return VerificationKey(str(jwk.get("kid") or thumbprint(members)), key, algorithm_of(key, said))


def read_key_set(jwks: object) -> dict[str, VerificationKey]:
    """Return the signature keys of a JSON Web Key Set by ``kid``; keys for encryption are passed over.

    Raises:
        KeyRefusedError: there is no usable set, a key in it is refused, or two have one ``kid``.
    """
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= _MOST_KEYS:
        raise KeyRefusedError(f"a key set has a list 'keys' of 1 to {_MOST_KEYS} keys")
    read = [read_key(each) for each in keys if not isinstance(each, Mapping) or each.get("use", "sig") == "sig"]
    found = {each.kid: each for each in read}
    if len(found) != len(read) or not found:
        raise KeyRefusedError("each signature key has a kid of its own")
    return found
