"""Which resources earlier pages have brought along, small enough to travel in a cursor."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from fhir_api.model.keys import ResourceKey

MOST = 800
"""So many fit into a URL; beyond that the oldest are forgotten, and may come again."""
_WIDTH = 5
"""Bytes of each: among the hundreds of a record, two are taken for one another once in 10⁶ records."""


class Seen:
    """A set of keys as digests, in the order in which they came."""

    def __init__(self, packed: bytes = b"") -> None:
        """Begin with what :meth:`packed` gave."""
        self._digests = dict.fromkeys(packed[at : at + _WIDTH] for at in range(0, len(packed), _WIDTH))

    def __contains__(self, key: ResourceKey) -> bool:
        """Tell whether *key* was added."""
        return bool(self._digests) and _digest(key) in self._digests

    def add(self, keys: Iterable[ResourceKey]) -> None:
        """Note *keys*."""
        self._digests.update((_digest(key), None) for key in keys)

    def packed(self) -> bytes:
        """Return the newest as bytes."""
        return b"".join([*self._digests][-MOST:])


def _digest(key: ResourceKey) -> bytes:
    return blake2b(str(key).encode(), digest_size=_WIDTH).digest()
