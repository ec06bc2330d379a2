"""``stanforis tenant`` as an operator types it: a tenant's life from its creation to its end."""

from __future__ import annotations

import asyncio
import json
import sys

import psycopg
import pytest
from stanforis.cli import main
from stanforis.storage.embedded import EmbeddedPostgres

from adapters.hl7.store.postgres import migrations as hl7
from fhir_api.store.postgres import migrations
from identity.access.store import migrations as access
from tests.support.databases import speak_for, stores_on
from tests.support.stores import deletion, update, write


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A data folder whose PostgreSQL another process has started."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("data"), durable=False) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        hl7.upgrade(cluster.connection.owner_dsn)
        access.upgrade(cluster.connection.owner_dsn)
        yield cluster


@pytest.fixture
def stanforis(running, monkeypatch, capsys):
    """Run a command in this process, as the program would; gives its exit code, and what it wrote."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["stanforis", *map(str, arguments), "--data", str(running.data_dir)])
        with pytest.raises(SystemExit) as left:
            main()
        written = capsys.readouterr()
        return int(left.value.code or 0), written.out, written.err

    return run


def told(ran):
    code, out, err = ran
    assert code == 0, err
    return json.loads(out)


async def fill(database, tenant):
    stores = await stores_on(database, 1)
    patients = [{"resourceType": "Patient", "id": name, "name": [{"family": name}]} for name in ("a", "b", "c")]
    store = stores.for_tenant(tenant)
    await store.write([write(patient) for patient in patients])
    await store.write([update({**patients[0], "gender": "female"}), deletion("Patient/c")])
    await store.write([write({"resourceType": "Basic", "id": "x", "code": {"text": "x"}})])
    await stores.close()


def rows(database, tenant):
    with psycopg.connect(database.owner_dsn) as connection:
        speak_for(connection, tenant)
        return [connection.execute(f"SELECT count(*) FROM fhir.{table}").fetchall()[0][0]
                for table in ("resource", "history", "token", "string")]  # fmt: skip


def test_a_life(stanforis, running, tmp_path):
    made = told(
        stanforis("tenant", "create", "north", "--title", "North", "--plan", "trial", "--language", "rw", "--json")
    )
    assert (made["name"], made["state"], made["plan"], made["languages"]) == ("North", "trial", "trial", ["rw"])
    asyncio.run(fill(running.connection, made["number"]))
    assert told(stanforis("tenant", "activate", "north", "--json"))["state"] == "active"
    early = stanforis("tenant", "export", "north", tmp_path / "early")
    assert (early[0], "suspend it first" in early[2]) == (1, True)
    assert told(stanforis("tenant", "suspend", "north", "--json"))["state"] == "suspended"
    early = stanforis("tenant", "shred", "north", "--yes")
    assert (early[0], "only what was exported" in early[2]) == (1, True)
    exported = told(stanforis("tenant", "export", "north", tmp_path / "out", "--json"))
    assert exported["resources"] == {"Patient": 2, "Basic": 1}
    patients = [json.loads(line) for line in (tmp_path / "out/Patient.ndjson").read_text().splitlines()]
    assert [(each["id"], each["meta"]["versionId"]) for each in patients] == [("a", "2"), ("b", "1")]
    assert told(stanforis("tenant", "show", "north", "--json"))["state"] == "exported"
    assert all(rows(running.connection, made["number"]))
    assert told(stanforis("tenant", "shred", "north", "--yes", "--json"))["rows"] > 5
    assert rows(running.connection, made["number"]) == [0, 0, 0, 0]
    late = stanforis("tenant", "resume", "north")
    assert (late[0], "is shredded and cannot become active" in late[2]) == (1, True)


def test_others_are_not_touched(stanforis, running, tmp_path):
    asyncio.run(fill(running.connection, 1))
    made = told(stanforis("tenant", "create", "south", "--json"))
    asyncio.run(fill(running.connection, made["number"]))
    for command in (("suspend", "south"), ("export", "south", tmp_path / "south"), ("shred", "south", "--yes")):
        assert stanforis("tenant", *command)[0] == 0
    assert all(rows(running.connection, 1))
    listed = told(stanforis("tenant", "list", "--json"))
    assert {(each["slug"], each["state"]) for each in listed} >= {("default", "active"), ("south", "shredded")}
    assert "shredded" in stanforis("tenant", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("create", "No Good"), "letters, digits and hyphens"),
        (("create", "default"), "already"),
        (("create", "fine", "--plan", "golden"), "no such plan"),
        (("suspend", "nobody"), "There is no tenant 'nobody'; there are: default"),
        (("show", "nobody"), "There is no tenant 'nobody'; there are: default"),
    ],
)
def test_what_cannot_be_done_is_told(stanforis, arguments, expected):
    code, _, err = stanforis("tenant", *arguments)
    assert (code, expected in err) == (1, True)


def test_nobody_is_added_to_a_tenant_that_is_not_there_yet(stanforis):
    added = stanforis("user", "add", "early", "--fhir-user", "Practitioner/1", "--tenant", "900")
    assert (added[0], "There is no tenant 900; there are: 1 (default)" in added[2]) == (1, True)
    assert stanforis("client", "add", "early", "--scope", "user/*.rs", "--tenant", "900")[0] == 1
    assert stanforis("user", "list", "--tenant", "1")[0] == 0
