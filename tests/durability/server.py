"""A real ``stanforis up`` that can be killed, and what is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

_PATIENCE = 90.0
"""Seconds until a start or an end counts as failed; a loaded machine needs half a minute."""
_COMMAND = "from stanforis.cli import main; main()"


@dataclass(slots=True)
class Server:
    """The server of one data folder.

    Attributes:
        folder: its data folder.
        workers: API processes.
        base: FHIR base URL of the running server.
        is_open: whether it has no access control.
        arguments: further ones of ``stanforis up``.
        prefix: the command that runs it, such as one that gives it a disk of its own.
        started: every process that ever belonged to it.
    """

    folder: Path
    workers: int = 2
    base: str = ""
    is_open: bool = True
    arguments: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    started: set[int] = field(default_factory=set)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it on a free port and return when it answers."""
        log = self.folder.with_suffix(".log")
        before = len(announced(log))
        with log.open("ab") as output:
            arguments = ["up", "--data", str(self.folder), "--port", "0", "--workers", str(self.workers)]
            arguments += ["--open"] if self.is_open else []
            arguments += self.arguments
            self._process = subprocess.Popen(
                [*self.prefix, sys.executable, "-c", _COMMAND, *arguments],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        lines: list[str] = until(lambda: self._announced(log)[before:])
        self.base = lines[0].removeprefix("FHIR R4 at ").strip()
        self.until_ready()

    def said(self) -> str:
        """Return what it has written so far."""
        return self.folder.with_suffix(".log").read_text()

    def _announced(self, log: Path) -> list[str]:
        """Return the lines that say it is ready.

        Raises:
            RuntimeError: it ended instead.
        """
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"it ended with status {self._process.returncode}:\n{log.read_text()[-2000:]}")
        return announced(log)

    def until_ready(self) -> None:
        """Return when the server and its database answer."""
        until(self._is_ready)
        self.started |= {self.pid, *self.descendants()}

    def _is_ready(self) -> bool:
        url = self.base.removesuffix("/fhir") + "/health/ready"
        try:
            with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def pid(self) -> int:
        """The process id of the supervisor."""
        assert self._process is not None
        return self._process.pid

    @property
    def postmaster(self) -> int:
        """The process id of PostgreSQL's first process."""
        return int((self.folder / "postgres/postmaster.pid").read_text().split()[0])

    def api_processes(self) -> list[int]:
        """Return the process ids of the workers."""
        return [pid for pid in children(self.pid) if pid != self.postmaster]

    def descendants(self) -> list[int]:
        """Return the process ids of all that the supervisor started, at any depth."""
        found = [self.pid]
        for pid in found:
            found += children(pid)
        return found[1:]

    def kill_all(self) -> None:
        """Kill every process of it, as when the machine loses power (but what the kernel has buffered stays)."""
        self.started |= {self.pid, *self.descendants()}
        kill([self.pid, *self.descendants()])
        self._wait()

    def kill_supervisor(self) -> None:
        """Kill the first process only; the others have to notice."""
        self.started |= set(self.descendants())
        kill([self.pid])
        self._wait()

    def stop(self) -> int:
        """Ask it to end and return its exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self.started |= set(self.descendants())
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_PATIENCE)

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(_PATIENCE)

    def until_nothing_is_left(self) -> None:
        """Return when none of its processes lives any more; fail otherwise."""
        until(lambda: not any(is_alive(pid) for pid in self.started))


def announced(log: Path) -> list[str]:
    """Return the lines of a log that say that a server is ready."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [line for line in lines if line.startswith("FHIR R4 at ")]


def until(condition: Callable[[], object]) -> Any:
    """Return the condition's result once it is true.

    Raises:
        TimeoutError: it stayed false.
    """
    deadline = time.monotonic() + _PATIENCE
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come true within {_PATIENCE} s")
        time.sleep(0.02)
    return result


def kill(pids: Iterable[int]) -> None:
    """Send KILL to each process that still lives."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def children(parent: int) -> list[int]:
    """Return the direct children of a process."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _stat(pid)[1:2] == [str(parent)]]


def is_alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    return _stat(pid)[:1] not in ([], ["Z"])


def _stat(pid: int) -> list[str]:
    """Return state and parent of a process, and more; nothing when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
