"""When a tenant is shredded its key is destroyed: a backup from before gives nothing back."""

from __future__ import annotations

import io
from dataclasses import replace

import asyncpg
import pytest
import zstandard
from stanforis.settings import Settings
from stanforis.storage.embedded import EmbeddedPostgres
from stanforis.tenancy.keys import SEALED, TenantKeyError
from stanforis.tenancy.tenants import State

from fhir_api.definitions import CompiledDefinitions
from fhir_api.model.keys import ResourceKey
from fhir_api.opening import open_postgres
from fhir_api.store.port import HistoryQuery
from fhir_api.store.postgres import migrations
from tests.support.stores import deletion, update, write

PATIENT = {"resourceType": "Patient", "id": "p", "address": [{"line": ["Secret street"]}]}
TABLES = ("resource", "history")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with EmbeddedPostgres(tmp_path_factory.mktemp("shredding"), durable=False) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
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
        await session.copy_from_table(table, schema_name="fhir", output=copy, format="binary")
        copies[table] = copy.getvalue()
    await session.close()
    return copies


async def restore(database, copies) -> None:
    session = await as_superuser(database)
    await session.execute("TRUNCATE fhir.resource, fhir.history")
    for table, copy in copies.items():
        await session.copy_to_table(table, schema_name="fhir", source=io.BytesIO(copy), format="binary")
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
