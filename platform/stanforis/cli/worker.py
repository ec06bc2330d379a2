"""One API process: an event loop that serves the application on one listening socket."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from stanforis.cli.protocol import BoundedHeadProtocol

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
        http=BoundedHeadProtocol,
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
