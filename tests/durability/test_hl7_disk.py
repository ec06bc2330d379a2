"""Where nothing can be written, HL7 v2 messages are answered so on the same connection; later they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from adapters.hl7.encoding import Message
from adapters.hl7.mllp import framed
from tests.durability.disks import FailingDisk, SmallDisk, seen_by
from tests.durability.server import Server
from tests.durability.test_hl7_applied_once import adt, applied, free_port, until_applied

PATIENTS = 5
REFUSED = 20
"""Messages that have to be refused until nothing can be written for certain."""
PATIENCE = 90.0
_LOG_FILE = 16 << 20
"""Bytes of a file of PostgreSQL's log."""


class Line:
    """One connection, never opened anew, and what became of the messages sent over it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = count()
        self.stored: list[str] = []
        self.refused: list[str] = []

    async def send(self, name: str) -> str:
        """Send the message of this name and return the code it is answered with."""
        self._writer.write(framed(adt(name, patient_of(name), name)))
        answer = Message.parse((await self._reader.readuntil(b"\x1c\r"))[1:-2])
        assert answer["MSA-2"] == name
        return answer["MSA-1"]

    async def store(self, more: int) -> None:
        """Send messages that are all stored."""
        for _ in range(more):
            self.stored.append(f"N{next(self._numbers)}")
            assert await self.send(self.stored[-1]) == "AA"

    async def be_refused(self, more: int) -> None:
        """Send messages until so many more are not stored."""
        until = len(self.refused) + more
        async with asyncio.timeout(PATIENCE):
            while len(self.refused) < until:
                name = f"N{next(self._numbers)}"
                code = await self.send(name)
                assert code in {"AA", "AE"}
                (self.stored if code == "AA" else self.refused).append(name)

    async def store_refused(self) -> None:
        """Send what was refused until it is stored."""
        async with asyncio.timeout(PATIENCE):
            for name in self.refused:
                while await self.send(name) != "AA":  # noqa: ASYNC110 - another process stores
                    await asyncio.sleep(0.2)
        self.stored += self.refused


def patient_of(name: str) -> str:
    return str(int(name[1:]) % PATIENTS)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


async def assert_all_applied(server: Server, stored: list[str]) -> None:
    """Fail unless each message makes one version of its patient, in the end."""
    await asyncio.to_thread(server.until_ready)
    for patient in map(str, range(PATIENTS)):
        expected = sorted(name for name in stored if patient_of(name) == patient)
        await until_applied(server.base, patient, len(expected))
        assert sorted(await applied(server.base, patient)) == expected


@contextmanager
def superuser(server: Server) -> Iterator[psycopg.Connection]:
    """Connect by a path that is short enough for a socket."""
    with TemporaryDirectory(prefix="pg-") as short:
        link = Path(short) / "postgres"
        link.symlink_to(seen_by(server.pid, server.folder) / "postgres")
        with psycopg.connect(f"postgresql://postgres@/stanforis?host={link}", autocommit=True) as connection:
            yield connection


def exhaust_the_log(server: Server) -> None:
    """Have PostgreSQL begin a new file of its log, for which there is no room: it ends, and cannot start."""
    with suppress(psycopg.Error), superuser(server) as connection:
        text = "x" * (_LOG_FILE // 16)
        for _ in range(32):
            connection.execute("SELECT pg_logical_emit_message(false, 'filling', %s)", (text,))
        raise AssertionError("there was room for the log")


async def test_a_full_disk_is_answered_and_recovered_from(tmp_path: Path) -> None:
    disk, port = SmallDisk(tmp_path / "data"), free_port()
    server = Server(tmp_path / "data", workers=1, arguments=("--hl7", str(port)), prefix=disk.prefix)
    try:
        await asyncio.to_thread(server.start)
        async with connected(port) as line:
            await line.store(20)
            await asyncio.to_thread(disk.fill, server.pid)
            await line.be_refused(REFUSED)
            await asyncio.to_thread(exhaust_the_log, server)
            await line.be_refused(REFUSED)
            await asyncio.to_thread(disk.make_room, server.pid)
            await line.store_refused()
            await assert_all_applied(server, line.stored)
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_database_that_takes_no_writes_is_answered_and_recovered_from(tmp_path: Path) -> None:
    port = free_port()
    server = Server(tmp_path / "data", workers=1, arguments=("--hl7", str(port)))
    try:
        await asyncio.to_thread(server.start)
        async with connected(port) as line:
            await line.store(20)
            await asyncio.to_thread(be_read_only, server, "on")
            await line.be_refused(REFUSED)
            await asyncio.to_thread(be_read_only, server, "off")
            await line.store_refused()
            await assert_all_applied(server, line.stored)
    finally:
        await asyncio.to_thread(server.stop)


def be_read_only(server: Server, switch: str) -> None:
    with superuser(server) as connection:
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {switch}")
        connection.execute("SELECT pg_reload_conf()")


async def test_a_disk_that_becomes_read_only_is_answered_and_loses_nothing(tmp_path: Path) -> None:
    port = free_port()
    with FailingDisk(tmp_path / "data") as disk:
        server = Server(tmp_path / "data", workers=1, arguments=("--hl7", str(port)), prefix=disk.prefix)
        try:
            await asyncio.to_thread(server.start)
            async with connected(port) as line:
                await line.store(20)
                await asyncio.to_thread(disk.fail)
                await line.be_refused(REFUSED)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            async with connected(port) as again:
                again.refused = line.refused
                await again.store_refused()
            await assert_all_applied(server, line.stored + again.stored)
        finally:
            await asyncio.to_thread(server.stop)
