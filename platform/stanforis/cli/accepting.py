"""Connections of one listening socket, shared out evenly between the API processes.

Left to the kernel, 8 to 16 of 16 connections went to the busier of two processes, and with a socket for each
(``SO_REUSEPORT``) 9 to 12; whoever shares a process with many then waits. So a process that has more connections than
another leaves a new one to that for a moment.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

_PATIENCE_SECONDS = 0.002
_EXHAUSTED_SECONDS = 1.0
_COUNT_BYTES = 8
_HANDSHAKE_SECONDS = 10.0

log = logging.getLogger("stanforis.accepting")

MakeProtocol = Callable[[Callable[[], None]], asyncio.Protocol]
"""Makes the protocol of a connection, which calls back when that is lost."""


def shared_counts(processes: int) -> memoryview:
    """Return a counter for each process, all 0, in memory that forked processes share."""
    return memoryview(mmap.mmap(-1, _COUNT_BYTES * processes)).cast("q")


class Acceptor:
    """Takes connections for one process."""

    def __init__(
        self,
        listener: socket.socket,
        counts: memoryview,
        slot: int,
        make_protocol: MakeProtocol,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """Prepare.

        Args:
            listener: listens, does not block, and is shared with the other processes.
            counts: how many connections each process has; this one writes its own only.
            slot: this process's number.
            make_protocol: speaks with whoever connects.
            tls: gives how the next connection speaks TLS; without it none does.
        """
        self._tls = tls
        self._listener = listener
        self._counts = counts
        self._slot = slot
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[None]] = set()
        counts[slot] = 0

    def start(self) -> None:
        """Take connections from now on."""
        self._loop.add_reader(self._listener, self._on_waiting)

    def stop(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()

    async def opened(self) -> None:
        """Return once every connection that was taken has its protocol, and so can be told to end."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _on_waiting(self) -> None:
        if self._counts[self._slot] > min(self._counts):
            self._rest(_PATIENCE_SECONDS)
        else:
            self._accept()

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        # Whoever has fewer is busy, or all are served: what still waits is taken in any case.
        self.start()
        self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            # Out of descriptors or memory: asking again at once would only burn time.
            log.error("no connection can be taken: %s", error.strerror)
            self.stop()
            self._rest(_EXHAUSTED_SECONDS)
            return
        self._counts[self._slot] += 1
        task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = None if self._tls is None else self._tls()
        patience = None if tls is None else _HANDSHAKE_SECONDS
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._make_protocol(self._on_lost), connection, ssl=tls, ssl_handshake_timeout=patience
            )
        except (OSError, EOFError) as error:
            # Whoever cannot speak TLS, or not this version of it, never had a protocol that could be lost.
            log.debug("no connection came about: %s", type(error).__name__)
            self._on_lost()

    def _on_lost(self) -> None:
        self._counts[self._slot] -= 1
