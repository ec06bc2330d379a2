"""What is sealed with a tenant's key is opened with it, and with nothing else."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from stanforis.storage.secrets import kept_secret
from stanforis.tenancy.directory import StoredDirectory
from stanforis.tenancy.keys import SEALED, FileKeyEncryption, Keys, TenantKeyError, Vault, WrappedKey, new_key
from stanforis.tenancy.ledger import Ledger
from stanforis.tenancy.tenants import State

KEK = FileKeyEncryption(bytes(range(32)))
TEXT = b"Uwase " * 20


def knowing(*wrapped: WrappedKey, seals: bool = True) -> Keys:
    keys = Keys()
    keys.know(KEK, wrapped, seals=seals)
    return keys


def test_what_is_sealed_is_opened_and_tells_nothing():
    mine = new_key(KEK, 1)
    sealed = knowing(mine).seal(1, TEXT)
    assert (sealed[0], b"Uwase" in sealed, len(sealed) - len(TEXT)) == (SEALED, False, 1 + 8 + 12 + 16)
    assert knowing(mine).open(sealed) == TEXT
    assert knowing(mine, seals=False).open(sealed) == TEXT
    assert knowing(mine).seal(1, TEXT) != sealed


def test_without_a_key_nothing_is_sealed():
    assert knowing(new_key(KEK, 1)).seal(2, TEXT) == TEXT
    assert knowing(new_key(KEK, 1), seals=False).seal(1, TEXT) == TEXT


def test_another_key_opens_nothing():
    mine, other = new_key(KEK, 1), new_key(KEK, 2)
    sealed = knowing(mine).seal(1, TEXT)
    with pytest.raises(TenantKeyError, match="not there any more"):
        knowing(other).open(sealed)
    forged = bytes([SEALED]) + other.identity + sealed[9:]
    with pytest.raises(InvalidTag):
        knowing(mine, other).open(forged)


@pytest.mark.parametrize("place", [0, 1, 9, 21, 40, -1])
def test_what_was_changed_is_not_opened(place):
    mine = new_key(KEK, 1)
    sealed = bytearray(knowing(mine).seal(1, TEXT))
    sealed[place] ^= 1
    with pytest.raises((InvalidTag, TenantKeyError)):
        knowing(mine).open(bytes(sealed))


def test_a_key_is_unwrapped_for_its_tenant_by_its_installation_only():
    mine = new_key(KEK, 1)
    for other, key in ((KEK, mine._replace(tenant=2)), (FileKeyEncryption(bytes(32)), mine)):
        with pytest.raises(TenantKeyError, match="another key-encryption key"):
            Keys().know(other, [key], seals=True)


def test_the_key_file_is_its_owners(tmp_path):
    path = tmp_path / "new" / "key"
    first = kept_secret(path)
    assert (len(bytes.fromhex(first)), kept_secret(path), path.stat().st_mode & 0o777) == (32, first, 0o600)


async def test_every_tenant_gets_a_key_which_ends_with_it(registry, slug, pool, contexts):
    tenant = await registry.create(slug, {}, State.ACTIVE)
    keys = Keys()
    directory = StoredDirectory(registry, Ledger(pool, contexts), contexts)
    directory.vault = Vault(keys, KEK, seals=True)
    await directory.refresh()
    sealed = keys.seal(tenant.number, TEXT)
    assert sealed != TEXT
    again = Keys()
    again.know(KEK, await registry.wrapped_keys(), seals=True)
    assert again.open(sealed) == TEXT
    for state in (State.SUSPENDED, State.EXPORTED, State.SHREDDED):
        await registry.move(slug, state)
    await directory.refresh()
    with pytest.raises(TenantKeyError):
        keys.open(sealed)
    assert tenant.number not in {key.tenant for key in await registry.wrapped_keys()}


async def test_a_tenant_sees_no_key(registry, slug, pool, contexts):
    tenant = await registry.create(slug, {}, State.ACTIVE)
    await registry.add_key(new_key(KEK, tenant.number))
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchval("SELECT tenancy.enter($1)", contexts.of(connection, tenant.number))
        assert await connection.fetch("SELECT * FROM tenancy.wrapped_key") == []
    await registry.add_key(new_key(KEK, tenant.number))
    assert [key.tenant for key in await registry.wrapped_keys()].count(tenant.number) == 1
