"""The schema comes into being once, whoever asks for it, and a program does not touch what it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import psycopg
import pytest
from alembic import command
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.store.postgres import migrations
from tests.support.databases import speak_for

_names = count(1)


@pytest.fixture
def dsn(postgres: ConnectionInfo) -> Iterator[str]:
    """An empty database."""
    name = f"migrations_{next(_names)}"
    superuser = postgres.owner_dsn.replace("stanforis_owner@", "postgres@")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER stanforis_owner")
    path, _, query = postgres.owner_dsn.partition("?")
    yield f"{path.rpartition('/')[0]}/{name}?{query}"
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_upgrade_brings_the_newest_version_and_again_changes_nothing(dsn: str) -> None:
    newest = migrations.upgrade(dsn)
    assert migrations.check(dsn) == newest
    with psycopg.connect(dsn) as connection:
        before = connection.execute("SELECT hash_seed, cursor_key FROM fhir.installation").fetchall()
    assert migrations.upgrade(dsn) == newest
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT hash_seed, cursor_key FROM fhir.installation").fetchall() == before


def test_several_at_once_upgrade_it_once(dsn: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        versions = set(pool.map(migrations.upgrade, [dsn] * 4))
    assert versions == {migrations.check(dsn)}


def test_check_says_what_to_do_with_an_older_database(dsn: str) -> None:
    with pytest.raises(migrations.MigrationError, match="stanforis db upgrade"):
        migrations.check(dsn)


@pytest.mark.parametrize("use", [migrations.check, migrations.upgrade])
def test_a_newer_database_is_left_alone(dsn: str, use: object) -> None:
    migrations.upgrade(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(migrations.MigrationError, match="9999"):
        use(dsn)  # type: ignore[operator]  # either function


def test_a_database_of_the_first_version_keeps_what_it_has(dsn: str) -> None:
    config = migrations._config()
    with migrations._connected(dsn) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.commit()
    with psycopg.connect(dsn) as session:
        session.execute("SELECT set_config('stanforis.tenant', '1', false)")
        session.execute(
            "INSERT INTO fhir.resource (tenant_id, rid, id_hash, last_updated, low, index_hash, version, type_id,"
            " change, fhir_id, present, body) VALUES (1, 1, 1, 0, 0, 0, 1, 128, 1, 'p', '', '')"
        )
    assert migrations.upgrade(dsn) == migrations.check(dsn)
    with psycopg.connect(dsn) as session:
        speak_for(session, 1)
        assert session.execute("SELECT fhir_id FROM fhir.resource").fetchall() == [("p",)]
        assert session.execute("SELECT name, profiles FROM fhir.tenant").fetchall() == [("default", None)]
        assert session.execute("SELECT * FROM fhir.package").fetchall() == []
