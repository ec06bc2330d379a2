"""Records as they are stored: some of them together, compressed, and authenticated with a key the database never sees.

Spec: https://www.rfc-editor.org/rfc/rfc2104 (HMAC)
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import msgspec
import zstandard

from stanforis.audit.records import Record
from stanforis.audit.terms import terms

_LEVEL = 3
_LONGEST = 1 << 28
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[Record, ...]).decode
GENESIS = b"\0" * 32
"""What stands before the first seal."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one tenant, ready to be stored.

    Attributes:
        at: milliseconds since 1970, when the batch was made.
        events: how many records it has.
        body: the records.
        mac: authenticates tenant, time and body.
        terms: by which it is found.
    """

    at: int
    events: int
    body: bytes
    mac: bytes
    terms: Sequence[int]


def audit_key(secret: bytes) -> bytes:
    """Return the key that authenticates the trail, derived from the installation's *secret*."""
    return hmac.digest(secret, b"stanforis audit trail", "sha256")


def make_batch(key: bytes, tenant: int, records: Sequence[Record], at: int) -> Batch:
    """Return *records* as a batch made *at* some milliseconds since 1970."""
    body = _compressor().compress(_encode(records))
    return Batch(at, len(records), body, batch_mac(key, tenant, at, body), terms(tenant, records))


def unpacked(body: bytes) -> tuple[Record, ...]:
    """Return the records of a batch."""
    return _decode(_decompressor().decompress(body, max_output_size=_LONGEST))


def batch_mac(key: bytes, tenant: int, at: int, body: bytes) -> bytes:
    """Return what authenticates a batch (32 bytes)."""
    return hmac.digest(key, b"batch" + _bytes(tenant) + _bytes(at) + body, "sha256")


@dataclass(frozen=True, slots=True)
class Seal:
    """Says which batches there were between two moments, and which seal came before.

    Attributes:
        number: 1, 2, 3 … within the tenant.
        at: milliseconds since 1970.
        low, high: it covers the batches with a marker from *low* to just below *high*.
        batches: how many.
        mac: authenticates all of this, the batches, and the seal before.
    """

    number: int
    at: int
    low: int
    high: int
    batches: int
    mac: bytes


Sealed = tuple[int, bytes]
"""Number of a batch, and what authenticates it."""


def make_seal(key: bytes, tenant: int, before: Seal | None, at: int, high: int, batches: Sequence[Sealed]) -> Seal:
    """Return the seal that follows *before*, over *batches* in the order of their numbers."""
    number, low, mac = (before.number + 1, before.high, before.mac) if before else (1, 0, GENESIS)
    return Seal(number, at, low, high, len(batches), seal_mac(key, tenant, mac, (number, at, low, high), batches))


def seal_mac(key: bytes, tenant: int, before: bytes, facts: tuple[int, ...], batches: Iterable[Sealed]) -> bytes:
    """Return what authenticates a seal (32 bytes): *before* is that of the seal before it."""
    made = hmac.new(key, b"seal" + _bytes(tenant) + before, "sha256")
    for fact in facts:
        made.update(_bytes(fact))
    for number, mac in batches:
        made.update(_bytes(number) + mac)
    return made.digest()


@dataclass(frozen=True, slots=True)
class Anchor:
    """Says that the operator removed the batches of a month.

    Attributes:
        first, behind: numbers of batches, from *first* to just below *behind*.
        at: milliseconds since 1970.
        batches: how many.
        mac: authenticates all of this, and what seals say of each of the batches.
    """

    first: int
    behind: int
    at: int
    batches: int
    mac: bytes


def make_anchor(key: bytes, tenant: int, span: tuple[int, int], at: int, batches: Sequence[Sealed]) -> Anchor:
    """Return the anchor of *batches*, in the order of their numbers, which were in *span* and are removed."""
    first, behind = span
    made = hmac.new(key, b"anchor" + b"".join(map(_bytes, (tenant, first, behind, at))), "sha256")
    for number, mac in batches:
        made.update(_bytes(number) + mac)
    return Anchor(first, behind, at, len(batches), made.digest())


def _bytes(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)


@cache
def _compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=_LEVEL)


@cache
def _decompressor() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor()
