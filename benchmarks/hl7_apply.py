"""HL7 v2 end to end: how many messages a second become FHIR, from MLLP to the commit of their resources.

    python -m benchmarks.hl7_apply [--messages 3000] [--connections 8] [--processes 2] [--folder FOLDER]

A whole ``stanforis up --open`` is started with one API process and *processes* for HL7 v2. Clients in this process send
ADT^A01 of 500 patients, each with a visit of its own, and wait for each answer. The run ends when every message is an
Encounter. What Python and PostgreSQL spent of CPU is that of the server; the clients share the machine with it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import uvloop
from rich.console import Console
from rich.table import Table

from adapters.hl7.mllp import MllpClient

_ADT = (
    "MSH|^~\\&|DEMO|H1|X|Y|20260102030405||ADT^A01^ADT_A01|{number}|P|2.5.1\rEVN|A01|20260102030405\r"
    "PID|1||{patient}^^^H1&1.2.3&ISO^MR||Uwase^Aline||19800201|F|||1 Rd^^Kigali\r"
    "PV1|1|I|W^1^2||||D1^Doc||||||||||||V{number}\r"
)
_PATIENTS = 500
_WARMING = 300
_COMMAND = "from stanforis.cli import main; main()"
_TICKS = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """What a server has used so far.

    Attributes:
        python, postgres: seconds of CPU.
        memory: MB that its Python processes have for themselves.
    """

    python: float
    postgres: float
    memory: float


def spent(root: int) -> Spent:
    """Return what a process and all below it have used."""
    python = postgres = memory = 0.0
    for pid in below(root):
        stat = _stat(Path(f"/proc/{pid}/stat")) or ["0"] * 13
        seconds = (int(stat[11]) + int(stat[12])) / _TICKS
        if is_postgres(pid):
            postgres += seconds
        else:
            python += seconds
            memory += private_memory(pid)
    return Spent(python, postgres, memory)


def below(root: int) -> list[int]:
    """Return a process and all that it and they started."""
    stats = {int(path.parent.name): _stat(path) for path in Path("/proc").glob("[0-9]*/stat")}
    found = [root]
    for each in found:
        found += [pid for pid, stat in stats.items() if stat and int(stat[1]) == each]
    return found


def private_memory(pid: int) -> float:
    """Return the MB that a process has for itself; 0 where there is none."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def _stat(path: Path) -> list[str]:
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_postgres(pid: int) -> bool:
    """Tell whether a process is one of PostgreSQL's."""
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return False


@contextmanager
def serving(folder: Path, port: int, processes: int) -> Iterator[tuple[int, str]]:
    """Run a server; gives its process id and the FHIR base URL."""
    log = folder / "server.log"
    arguments = ["up", "--open", "--data", str(folder / "data"), "--port", "0", "--workers", "1", "--hl7", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program and words
            [sys.executable, "-c", _COMMAND, *arguments],
            stdout=output,
            stderr=output,
            env=os.environ | {"STANFORIS_HL7_PROCESSES": str(processes)},
        )
    try:
        while "HL7 v2 at" not in log.read_text():
            if process.poll() is not None:
                raise RuntimeError(log.read_text()[-2000:])
            time.sleep(0.1)
        base = next(line for line in log.read_text().splitlines() if line.startswith("FHIR R4 at "))
        yield process.pid, base.removeprefix("FHIR R4 at ").strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


async def run(port: int, base: str, connections: int, numbers: range) -> tuple[float, float]:
    """Send a message for each number; return when all were acknowledged, and when all were applied, in seconds."""
    waiting, started = iter(numbers), time.monotonic()
    await asyncio.gather(*(_client(port, waiting) for _ in range(connections)))
    acknowledged = time.monotonic() - started
    await until_applied(base, numbers.stop)
    return acknowledged, time.monotonic() - started


async def until_applied(base: str, messages: int) -> None:
    """Return when there is an Encounter for each message."""
    async with httpx.AsyncClient(timeout=60) as client:
        while (await client.get(f"{base}/Encounter?_summary=count&_total=accurate")).json()["total"] < messages:  # noqa: ASYNC110 - another process applies
            await asyncio.sleep(0.25)


async def _client(port: int, numbers: Iterator[int]) -> None:
    async with MllpClient("127.0.0.1", port) as client:
        for number in numbers:
            if b"\rMSA|AA|" not in await client.send(admission(number)):
                raise RuntimeError("a message was not acknowledged")


def admission(number: int) -> bytes:
    """Return an ADT^A01 with control id and visit of its own, of one of the patients."""
    return _ADT.format(number=number, patient=number % _PATIENTS).encode()


def measure(folder: Path, messages: int, connections: int, processes: int) -> dict[str, float]:
    """Return the figures of one run on a new server."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with serving(folder, port, processes) as (pid, base):
        uvloop.run(run(port, base, connections, range(_WARMING)))
        before = spent(pid)
        acknowledged, applied = uvloop.run(run(port, base, connections, range(_WARMING, _WARMING + messages)))
        after = spent(pid)
    return {
        "acknowledged a second": messages / acknowledged,
        "applied a second": messages / applied,
        "CPU of Python, ms a message": (after.python - before.python) * 1000 / messages,
        "CPU of PostgreSQL, ms a message": (after.postgres - before.postgres) * 1000 / messages,
        "memory of Python before, MB": before.memory,
        "memory of Python after, MB": after.memory,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the data folder is made; a disk in memory waits for nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = measure(Path(folder), options.messages, options.connections, options.processes)
    table = Table("end to end", "figure", title=f"{options.messages} ADT^A01, {options.connections} connections")
    for name, figure in figures.items():
        table.add_row(name, f"{figure:,.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
