"""What access control costs a server on a socket: one with it and one without, asked by turns.

    python -m benchmarks.access_on [--patients 200] [--rounds 5] [--seconds 4] [--connections 8]

Both are ``stanforis up`` with one API process, on PostgreSQL of their own, with the same resources, and without the
audit trail, which has a measurement of its own. Needs ``wrk``. CPU is of the server's processes and their PostgreSQL,
for each request.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.cost import cpu_seconds
from benchmarks.enforcement import bundle

_START_SECONDS = 120
_REQUESTS = {
    "read": "Patient/p7",
    "by patient": "Observation?subject=Patient/p7&_count=20",
    "by code": "Observation?code=http://loinc.org%7Cc1&_count=20",
    "include": "Observation?code=http://loinc.org%7Cc1&_include=Observation:subject&_count=20",
}
_DONE = re.compile(r"(\d+) requests in ([\d.]+)s")
_JSON = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers.

    Attributes:
        base: FHIR base URL.
        process: its first process.
        headers: of every request.
    """

    base: str
    process: int
    headers: dict[str, str]

    def cpu(self) -> float:
        """Return the CPU seconds that its processes have used."""
        return sum(cpu_seconds(pid) for pid in _tree(self.process))


def _tree(process: int) -> Iterator[int]:
    yield process
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        yield from _tree(int(child))


@contextmanager
def served(folder: Path, *, is_open: bool) -> Iterator[Server]:
    """Give a server with a data folder of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from stanforis.cli import main; main()", "up", "--data", str(folder)]
    command += ["--port", str(port), "--workers", "1", *(["--open"] if is_open else [])]
    environment = {**os.environ, "STANFORIS_LOG_REQUESTS": "false", "STANFORIS_AUDIT": "off"}
    output = (folder.parent / f"{folder.name}.log").open("w")
    with subprocess.Popen(  # noqa: S603 - our own program
        command, env=environment, stdout=output, stderr=subprocess.STDOUT
    ) as process:
        try:
            base = f"http://127.0.0.1:{port}/fhir"
            _wait(base)
            yield Server(base, process.pid, {} if is_open else _authorization(folder))
        finally:
            process.send_signal(signal.SIGTERM)


def _wait(base: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(f"{base}/metadata").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise TimeoutError(base)


def _authorization(folder: Path) -> dict[str, str]:
    command = [sys.executable, "-c", "from stanforis.cli import main; main()", "token", "--data", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    token = made.stdout.strip()
    return {"Authorization": f"Bearer {token}"}


def _fill(server: Server, patients: int) -> None:
    for number in range(patients):
        headers = {"content-type": _JSON, **server.headers}
        httpx.post(server.base, content=bundle(number), headers=headers, timeout=60).raise_for_status()


def _load(server: Server, url: str, seconds: float, connections: int) -> tuple[float, float]:
    """Return requests a second, and milliseconds of CPU for each."""
    headers = [part for name, value in server.headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s", *headers, f"{server.base}/{url}"]
    before = server.cpu()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - words of ours
    used = server.cpu() - before
    found = _DONE.search(said)
    if found is None or "Non-2xx" in said:
        raise RuntimeError(said)
    count = int(found[1])
    return count / float(found[2]), used / count * 1000


def measured(given: argparse.Namespace, folder: Path) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Return rates and CPU of all rounds, by request and server."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with served(folder / "open", is_open=True) as without, served(folder / "on", is_open=False) as controlled:
        servers = {"open": without, "on": controlled}
        for server in servers.values():
            _fill(server, given.patients)
        for number in range(given.rounds + 1):
            for kind, url in _REQUESTS.items():
                for name, server in servers.items():
                    result = _load(server, url, given.seconds, given.connections)
                    if number:
                        found.setdefault((kind, name), []).append(result)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = measured(given, Path(folder))
    table = Table("request", "open, a second", "on", "", "open, ms of CPU", "on", "")
    for kind in _REQUESTS:
        rates, cpus = (
            [statistics.median(column) for column in columns]
            for columns in zip(*(zip(*found[kind, name], strict=True) for name in ("open", "on")), strict=True)
        )
        table.add_row(
            kind, f"{rates[0]:,.0f}", f"{rates[1]:,.0f}", f"{rates[1] / rates[0] - 1:+.0%}",
            f"{cpus[0]:.3f}", f"{cpus[1]:.3f}", f"{cpus[1] / cpus[0] - 1:+.0%}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
