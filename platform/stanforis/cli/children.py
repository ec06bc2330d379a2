"""Run a piece of work in a child process, so that what it imports does not stay in this one's memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from stanforis.errors import OperatorError


class ChildError(OperatorError):
    """The work failed; the text is what it said."""


class Child:
    """One child process at its work."""

    def __init__(self, work: Callable[[], None]) -> None:
        """Start *work* in a fork of this process."""
        self._reader, writer = os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(writer)
            return
        status = 1
        try:
            work()
            status = 0
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to hear of it
            os.write(writer, str(error).encode()[:4000])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def wait(self) -> None:
        """Wait for the end.

        Raises:
            ChildError: the work raised an exception, or its process was killed.
        """
        with os.fdopen(self._reader, "rb") as reader:
            said = reader.read().decode(errors="replace")
        _, status = os.waitpid(self._pid, 0)
        if status:
            raise ChildError(said or f"A process ended with status {os.waitstatus_to_exitcode(status)}.")
