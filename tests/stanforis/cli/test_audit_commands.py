"""``stanforis audit`` beside a PostgreSQL that runs already, whose owner has been at the trail."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from stanforis.audit.acts import administered
from stanforis.audit.batches import audit_key
from stanforis.audit.postgres import PostgresAuditStore
from stanforis.audit.records import Record, Who, now
from stanforis.audit.sealing import WITNESS, FileWitness, Sealer
from stanforis.audit.trail import Trail
from stanforis.cli import main
from stanforis.cli.auditing import put_on_record
from stanforis.settings import Settings
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.storage.secrets import installation_secret
from stanforis.tenancy.contexts import open_contexts

from fhir_api.store.postgres import migrations

Run = Callable[..., tuple[int, list[str]]]
_SEALS = 3


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A data folder whose PostgreSQL another process has started."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("data"), durable=False) as running:
        migrations.upgrade(running.connection.owner_dsn)
        yield running


@pytest.fixture
def data(cluster: EmbeddedPostgres) -> Path:
    """A trail of three sealed batches, and one more, made anew for each test."""
    with as_superuser(cluster) as session:
        session.execute("TRUNCATE audit.batch, audit.term, audit.seal")
    (cluster.data_dir / WITNESS).unlink(missing_ok=True)
    asyncio.run(_filled(cluster))
    return cluster.data_dir


async def _filled(cluster: EmbeddedPostgres) -> None:
    connection: ConnectionInfo = cluster.connection
    pool = Pool(PoolOptions(connection.app_dsn, role="stanforis_app"))
    store = PostgresAuditStore(pool, await open_contexts(connection.owner_dsn))
    await store.prepare()
    key = audit_key(installation_secret(cluster.data_dir).encode())
    sealer = Sealer(store, key, FileWitness(cluster.data_dir / WITNESS))
    for number in range(_SEALS + 1):
        trail = Trail(store, key)
        await trail.keep(1, [Record(now(), "read", "R", 200, Who(user=f"Practitioner/{number}"), patients=("1",))])
        await trail.stop()
        if number < _SEALS:
            assert await sealer.seal(1)
    await pool.close()


def as_superuser(cluster: EmbeddedPostgres) -> psycopg.Connection:
    """Return a session of whoever may do everything in the database, but does not have the installation's secret."""
    session = psycopg.connect(cluster.connection.owner_dsn, autocommit=True)
    session.execute("SELECT tenancy.enter(tenancy.sign(1, 'serve', 60))")
    for table in ("batch", "term", "seal"):
        session.execute(f"ALTER TABLE audit.{table} NO FORCE ROW LEVEL SECURITY")
    return session


@pytest.fixture
def stanforis(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path) -> Run:
    """Run a command in this process, as the program would, and return its exit code and lines."""

    def run(*words: str) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["stanforis", *words, "--data", str(data), "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out.splitlines()

    return run


def test_a_sound_trail_is_said_to_be_so(stanforis):
    code, lines = stanforis("audit", "verify")
    verdict = json.loads(lines[0])
    assert (code, verdict["problems"]) == (0, [])
    assert (verdict["seals"], verdict["batches"], verdict["unsealed"]) == (_SEALS, _SEALS + 1, 1)


_FIRST = "(SELECT min(batch_id) FROM audit.batch)"
_NEWEST = "(SELECT max(batch_id) FROM audit.batch)"
_TWO = "(SELECT batch_id FROM audit.batch ORDER BY 1 LIMIT 2)"
_SWAP = (
    "UPDATE audit.batch b SET body = o.body, mac = o.mac FROM audit.batch o "
    f"WHERE b.batch_id <> o.batch_id AND b.batch_id IN {_TWO} AND o.batch_id IN {_TWO}"
)


@pytest.mark.parametrize(
    "statements",
    [
        (f"UPDATE audit.batch SET body = body || 'x' WHERE batch_id = {_FIRST}",),
        (f"UPDATE audit.batch SET body = body || 'x' WHERE batch_id = {_NEWEST}",),
        (f"DELETE FROM audit.batch WHERE batch_id = {_FIRST}",),
        (f"UPDATE audit.batch SET batch_id = batch_id + 1 WHERE batch_id = {_FIRST}",),
        ("INSERT INTO audit.batch SELECT tenant_id, batch_id + 1, marker, events, mac, body FROM audit.batch LIMIT 1",),
        (_SWAP,),
        ("DELETE FROM audit.seal WHERE number = 2",),
        ("UPDATE audit.seal SET mac = sha256(mac) WHERE number = 3",),
        (f"DELETE FROM audit.term WHERE batch_id = {_FIRST}",),
        # the newest part, with the seal that tells of it: the witness in the data folder knows better
        ("DELETE FROM audit.seal WHERE number = 3", f"DELETE FROM audit.batch WHERE batch_id >= {_NEWEST}"),
    ],
)
def test_whatever_is_done_to_the_trail_is_seen(stanforis, cluster, statements):
    with as_superuser(cluster) as session:
        for statement in statements:
            assert session.execute(statement).rowcount > 0
    code, lines = stanforis("audit", "verify", "--tenant", "default")
    assert code == 3
    assert json.loads(lines[0])["problems"]


def test_who_saw_a_record_is_told_the_newest_first(stanforis):
    code, lines = stanforis("audit", "who", "Patient/1", "--count", "2")
    assert (code, [json.loads(line)["user"] for line in lines]) == (0, ["Practitioner/3", "Practitioner/2"])


def test_what_is_no_resource_is_refused(stanforis):
    assert stanforis("audit", "who", "Patient")[0] == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE audit.seal SET made_at = 0", "DELETE FROM audit.batch", "TRUNCATE audit.term"]
)
def test_the_server_has_no_right_to_change_the_trail(data, cluster, statement):
    with psycopg.connect(cluster.connection.app_dsn, autocommit=True) as session:
        session.execute("SET ROLE stanforis_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement)


def test_what_is_done_on_the_command_line_is_on_record(stanforis, cluster, data):
    connection, target = cluster.connection, "urn:stanforis:tenant:default"
    settings = Settings(data=data, database_url=connection.owner_dsn, database_app_url=connection.app_dsn)
    record = administered("tenant-suspend", [target], who=Who(client="stanforis-cli"))
    asyncio.run(put_on_record(settings, 1, record))
    code, lines = stanforis("audit", "who", target)
    assert (code, [json.loads(line)["interaction"] for line in lines]) == (0, ["admin-tenant-suspend"])
    assert stanforis("audit", "verify")[0] == 0
