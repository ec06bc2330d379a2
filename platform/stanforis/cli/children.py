"""Work done in child processes, so that what it imports does not stay in this one's memory."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from collections.abc import Callable
from typing import Self

from stanforis.errors import OperatorError

_PR_SET_PDEATHSIG = 1
_SAID_BYTES = 4000


log = logging.getLogger("stanforis.children")


class ChildError(OperatorError):
    """The work failed; the text is what it said."""


def fork(run: Callable[[], None]) -> int:
    """Start *run* in a child that ends when this process does; return the child's process id.

    The child leaves with status 0, or with what ``SystemExit`` carried, or with 1 after any other exception.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        # A session of its own: Ctrl-C at the terminal is for the parent, which ends its children in order.
        os.setsid()
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if os.getppid() == parent:
            run()
            status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    except Exception:
        log.exception("a child process failed")
    finally:
        # The parent's exit handlers and buffers are not this process's.
        os._exit(status)


class Child:
    """A piece of work that this process waits for; left by an exception, it is broken off."""

    def __init__(self, work: Callable[[], None]) -> None:
        """Start *work*."""
        self._reader, self._writer = os.pipe()
        self._work = work
        self._pid = fork(self._do)
        os.close(self._writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGTERM)
            os.waitpid(self._pid, 0)
        os.close(self._reader)

    def wait(self) -> None:
        """Wait for the end.

        Raises:
            ChildError: the work raised an exception, or its process was killed.
        """
        said = b""
        while part := os.read(self._reader, _SAID_BYTES):
            said += part
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        if status:
            ended = f"A process ended with status {os.waitstatus_to_exitcode(status)}."
            raise ChildError(said.decode(errors="replace") or ended)

    def _do(self) -> None:
        try:
            self._work()
        except Exception as error:
            os.write(self._writer, str(error).encode()[:_SAID_BYTES])
            raise SystemExit(1) from error
