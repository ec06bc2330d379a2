"""One API process: an event loop that serves the application on one listening socket."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

_PR_SET_PDEATHSIG = 1
_KEEP_ALIVE_SECONDS = 75
# Requests free what they use by counting references; the collector of cycles only has to catch what slips through.
_COLLECT_AFTER = (200_000, 20, 20)

Application = Callable[..., Any]
"""An ASGI application."""


class _Server(uvicorn.Server):
    """A server that says when it accepts connections."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        self._on_ready()


def run_worker(app: Application, listener: socket.socket, drain_time: int, on_ready: Callable[[], None]) -> None:
    """Serve *app* until TERM, then finish the requests in flight, for *drain_time* seconds at most.

    Args:
        app: an ASGI application with lifespan.
        listener: where connections come from.
        drain_time: seconds.
        on_ready: called once connections are accepted.
    """
    gc.set_threshold(*_COLLECT_AFTER)
    config = uvicorn.Config(
        app,
        # Named, not left to be guessed: another loop that happens to be installed must not be taken.
        loop="uvloop",
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=drain_time,
    )
    _Server(config, on_ready).run(sockets=[listener])


def fork_worker(run: Callable[[], None]) -> int:
    """Start *run* in a child that ends when this process does; return the child's process id."""
    supervisor = os.getpid()
    prctl = ctypes.CDLL(None).prctl
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        # A session of its own: Ctrl-C at the terminal is for the supervisor, which lets the API processes drain.
        os.setsid()
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if os.getppid() == supervisor:
            run()
            status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    finally:
        # The parent's exit handlers and buffers are not this process's.
        os._exit(status)
