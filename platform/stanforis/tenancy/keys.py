"""Keys of tenants: what a tenant stores is sealed with its key, and is lost for everybody when the key is destroyed.

The key of a tenant lies in the database, wrapped with the installation's key-encryption key, which lies in the data
folder and never in the database. A sealed text names its key, so a tenant may get another one without touching what is
stored.

Spec: https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf (AES-256-GCM)
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stanforis.tenancy.tenants import TenancyError

SEALED: Final = 0x01
"""The first byte of whatever is sealed."""

_VERSION: Final = bytes([SEALED])
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = 1 + _ID_BYTES


class TenantKeyError(TenancyError):
    """A key cannot be had: it was destroyed, or is wrapped with another installation's key."""


class WrappedKey(NamedTuple):
    """A tenant's key as it is stored.

    Attributes:
        tenant: whose it is.
        identity: eight random bytes, which sealed texts name.
        wrapped: the key, sealed with the key-encryption key.
    """

    tenant: int
    identity: bytes
    wrapped: bytes


class KeyEncryption(Protocol):
    """What wraps keys: a file's key, or later a device that never gives its key away (PKCS#11)."""

    def wrap(self, key: bytes, about: bytes) -> bytes:
        """Return *key* sealed; *about* has to be the same when it is unwrapped."""

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        """Return the key that was wrapped.

        Raises:
            TenantKeyError: it was wrapped with another key, or about something else.
        """


class FileKeyEncryption:
    """Wraps with a key that was read from a file; see :class:`KeyEncryption`."""

    def __init__(self, key: bytes) -> None:
        """Wrap with *key*, 32 bytes."""
        self._cipher = AESGCM(key)

    def wrap(self, key: bytes, about: bytes) -> bytes:
        """See :class:`KeyEncryption`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        """See :class:`KeyEncryption`."""
        try:
            return self._cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], about)
        except InvalidTag:
            raise TenantKeyError(
                "The key of a tenant was wrapped with another key-encryption key than this one."
            ) from None


class Keys:
    """The tenants' keys that one process knows."""

    def __init__(self) -> None:
        """Know none: then nothing is sealed."""
        self._by_identity: dict[bytes, AESGCM] = {}
        self._of_tenant: dict[int, tuple[bytes, AESGCM]] = {}

    def know(self, encryption: KeyEncryption, wrapped: Iterable[WrappedKey], *, seals: bool) -> None:
        """Know these keys and no others; without *seals* they only open what was sealed before.

        Raises:
            TenantKeyError: one cannot be unwrapped.
        """
        by_identity: dict[bytes, AESGCM] = {}
        of_tenant: dict[int, tuple[bytes, AESGCM]] = {}
        for each in wrapped:
            cipher = self._by_identity.get(each.identity)
            if cipher is None:
                cipher = AESGCM(encryption.unwrap(each.wrapped, _about(each.tenant, each.identity)))
            by_identity[each.identity] = cipher
            of_tenant[each.tenant] = (_VERSION + each.identity, cipher)
        self._by_identity = by_identity
        self._of_tenant = of_tenant if seals else {}

    def seal(self, tenant: int, text: bytes) -> bytes:
        """Return *text* sealed with the tenant's key; as it is where the tenant has none."""
        known = self._of_tenant.get(tenant)
        if known is None:
            return text
        head, cipher = known
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + cipher.encrypt(nonce, text, head)

    def open(self, sealed: bytes) -> bytes:
        """Return the text that was sealed.

        Raises:
            TenantKeyError: its key is not known here: it was destroyed.
        """
        cipher = self._by_identity.get(sealed[1:_HEAD_BYTES])
        if cipher is None:
            raise TenantKeyError("What is stored was sealed with a key that is not there any more.")
        place = _HEAD_BYTES + _NONCE_BYTES
        return cipher.decrypt(sealed[_HEAD_BYTES:place], sealed[place:], sealed[:_HEAD_BYTES])


class Vault(NamedTuple):
    """What a process keeps keys with.

    Attributes:
        keys: those it knows.
        encryption: unwraps them.
        seals: whether what is stored from now on is sealed.
    """

    keys: Keys
    encryption: KeyEncryption
    seals: bool


def new_key(encryption: KeyEncryption, tenant: int) -> WrappedKey:
    """Return a fresh key for a tenant."""
    identity = os.urandom(_ID_BYTES)
    return WrappedKey(tenant, identity, encryption.wrap(AESGCM.generate_key(256), _about(tenant, identity)))


def _about(tenant: int, identity: bytes) -> bytes:
    return b"stanforis tenant %d key " % tenant + identity
