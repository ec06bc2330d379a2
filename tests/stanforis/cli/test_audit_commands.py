"""``stanforis audit`` beside a PostgreSQL that runs already, whose owner has been at the trail."""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import zstandard
from stanforis.audit.acts import administered
from stanforis.audit.batches import audit_key, make_batch
from stanforis.audit.postgres import PostgresAuditStore
from stanforis.audit.records import Record, Who, now
from stanforis.audit.sealing import WITNESS, FileWitness, Sealer
from stanforis.audit.trail import Trail
from stanforis.cli import audit_retiring, main
from stanforis.cli.auditing import AuditCommandError, put_on_record
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
    assert (code, verdict["name"], verdict["problems"]) == (0, "default", [])
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


def test_months_are_told_with_their_size(stanforis):
    code, lines = stanforis("audit", "months")
    months = [json.loads(line) for line in lines]
    assert code == 0
    assert months[0]["month"] == f"{datetime.now(UTC):%Y-%m}"
    assert all(each["bytes"] > 0 for each in months)


def test_that_nobody_saw_a_record_is_told_beside_the_lines(stanforis, monkeypatch, capsys, data):
    assert stanforis("audit", "who", "Patient/nobody") == (0, [])
    monkeypatch.setattr(sys, "argv", ["stanforis", "audit", "who", "Patient/nobody", "--data", str(data)])
    with pytest.raises(SystemExit):
        main()
    assert "nobody's access to Patient/nobody is on record" in " ".join(capsys.readouterr().err.split())


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


LONG_AGO = datetime.now(UTC).replace(day=1) - timedelta(days=45)
MONTH = f"{LONG_AGO:%Y-%m}"
PARTITION = f"{LONG_AGO:%Y_%m}"
OLD = "urn:stanforis:old"


async def _aged(cluster: EmbeddedPostgres, *, is_sealed: bool = True) -> None:
    """Store two batches of a month that is over, in front of which and behind which others stand."""
    connection: ConnectionInfo = cluster.connection
    pool = Pool(PoolOptions(connection.app_dsn, role="stanforis_app"))
    store = PostgresAuditStore(pool, await open_contexts(connection.owner_dsn))
    key = audit_key(installation_secret(cluster.data_dir).encode())
    at = int(LONG_AGO.timestamp() * 1000)
    for number in range(2):
        record = Record(at + number, "read", "R", 200, entities=(OLD,), patients=("old",))
        await store.add(1, make_batch(key, 1, [record], at + number), wait=True)
    if is_sealed:
        assert await Sealer(store, key, FileWitness(cluster.data_dir / WITNESS)).seal(1)
    await pool.close()


@pytest.fixture
def aged(cluster: EmbeddedPostgres, data: Path) -> Path:
    """A trail that has a month which is over."""
    with as_superuser(cluster) as session:
        session.execute("DELETE FROM audit.retired")
        session.execute("DELETE FROM audit.anchor")
    asyncio.run(_aged(cluster))
    return data


def retire(data: Path, *words: str) -> None:
    """Run ``stanforis audit retire`` for the month."""
    settings = Settings(data=data)
    audit_retiring.retire(settings, MONTH, Path(words[0]) if words else None)


def test_a_month_is_removed_and_what_stays_is_sound(stanforis, aged, tmp_path, capsys):
    retire(aged, str(tmp_path))
    assert f"{MONTH} is removed: 2 batches" in capsys.readouterr().out
    code, lines = stanforis("audit", "verify")
    verdict = json.loads(lines[-1])
    assert (code, verdict["problems"], verdict["retired"]) == (0, [], 2)
    assert stanforis("audit", "who", "Patient/old")[1] == []
    assert (
        json.loads(stanforis("audit", "who", f"urn:stanforis:audit:{MONTH}")[1][0])["interaction"]
        == "admin-audit-retire"
    )


def test_what_is_removed_can_be_read_from_its_copy(aged, tmp_path, capsys):
    retire(aged, str(tmp_path))
    (copy,) = tmp_path.iterdir()
    capsys.readouterr()
    audit_retiring.read(Settings(data=aged), copy)
    assert len(capsys.readouterr().out.splitlines()) == 2
    forged = tmp_path / "forged"
    with zstandard.open(copy, "rt") as file:
        lines = [json.loads(line) for line in file]
    body = zstandard.compress(zstandard.decompress(b64decode(lines[0]["body"])).replace(b'"read"', b'"edit"'))
    lines[0]["body"] = b64encode(body).decode()
    forged.write_bytes(zstandard.compress(b"\n".join(json.dumps(line).encode() for line in lines)))
    with pytest.raises(AuditCommandError, match="line 1: the batch was changed"):
        audit_retiring.read(Settings(data=aged), forged)
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(AuditCommandError, match="is no archive"):
        audit_retiring.read(Settings(data=aged), tmp_path / "other")


_ONE = "(SELECT min(batch_id) FROM audit.retired)"


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM audit.retired WHERE batch_id = {_ONE}",
        f"UPDATE audit.retired SET mac = sha256(mac) WHERE batch_id = {_ONE}",
        "DELETE FROM audit.anchor",
        "UPDATE audit.anchor SET made_at = made_at + 1",
        "UPDATE audit.anchor SET behind = behind + 1",
        # batches of this month made out to have been removed by the operator
        "INSERT INTO audit.retired SELECT tenant_id, batch_id, marker, mac FROM audit.batch ORDER BY batch_id LIMIT 1",
    ],
)
def test_what_is_done_to_what_stays_is_seen(stanforis, cluster, aged, statement):
    retire(aged)
    with as_superuser(cluster) as session:
        for table in ("retired", "anchor"):
            session.execute(f"ALTER TABLE audit.{table} NO FORCE ROW LEVEL SECURITY")
        assert session.execute(statement).rowcount > 0
    code, lines = stanforis("audit", "verify", "--tenant", "default")
    assert code == 3
    assert json.loads(lines[-1])["problems"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026", "is no month"),
        ("2026-13", "is no month"),
        ("2020-01", "has no month"),
        (f"{datetime.now(UTC):%Y-%m}", "is not over"),
    ],
)
def test_a_month_that_cannot_be_removed_is_told(aged, text, why):
    with pytest.raises(AuditCommandError, match=why):
        audit_retiring.retire(Settings(data=aged), text, None)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (f"UPDATE audit.batch_{PARTITION} SET body = body || 'x'", "was changed"),
        ("DELETE FROM audit.seal", "not sealed"),
    ],
)
def test_nothing_is_removed_that_is_not_sound(cluster, aged, statement, why, tmp_path):
    with as_superuser(cluster) as session:
        session.execute(f"ALTER TABLE audit.batch_{PARTITION} NO FORCE ROW LEVEL SECURITY")
        session.execute(statement)
    with pytest.raises(AuditCommandError, match=why):
        retire(aged, str(tmp_path))
    with as_superuser(cluster) as session:
        assert session.execute(f"SELECT count(*) FROM audit.batch_{PARTITION}").fetchone() == (2,)
        assert session.execute("SELECT count(*) FROM audit.anchor").fetchone() == (0,)


def test_a_copy_or_none_has_to_be_chosen(stanforis, aged):
    assert main_of("audit", "retire", MONTH, "--data", str(aged)) == 1


def main_of(*words: str) -> int:
    """Run a command and return its exit code."""
    sys.argv = ["stanforis", *words]
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_months_are_told(aged, capsys):
    audit_retiring.months(Settings(data=aged))
    assert MONTH in [line.split()[0] for line in capsys.readouterr().out.splitlines()]
