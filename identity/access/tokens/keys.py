"""The server's own signing keys: rotation with overlap, and the published key set.

A key is published before it signs and stays published until the last token it signed has expired, so that a verifier
with a copy of the set that is a little old never meets a key it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from identity.access.clock import Clock, system_clock
from identity.access.tokens.algorithms import ALGORITHMS, Algorithm, PrivateKey, algorithm_of
from identity.access.tokens.jwk import VerificationKey, public_jwk, thumbprint

DEFAULT_ALGORITHM = "ES256"


@dataclass(frozen=True, slots=True)
class Rotation:
    """When keys change, in seconds.

    Attributes:
        announced: how long a key is published before it signs; longer than anybody may cache the set.
        signs: how long a key signs.
        overlap: how long it stays published afterwards; longer than any token it signed is valid.
    """

    announced: int = 3600
    signs: int = 30 * 24 * 3600
    overlap: int = 24 * 3600


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, its one algorithm and the times it is used.

    Attributes:
        private: the key.
        algorithm: what it signs by.
        signs_from: seconds since 1970.
        signs_until: seconds since 1970.
        public: its public half; ``kid`` is the RFC 7638 thumbprint.
    """

    private: PrivateKey
    algorithm: Algorithm
    signs_from: float
    signs_until: float
    public: VerificationKey = field(init=False)

    def __post_init__(self) -> None:
        """Derive the public half."""
        key = self.private.public_key()
        kid = thumbprint(public_jwk(key))
        object.__setattr__(self, "public", VerificationKey(kid, key, algorithm_of(key, self.algorithm.name)))

    def sign(self, signed: bytes) -> bytes:
        """Return the signature over *signed*."""
        return self.algorithm.sign(signed, self.private)


class KeySet:
    """The signing keys of an issuer. :meth:`rotate` has to be called now and then; it makes and drops keys."""

    def __init__(
        self,
        keys: Iterable[SigningKey] = (),
        *,
        algorithms: Iterable[str] = (DEFAULT_ALGORITHM,),
        rotation: Rotation | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Start from *keys*; what *algorithms* need beyond them is made at once."""
        self.algorithms = tuple(algorithms)
        self._keys = tuple(keys)
        self._rotation = rotation or Rotation()
        self._clock = clock
        self.rotate()

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """All keys that are published, to be kept."""
        return self._keys

    def rotate(self) -> bool:
        """Drop keys whose overlap is over and announce those that will sign next; True when something changed."""
        now = self._clock()
        kept = [key for key in self._keys if now < key.signs_until + self._rotation.overlap]
        for name in self.algorithms:
            kept.extend(self._missing(name, [key for key in kept if key.algorithm.name == name], now))
        changed = tuple(kept) != self._keys
        self._keys = tuple(kept)
        return changed

    def take(self, keys: Iterable[SigningKey]) -> None:
        """Go on with *keys*, which another process kept, and rotate them."""
        self._keys = tuple(keys)
        self.rotate()

    def signer(self, algorithm: str = DEFAULT_ALGORITHM) -> SigningKey:
        """Return the key that signs now by *algorithm*.

        Raises:
            KeyError: the set has no key for that algorithm.
        """
        now = self._clock()
        usable = [key for key in self._keys if key.algorithm.name == algorithm and key.signs_from <= now]
        if not usable:
            raise KeyError(algorithm)
        # A set that nobody rotated goes on with its newest key rather than refuse everybody.
        return max(usable, key=lambda key: key.signs_from)

    def find(self, kid: str) -> VerificationKey | None:
        """Return the published key with this ``kid``."""
        return next((key.public for key in self._keys if key.public.kid == kid), None)

    def jwks(self) -> Mapping[str, Any]:
        """Return the JSON Web Key Set document."""
        return {"keys": [key.public.jwk() for key in self._keys]}

    def _missing(self, name: str, keys: list[SigningKey], now: float) -> list[SigningKey]:
        last = max((key.signs_until for key in keys), default=now)
        if last > now + self._rotation.announced:
            return []
        begins = max(last, now)
        return [SigningKey(ALGORITHMS[name].generate(), ALGORITHMS[name], begins, begins + self._rotation.signs)]
