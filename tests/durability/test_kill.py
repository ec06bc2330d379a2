"""Nothing that was acknowledged is lost when a process is killed under load, and nothing is half done.

What a crash of the machine would lose is not covered: the kernel lives on here. That PostgreSQL asks the disk before
it answers is shown by its settings.
"""

from __future__ import annotations

import http.client
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import orjson
import psycopg
import pytest
from stanforis.storage.embedded import EmbeddedPostgres

from tests.durability.server import Server, is_alive, kill, until
from tests.durability.writers import IDENTIFIERS, TRANSACTION_SIZE, Ledger, Writer

WRITERS = 6
WRITES_BEFORE_A_KILL = (40, 160)
"""So many further versions are acknowledged before a kill, at least and at most."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server in an empty folder."""
    started = Server(tmp_path / "data")
    try:
        started.start()
        yield started
    finally:
        if started.started:
            started.stop()
        kill(pid for pid in started.started if is_alive(pid))


@contextmanager
def writing(server: Server, ledger: Ledger) -> Iterator[None]:
    """Let writers write meanwhile."""
    # their names are new each time, so that transactions of two rounds cannot be taken for one
    writers = [Writer(server.base, next(ledger.numbers), ledger) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        for writer in writers:
            writer.stop()


def until_more_is_written(ledger: Ledger, chance: Random) -> None:
    """Return at a point that varies, in the midst of writing."""
    target = ledger.writes() + chance.randint(*WRITES_BEFORE_A_KILL)
    until(lambda: ledger.writes() >= target)
    time.sleep(chance.uniform(0, 0.02))


class Client:
    """Reads from a server over one connection."""

    def __init__(self, server: Server) -> None:
        base = urlsplit(server.base)
        self._path = base.path
        self._connection = http.client.HTTPConnection(str(base.hostname), base.port, timeout=20)

    def get(self, path: str) -> Any:
        """Return the JSON under *path*."""
        self._connection.request("GET", self._path + path)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, f"{path}: {answer.status} {content[:300]!r}"
        return orjson.loads(content)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def check(server: Server, ledger: Ledger) -> None:
    """Compare what the server has with what it acknowledged."""
    assert ledger.faults == []
    with closing(Client(server)) as client:
        check_versions(client, ledger)
        check_transactions(client, ledger)


def check_versions(client: Client, ledger: Ledger) -> None:
    """Find every acknowledged version with its content, and histories without a gap."""
    stored = stored_versions(client)
    for reference, versions in stored.items():
        assert list(versions) == list(range(len(versions), 0, -1)), f"{reference} has a gap in its history"
    for reference, acknowledged in ledger.versions.items():
        for version, turn in acknowledged.items():
            assert version in stored.get(reference, {}), f"{reference} lost version {version}"
            assert stored[reference][version] == f"turn {turn}"


def stored_versions(client: Client) -> dict[str, dict[int, str]]:
    """Return the text of each version of each resource, in the order of the type's history."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    path: str | None = "/Basic/_history?_count=1000"
    while path is not None:
        page = client.get(path)
        for entry in page.get("entry", ()):
            resource = entry["resource"]
            found[f"Basic/{resource['id']}"][int(resource["meta"]["versionId"])] = resource["code"]["text"]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        path = following[0].partition("/fhir")[2] if following else None
    return found


def check_transactions(client: Client, ledger: Ledger) -> None:
    """Find all of a transaction or, where it was not acknowledged, perhaps nothing."""
    for name in ledger.attempted:
        found = client.get(f"/Basic?identifier={IDENTIFIERS}|{name}&_summary=count")["total"]
        allowed = {TRANSACTION_SIZE} if name in ledger.transactions else {0, TRANSACTION_SIZE}
        assert found in allowed, f"transaction {name} left {found} of {TRANSACTION_SIZE}"


def kill_a_worker(server: Server, chance: Random) -> None:
    kill([chance.choice(server.api_processes())])


def kill_postgres(server: Server, _chance: Random) -> None:
    kill([server.postmaster])


@pytest.mark.parametrize("kill_something", [kill_a_worker, kill_postgres])
def test_a_killed_part_comes_back_and_nothing_is_lost(
    server: Server, kill_something: Callable[[Server, Random], None]
) -> None:
    ledger, chance = Ledger(), Random(11)  # noqa: S311 - a repeatable course
    with writing(server, ledger):
        for _ in range(3):
            until_more_is_written(ledger, chance)
            before = {server.postmaster, *server.api_processes()}
            kill_something(server, chance)
            until(lambda before=before: any(not is_alive(pid) for pid in before))  # type: ignore[misc]
            server.until_ready()
        until_more_is_written(ledger, chance)
    check(server, ledger)
    assert server.stop() == 0
    server.until_nothing_is_left()


def kill_everything(server: Server) -> None:
    server.kill_all()


def kill_the_supervisor(server: Server) -> None:
    server.kill_supervisor()


@pytest.mark.parametrize("kill_it", [kill_everything, kill_the_supervisor])
def test_after_a_kill_of_the_whole_a_new_start_has_everything(
    server: Server, kill_it: Callable[[Server], None]
) -> None:
    ledger, chance = Ledger(), Random(12)  # noqa: S311 - a repeatable course
    for _ in range(2):
        with writing(server, ledger):
            until_more_is_written(ledger, chance)
            kill_it(server)
        server.until_nothing_is_left()
        server.start()
        check(server, ledger)
    with writing(server, ledger):
        until_more_is_written(ledger, chance)
    check(server, ledger)


def test_a_stop_under_load_refuses_nothing_it_acknowledged(server: Server) -> None:
    ledger, chance = Ledger(), Random(13)  # noqa: S311 - a repeatable course
    with writing(server, ledger):
        until_more_is_written(ledger, chance)
        assert server.stop() == 0
    server.until_nothing_is_left()
    server.start()
    check(server, ledger)


def test_commits_reach_the_disk_before_they_are_acknowledged(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "data") as cluster, psycopg.connect(cluster.connection.app_dsn) as connection:
        settings = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "full_page_writes")
        }
    assert settings == dict.fromkeys(settings, ("on",))
