"""``stanforis package`` and ``stanforis tenant`` as an operator types them, beside a PostgreSQL that runs already."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import psycopg
import pytest
from stanforis.cli import main
from stanforis.storage.embedded import EmbeddedPostgres

from fhir_api.store.postgres import migrations
from tests.support.packages import archive, manifest, profile


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A data folder whose PostgreSQL another process has started."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("data"), durable=False) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        yield cluster


@pytest.fixture
def data(running):
    """The data folder, with nothing in it."""
    with psycopg.connect(dsn(running).replace("stanforis_owner@", "postgres@")) as connection:
        connection.execute("TRUNCATE fhir.resource, fhir.package, fhir.shared_package")
        connection.execute("DELETE FROM fhir.tenant WHERE tenant_id > 1")
    return running.data_dir


def dsn(running):
    return running.connection.owner_dsn


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def stanforis(monkeypatch, capsys):
    """Run a command in this process, as the program would."""

    def run(*arguments, data):
        monkeypatch.setattr(sys, "argv", ["stanforis", *map(str, arguments), "--data", str(data)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as left:
            main()
        return Ran(int(left.value.code or 0), *capsys.readouterr())

    return run


def told(ran):
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_add_list_remove(stanforis, data, tmp_path):
    first = archive(tmp_path, manifest("test.a"), profile())
    second = archive(tmp_path, manifest("test.b", dependencies={"test.a": "1.0.0"}))
    missing = stanforis("package", "add", second, data=data)
    assert (missing.returncode, "test.a@1.0.0" in missing.stderr) == (1, True)
    added = told(stanforis("package", "add", second, "--dependencies", first, "--json", data=data))
    assert [(each["name"], each["stored"], each["unchanged"]) for each in added] == [
        ("test.a", 1, False),
        ("test.b", 0, False),
    ]
    listed = told(stanforis("package", "list", "--json", data=data))
    assert [each["name"] for each in listed] == ["test.a", "test.b"]
    refused = stanforis("package", "remove", "test.a", data=data)
    assert (refused.returncode, "test.b@1.0.0" in refused.stderr) == (1, True)
    assert told(stanforis("package", "remove", "test.b", "--json", data=data))[0]["removed"] == 0
    assert told(stanforis("package", "remove", "test.a@1.0.0", "--json", data=data))[0]["removed"] == 1
    assert "No packages" in stanforis("package", "list", data=data).stdout


def test_a_broken_definition_is_named_by_exit_code_and_line(stanforis, data, tmp_path):
    path = archive(tmp_path, manifest(), profile(), **{"ValueSet-v": "{"})
    ran = stanforis("package", "add", path, data=data)
    assert ran.returncode == 3
    assert "package/ValueSet-v.json" in ran.stdout
    strict = stanforis("package", "add", path, "--strict", data=data)
    assert (strict.returncode, "package/ValueSet-v.json" in strict.stderr) == (1, True)


def test_our_own_package_is_found_by_name_and_kept_for_tenants_to_come(stanforis, running, data):
    (added,) = told(stanforis("package", "add", "rw.stanforis.core", "--all", "--json", data=data))
    assert (added["tenant"], added["problems"], added["stored"] > 20) == ("default", [], True)
    with psycopg.connect(dsn(running)) as connection:
        (kept,) = connection.execute("SELECT name FROM fhir.shared_package").fetchall()
        connection.execute(
            "INSERT INTO tenancy.tenant (tenant_id, slug, name) VALUES (2, 'second', 'Second') ON CONFLICT DO NOTHING"
        )
    assert kept == ("rw.stanforis.core",)
    (equipped,) = told(stanforis("tenant", "equip", "second", "--json", data=data))
    assert (equipped["tenant"], equipped["stored"]) == ("second", added["stored"])
    told(stanforis("package", "remove", "rw.stanforis.core", "--all", "--json", data=data))
    with psycopg.connect(dsn(running)) as connection:
        assert connection.execute("SELECT name FROM fhir.shared_package").fetchall() == []


def test_a_tenants_policy(stanforis, running, data):
    for policy, stored in (("enforce", "enforce"), ("default", None)):
        ran = stanforis("tenant", "set", "default", "--profiles", policy, data=data)
        assert ran.returncode == 0, ran.stderr
        with psycopg.connect(dsn(running)) as connection:
            assert connection.execute("SELECT profiles FROM fhir.tenant").fetchall() == [(stored,)]
    unknown = stanforis("tenant", "set", "nobody", "--profiles", "off", data=data)
    assert (unknown.returncode, "nobody" in unknown.stderr) == (1, True)


def test_an_unknown_tenant_is_named(stanforis, data):
    ran = stanforis("package", "list", "--tenant", "nobody", data=data)
    assert (ran.returncode, "nobody" in ran.stderr, "Traceback" in ran.stderr) == (1, True, False)


def test_without_a_server_the_database_is_started_and_stopped(stanforis, tmp_path):
    assert told(stanforis("package", "list", "--json", data=tmp_path)) == []
    assert EmbeddedPostgres(tmp_path).running() is None
