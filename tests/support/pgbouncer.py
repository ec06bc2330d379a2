"""PgBouncer in transaction mode in front of a private database."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from stanforis.storage.embedded import EmbeddedPostgres

OLDEST = (1, 21)
"""The first that keeps prepared statements of clients apart."""
MISSING = "PgBouncer 1.21 or newer is not here: `make engines` gets it, or says how."
_BUILT = Path(__file__).parents[2] / ".cache/engines"
"""Where ``make engines`` puts it."""
_PATHS = (str(_BUILT), None, "/usr/sbin")
_START_SECONDS = 20.0


def program() -> str:
    """Return where PgBouncer is: PGBOUNCER, ours, or on the path; the test is skipped where none is new enough."""
    for found in (os.environ.get("PGBOUNCER"), *(shutil.which("pgbouncer", path=path) for path in _PATHS)):
        if found and _version(found) >= OLDEST:
            return found
    pytest.skip(MISSING)


def _version(program: str) -> tuple[int, int]:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"(\d+)\.(\d+)", told)
    assert version is not None, told
    return int(version[1]), int(version[2])


@contextmanager
def clusters() -> Iterator[EmbeddedPostgres]:
    """Give a database whose socket the user that runs it reaches by its path."""
    with TemporaryDirectory(prefix="pooled-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "data", durable=False) as cluster:
            cluster.data_dir.chmod(0o755)
            yield cluster


@contextmanager
def pooled(cluster: EmbeddedPostgres, size: int = 2, *, keeps_statements: bool = True) -> Iterator[str]:
    """Run PgBouncer with *size* sessions of the server's role, and give the URL of the database behind it.

    With *keeps_statements* false it hands on names of prepared statements, as all did before :data:`OLDEST`.
    """
    path = program()
    folder = cluster.data_dir / "postgres"
    keeper = folder.stat()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory(prefix="pgbouncer-") as name:
        _let_in(cluster, folder)
        settings = _written(Path(name), folder, port, size, keeps_statements=keeps_statements)
        for each in (Path(name), *Path(name).iterdir()):
            os.chown(each, keeper.st_uid, keeper.st_gid)
        running = subprocess.Popen(
            [path, str(settings)],
            user=keeper.st_uid if os.geteuid() == 0 else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port)
            yield f"postgresql://stanforis_app@127.0.0.1:{port}/stanforis"
        finally:
            running.terminate()
            running.wait()


def _let_in(cluster: EmbeddedPostgres, folder: Path) -> None:
    """Let the user who runs the database take the server's role, as PgBouncer runs as that user."""
    with (folder / "pg_ident.conf").open("a", encoding="utf-8") as users:
        users.write(f'stanforis "{folder.owner()}" stanforis_app\n')
    with psycopg.connect(cluster.connection.owner_dsn.replace("stanforis_owner@", "postgres@")) as superuser:
        superuser.execute("SELECT pg_reload_conf()")


def _written(folder: Path, behind: Path, port: int, size: int, *, keeps_statements: bool) -> Path:
    (folder / "users.txt").write_text('"stanforis_app" ""\n', encoding="utf-8")
    lines = [
        "[databases]",
        f"stanforis = host={behind} port=5432 dbname=stanforis user=stanforis_app",
        "[pgbouncer]",
        "listen_addr = 127.0.0.1",
        f"listen_port = {port}",
        "unix_socket_dir =",
        "auth_type = trust",
        f"auth_file = {folder / 'users.txt'}",
        "pool_mode = transaction",
        f"default_pool_size = {size}",
        f"logfile = {folder / 'log'}",
        f"max_prepared_statements = {1000 if keeps_statements else 0}",
    ]
    settings = folder / "pgbouncer.ini"
    settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return settings


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "PgBouncer does not answer"
            time.sleep(0.05)
        else:
            return
