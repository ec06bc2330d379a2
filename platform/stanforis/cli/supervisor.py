"""Keeps the API processes and the embedded PostgreSQL running, and ends them together."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stanforis.cli.children import fork
from stanforis.errors import OperatorError
from stanforis.storage.embedded import EmbeddedPostgres, EmbeddedPostgresError

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 10.0
_STEADY_SECONDS = 30.0
_POLL_SECONDS = 0.05
_KILL_AFTER = 5.0
"""Seconds beyond the drain time after which what still runs is killed."""

log = logging.getLogger("stanforis.supervisor")

Run = Callable[[int, Callable[[], None]], None]
"""Serves as worker number *slot* and calls back when it accepts connections."""


class WorkerStartError(OperatorError):
    """An API process ended before it accepted connections."""


@dataclass(slots=True)
class _Slot:
    """One place for an API process.

    Attributes:
        pid: the process that has it; 0 when there is none.
        started: when that was started (monotonic seconds).
        delay: how long to wait before the next start (seconds).
        due: when the next start may happen (monotonic seconds).
    """

    pid: int = 0
    started: float = 0.0
    delay: float = _FIRST_DELAY
    due: float = 0.0

    def ended(self, now: float) -> float:
        """Note that the process ended; return in how many seconds the next one may start."""
        if now - self.started > _STEADY_SECONDS:
            self.delay = _FIRST_DELAY
        wait, self.delay = self.delay, min(2 * self.delay, _LONGEST_DELAY)
        self.pid, self.due = 0, now + wait
        return wait


class Supervisor:
    """Parent of the API processes; its signals are taken one after another, in :meth:`run` only."""

    def __init__(
        self, run: Run, workers: int, listener: socket.socket, drain_time: int, postgres: EmbeddedPostgres | None
    ) -> None:
        """Prepare.

        Args:
            run: serves in a child.
            workers: how many API processes.
            listener: where they take connections; closed when a stop begins.
            drain_time: seconds that are left to finish requests.
            postgres: started again when it dies.
        """
        self._run = run
        self._slots = [_Slot() for _ in range(workers)]
        self._listener = listener
        self._drain_time = drain_time
        self._postgres = postgres
        self._postgres_slot = _Slot(started=time.monotonic())
        self._helpers: Sequence[int] = ()
        self._stop_signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            # Started by nohup: it has to outlive its terminal.
            self._stop_signals.remove(signal.SIGHUP)
        self._watched = self._stop_signals | {signal.SIGCHLD}
        self._ready, self._announce = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self, on_ready: Callable[[], Sequence[int]]) -> None:
        """Start everything, call *on_ready*, keep it running, and end it at INT, TERM or HUP.

        Args:
            on_ready: called once requests are answered; gives the process ids of children it started for a while.

        Raises:
            WorkerStartError: an API process ended before it accepted connections.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self._watched)
        try:
            for number, slot in enumerate(self._slots):
                self._start(number, slot)
            if self._wait_until_ready():
                self._helpers = on_ready()
                self._watch()
        finally:
            self._stop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _start(self, number: int, slot: _Slot) -> None:
        slot.started = time.monotonic()
        slot.pid = fork(lambda: self._run(number, self._say_ready))

    def _say_ready(self) -> None:
        os.write(self._announce, b".")

    def _wait_until_ready(self) -> bool:
        """Return True once all accept connections, False when a stop was asked for meanwhile."""
        ready = 0
        while ready < len(self._slots):
            if self._next_signal(_POLL_SECONDS) in self._stop_signals:
                return False
            if self._reap():
                raise WorkerStartError("An API process ended at its start; the lines above say why.")
            try:
                ready += len(os.read(self._ready, len(self._slots)))
            except BlockingIOError:
                continue
        return True

    def _watch(self) -> None:
        while self._next_signal(self._seconds_until_due()) not in self._stop_signals:
            now = time.monotonic()
            for slot, status in self._reap():
                wait = slot.ended(now)
                log.error("API process ended with status %s; the next starts in %.1f s", status, wait)
            self._watch_postgres(now)
            for number, slot in enumerate(self._slots):
                if not slot.pid and slot.due <= now:
                    self._start(number, slot)

    def _watch_postgres(self, now: float) -> None:
        slot = self._postgres_slot
        if self._postgres is None or self._postgres.pid is not None or slot.due > now:
            return
        log.error("PostgreSQL ended; starting it again")
        slot.ended(now)
        try:
            self._postgres.restart()
            slot.started = time.monotonic()
        except (EmbeddedPostgresError, OSError) as error:
            # a disk that is full or takes no writes may be mended while the API processes say so to their clients
            log.error("%s", error)

    def _seconds_until_due(self) -> float:
        """Return how long nothing has to be done unless a signal comes."""
        now = time.monotonic()
        due = [slot.due for slot in self._slots if not slot.pid]
        if self._postgres is not None and self._postgres.pid is None:
            due.append(self._postgres_slot.due)
        return max(_POLL_SECONDS, min(due) - now) if due else 60.0

    def _next_signal(self, seconds: float) -> int | None:
        info = signal.sigtimedwait(self._watched, seconds)
        return None if info is None else info.si_signo

    def _reap(self) -> list[tuple[_Slot, int]]:
        """Return the places whose process ended, each with its exit status (negative: the signal)."""
        self._helpers = [pid for pid in self._helpers if os.waitpid(pid, os.WNOHANG) == (0, 0)]
        ended = []
        for slot in self._slots:
            if slot.pid:
                pid, status = os.waitpid(slot.pid, os.WNOHANG)
                if pid:
                    slot.pid = 0
                    ended.append((slot, os.waitstatus_to_exitcode(status)))
        return ended

    def _stop(self) -> None:
        """Let the API processes finish their requests; after the drain time, or a second stop, they are killed."""
        self._listener.close()
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + self._drain_time + _KILL_AFTER
        while any(slot.pid for slot in self._slots):
            if self._next_signal(_POLL_SECONDS) in self._stop_signals or time.monotonic() > deadline:
                self._signal_all(signal.SIGKILL)
            self._reap()

    def _signal_all(self, number: signal.Signals) -> None:
        for slot in self._slots:
            if slot.pid:
                os.kill(slot.pid, number)
