"""No acknowledged HL7 v2 message is lost, and none is stored twice, when a process is killed under load."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random

import psycopg
import pytest
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres

from adapters.hl7.encoding import Message
from adapters.hl7.mllp import MllpClient, MllpError
from adapters.hl7.store.postgres import migrations
from tests.support.databases import speak_for
from tests.support.hl7 import ADT

CLIENTS = 8
PROGRAM = Path(__file__).with_name("hl7_listener.py")


class Killable:
    """The listener's process."""

    def __init__(self, database: ConnectionInfo, port: int) -> None:
        self._command = [sys.executable, str(PROGRAM), database.app_dsn, str(port), database.owner_dsn]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=root)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Load:
    """Clients that send until they are stopped; each sends a message again until it is acknowledged."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count()
        self._stopping = False
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()

    async def client(self) -> None:
        async with MllpClient("127.0.0.1", self._port, answer_seconds=30) as client:
            while not self._stopping:
                name = f"K{next(self._numbers)}"
                self.sent.add(name)
                await self._until_acknowledged(client, name)

    async def _until_acknowledged(self, client: MllpClient, name: str) -> None:
        raw = ADT.replace(b"|M1|", f"|{name}|".encode())
        while True:
            try:
                answer = Message.parse(await client.send(raw))
            except MllpError:
                await asyncio.sleep(0.02)
                continue
            assert answer["MSA-2"] == name
            if answer["MSA-1"] == "AA":
                self.acknowledged.add(name)
                return
            assert answer["MSA-1"] == "AE"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.client()) for _ in range(CLIENTS)]
        try:
            yield
            self._stopping = True
            await asyncio.gather(*tasks)
        finally:
            # after a failure nobody may be there to acknowledge what they send
            for task in tasks:
                task.cancel()

    async def until_more(self, more: int) -> None:
        target = len(self.acknowledged) + more
        while len(self.acknowledged) < target:  # noqa: ASYNC110 - a number that every client raises
            await asyncio.sleep(0.001)


def stored(dsn: str) -> dict[str, int]:
    """Return how often each control id is stored."""
    with psycopg.connect(dsn) as connection:
        speak_for(connection, 1)
        return dict(connection.execute("SELECT control_id, count(*) FROM hl7.message GROUP BY control_id").fetchall())


async def kill_the_listener(listener: Killable, _database: ConnectionInfo) -> None:
    listener.kill()
    await asyncio.to_thread(listener.start)


async def kill_a_backend(_listener: Killable, database: ConnectionInfo) -> None:
    """Kill PostgreSQL's process that serves the listener: all others end with it, and the log is replayed."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stanforis' AND backend_type = 'client backend'"
    with psycopg.connect(database.owner_dsn) as connection:
        pids = [row[0] for row in connection.execute(query).fetchall()]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


async def rounds(tmp_path: Path, kill: Callable[[Killable, ConnectionInfo], Awaitable[None]], kills: int) -> None:
    chance = Random(kills)  # noqa: S311 - a repeatable course
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with EmbeddedPostgres(tmp_path / "data") as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        listener, load = Killable(cluster.connection, port), Load(port)
        listener.start()
        try:
            async with load.running():
                for _ in range(kills):
                    await load.until_more(chance.randint(20, 120))
                    await asyncio.sleep(chance.uniform(0, 0.01))
                    await kill(listener, cluster.connection)
                await load.until_more(20)
        finally:
            listener.kill()
        found = stored(cluster.connection.owner_dsn)
    assert load.acknowledged <= set(found), "acknowledged messages are lost"
    assert set(found.values()) == {1}, "a message is stored twice"
    assert set(found) <= load.sent
    assert len(load.acknowledged) >= 20 * kills


@pytest.mark.parametrize(("kill", "kills"), [(kill_the_listener, 14), (kill_a_backend, 6)])
async def test_no_acknowledged_message_is_lost(tmp_path, kill, kills):
    await rounds(tmp_path, kill, kills)


@pytest.mark.nightly
async def test_no_acknowledged_message_is_lost_in_200_kills(tmp_path):
    await rounds(tmp_path, kill_the_listener, 200)
