"""When a tenant is shredded its key is destroyed: a backup from before gives nothing back."""

from __future__ import annotations

import io
from dataclasses import replace

import asyncpg
import pytest
import zstandard
from stanforis.settings import Settings
from stanforis.storage.embedded import EmbeddedPostgres
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts
from stanforis.tenancy.keys import SEALED, TenantKeyError
from stanforis.tenancy.tenants import State

from adapters.hl7.senders import Duplicates
from adapters.hl7.store import looking as hl7_looking
from adapters.hl7.store.port import Arrival, Settlement
from adapters.hl7.store.postgres import migrations as hl7
from adapters.hl7.store.postgres import sealing
from adapters.hl7.store.postgres.store import open_message_stores
from fhir_api.definitions import CompiledDefinitions
from fhir_api.model.keys import ResourceKey
from fhir_api.opening import open_postgres
from fhir_api.store.port import HistoryQuery
from fhir_api.store.postgres import migrations
from tests.support.stores import deletion, update, write

PATIENT = {"resourceType": "Patient", "id": "p", "address": [{"line": ["Secret street"]}]}
TABLES = ("fhir.resource", "fhir.history", "hl7.message", "hl7.work")
MESSAGE = b"MSH|^~\\&|LAB|||||ADT^A01|1|P|2.5\rPID|1||1||Secret^Name\r"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with EmbeddedPostgres(tmp_path_factory.mktemp("shredding"), durable=False) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        hl7.upgrade(cluster.connection.owner_dsn)
        yield cluster.connection


@pytest.fixture(scope="module")
def settings(database, tmp_path_factory) -> Settings:
    return Settings(
        data=tmp_path_factory.mktemp("data"),
        database_url=database.owner_dsn,
        database_app_url=database.app_dsn,
        encryption="tenant",
        audit="off",
    )


@pytest.fixture(scope="module")
def definitions(settings) -> CompiledDefinitions:
    return CompiledDefinitions(settings)


@pytest.fixture
async def stores(settings, definitions):
    opened = await open_postgres(settings, definitions)
    yield opened
    await opened.close()


async def filled(stores, slug):
    """Add a tenant with versions of a patient, and return its number."""
    tenant = await stores.directory.registry.create(slug, {}, State.ACTIVE)
    await stores.directory.refresh()
    store = stores.for_tenant(tenant.number)
    await store.write([write(PATIENT), write({**PATIENT, "id": "gone"})])
    await store.write([update({**PATIENT, "gender": "female"}), deletion("Patient/gone")])
    return tenant.number


async def as_superuser(database):
    return await asyncpg.connect(database.owner_dsn.replace("stanforis_owner@", "postgres@"))


async def backup(database) -> dict[str, bytes]:
    """Return all rows of the tables with bodies, as pg_dump copies them; keys are left out."""
    session, copies = await as_superuser(database), {}
    for table in TABLES:
        copy = io.BytesIO()
        schema, name = table.split(".")
        await session.copy_from_table(name, schema_name=schema, output=copy, format="binary")
        copies[table] = copy.getvalue()
    await session.close()
    return copies


async def restore(database, copies) -> None:
    session = await as_superuser(database)
    await session.execute(f"TRUNCATE {', '.join(copies)} CASCADE")
    for table, copy in copies.items():
        schema, name = table.split(".")
        await session.copy_to_table(name, schema_name=schema, source=io.BytesIO(copy), format="binary")
    await session.close()


def frames(copies):
    """Return what of the copies can be read as it lies there."""
    magic = zstandard.MAGIC_NUMBER.to_bytes(4, "little")
    return sum(copy.count(magic) for copy in copies.values())


async def test_what_is_stored_is_sealed_and_read_as_before(stores, database):
    number = await filled(stores, "sealed")
    store = stores.for_tenant(number)
    assert b"Secret street" in (await store.current(ResourceKey("Patient", "p"))).body
    history = (await store.history(HistoryQuery("Patient", "p", 10))).matches
    assert [b"Secret street" in version.body for version in history] == [True, True]
    session = await as_superuser(database)
    bodies = [row["body"] for row in await session.fetch("SELECT body FROM fhir.resource WHERE tenant_id = $1", number)]
    await session.close()
    assert {body[0] for body in bodies if body} == {SEALED}


