"""A server as its processes: what CPU and memory they use together, and a ``stanforis up`` to measure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Served:
    """A running server.

    Attributes:
        pid: its first process.
        base: URL of its root, such as ``http://127.0.0.1:8080/fhir``.
    """

    pid: int
    base: str

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds of Python's and of PostgreSQL's processes, ended ones included."""
        used = {"python": 0.0, "postgres": 0.0}
        for pid in tree(self.pid):
            if fields := _stat(pid):
                used[_kind(pid)] += sum(map(int, fields[11:15])) / _TICKS
        return used

    def mebibytes(self) -> dict[str, float]:
        """Return the proportional set size (shared pages counted once) of Python's and of PostgreSQL's processes."""
        sizes = {"python": 0.0, "postgres": 0.0}
        for pid in tree(self.pid):
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            kilobytes = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
            sizes[_kind(pid)] += kilobytes / 1024
        return sizes


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def _kind(pid: int) -> str:
    try:
        return "postgres" if Path(f"/proc/{pid}/comm").read_text().strip() == "postgres" else "python"
    except OSError:
        return "python"


def _stat(pid: int) -> list[str]:
    """Return ``/proc/PID/stat`` from the state on; nothing when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


@contextmanager
def started(command: Sequence[str], announced: str, **environment: str) -> Iterator[Served]:
    """Run *command*, which prints ``… http://…`` in a line that starts with *announced*, and end it afterwards.

    Its environment is that of this process and *environment*.

    Raises:
        TimeoutError: it does not announce itself.
    """
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield Served(process.pid, _base(process, announced))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_START_SECONDS)


def _base(process: subprocess.Popen[str], announced: str) -> str:
    deadline = time.monotonic() + _START_SECONDS
    for line in process.stdout or ():
        if line.startswith(announced):
            return line[line.index("http") :].strip()
        if time.monotonic() > deadline:
            break
    raise TimeoutError("the server did not say that it is ready")


def stanforis(folder: Path, workers: int, *, is_open: bool = True) -> list[str]:
    """Return the command of ``stanforis up`` without a line for each request."""
    os.environ["STANFORIS_LOG_REQUESTS"] = "false"
    arguments = ["up", "--data", str(folder), "--port", "0", "--workers", str(workers), *(["--open"] * is_open)]
    return ["-c", "from stanforis.cli import main; main()", *arguments]
