"""The signature algorithms in use, and which of them a key is for.

A key has one algorithm, told by the key itself. What a token's header says can only agree with it.

Spec: https://datatracker.ietf.org/doc/html/rfc8725#section-3.1
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import get_default_algorithms

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_LEAST_RSA_BITS = 2048
_MOST_RSA_BITS = 8192
"""Verification with a larger key is a way to keep the server busy."""
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384"}


class KeyRefusedError(ValueError):
    """A key is of a kind or size that is not used here."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to sign.

    Attributes:
        name: as in the header ``alg``.
        sign: gives the signature of bytes with a private key.
        verify: tells whether a signature is right: ``verify(signed, public_key, signature)``.
        generate: makes a private key.
    """

    name: str
    sign: Callable[[bytes, Any], bytes]
    verify: Callable[[bytes, Any, bytes], bool]
    generate: Callable[[], PrivateKey]


def _rsa() -> PrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


def _elliptic(curve: ec.EllipticCurve) -> Callable[[], PrivateKey]:
    return lambda: ec.generate_private_key(curve)


_GENERATORS = {"ES256": _elliptic(ec.SECP256R1()), "ES384": _elliptic(ec.SECP384R1()), "RS256": _rsa, "RS384": _rsa}
_IMPLEMENTED = get_default_algorithms()

ALGORITHMS = {
    name: Algorithm(name, _IMPLEMENTED[name].sign, _IMPLEMENTED[name].verify, generate)
    for name, generate in _GENERATORS.items()
}


def algorithm_of(key: PublicKey, said: str | None = None) -> Algorithm:
    """Return the algorithm that *key* is for; an RSA key is for RS384 unless its ``alg`` *said* RS256.

    Raises:
        KeyRefusedError: no algorithm in use fits, or another one was said.
    """
    if isinstance(key, rsa.RSAPublicKey):
        if not _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS:
            raise KeyRefusedError(f"RSA keys have {_LEAST_RSA_BITS} to {_MOST_RSA_BITS} bits")
        name = "RS256" if said == "RS256" else "RS384"
    elif key.curve.name in _CURVES:
        name = _CURVES[key.curve.name]
    else:
        raise KeyRefusedError("keys are RSA, P-256 or P-384")
    if said is not None and said != name:
        raise KeyRefusedError(f"a key of this kind is for {name}")
    return ALGORITHMS[name]