@pytest.fixture
async def messages(database):
    """The messages of HL7 v2."""
    opened = await open_message_stores(PoolOptions(database.app_dsn), await open_contexts(database.owner_dsn))
    yield opened
    await opened.close()


async def received(messages, number):
    """Store a message of a tenant with what was made of it, and return its number."""
    store = messages.for_tenant(number)
    arrival = Arrival("lab", "1", "ADT^A01", "2.5", "ascii", MESSAGE, b"", (1,), Duplicates.ACCEPT_NEW, 1)
    receipt = await store.receive(arrival)
    (claimed,) = await store.claim(1, now=2, lease_milliseconds=1000)
    assert claimed.raw == MESSAGE
    settled = Settlement(receipt.number, hl7_looking.State.MAPPED, plan="p", made=b'{"family": "Secret"}' * 20)
    await store.settle([settled])
    return receipt.number


async def test_messages_and_what_was_made_of_them_are_sealed_too(stores, database, messages):
    number = await filled(stores, "messages")
    message = await received(messages, number)
    store = messages.for_tenant(number)
    assert (await store.read(message)).raw == MESSAGE
    assert (await store.work(message)).made == b'{"family": "Secret"}' * 20
    (listed,) = await store.listed(hl7_looking.Criteria())
    assert listed.size == len(MESSAGE)
    copies = await backup(database)
    assert b"Secret^Name" not in copies["hl7.message"]
    session = await as_superuser(database)
    works = [row["made"] for row in await session.fetch("SELECT made FROM hl7.work WHERE tenant_id = $1", number)]
    await session.close()
    assert {work[0] for work in works} == {SEALED}
    registry = stores.directory.registry
    for state in (State.SUSPENDED, State.EXPORTED):
        await registry.move("messages", state)
    session = await asyncpg.connect(database.owner_dsn)
    await session.fetchval("SELECT tenancy.shred($1)", number)
    await session.close()
    await stores.directory.refresh()
    await restore(database, copies)
    with pytest.raises(TenantKeyError, match="not there any more"):
        await store.read(message)
    with pytest.raises(TenantKeyError):
        await store.work(message)


@pytest.mark.parametrize("text", [b"", b"MSH|", b"\x00", b"\x01", b"\x01" + bytes(60), b"\x00\x01MSH|"])
def test_what_no_key_seals_is_kept_whatever_it_begins_with(text):
    assert sealing.opened(sealing.sealed(99999, text)) == text


async def test_another_process_opens_what_this_one_sealed(stores, settings, definitions):
    number = await filled(stores, "opened")
    unsealing = await open_postgres(replace(settings, encryption="off"), definitions)
    version = await unsealing.for_tenant(number).current(ResourceKey("Patient", "p"))
    await unsealing.close()
    assert version is not None
    assert b"Secret street" in version.body


async def test_a_backup_of_a_shredded_tenant_gives_nothing_back(stores, database):
    number, other = await filled(stores, "ending"), await filled(stores, "going-on")
    copies = await backup(database)
    assert frames(copies) == 0
    registry = stores.directory.registry
    for state in (State.SUSPENDED, State.EXPORTED):
        await registry.move("ending", state)
    session = await asyncpg.connect(database.owner_dsn)
    assert await session.fetchval("SELECT tenancy.shred($1)", number) > 0
    assert await session.fetchval("SELECT count(*) FROM tenancy.wrapped_key WHERE tenant_id = $1", number) == 0
    await session.close()
    await stores.directory.refresh()
    await restore(database, copies)
    with pytest.raises(TenantKeyError, match="not there any more"):
        await stores.for_tenant(number).current(ResourceKey("Patient", "p"))
    with pytest.raises(TenantKeyError):
        await stores.for_tenant(number).history(HistoryQuery("Patient", "p", 10))
    assert b"Secret street" in (await stores.for_tenant(other).current(ResourceKey("Patient", "p"))).body


async def test_without_sealing_the_same_backup_would_be_read(stores, settings, definitions, database):
    plain = await open_postgres(replace(settings, encryption="off"), definitions)
    await filled(plain, "plain")
    await plain.close()
    assert frames(await backup(database)) > 0
