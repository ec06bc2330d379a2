"""One API process: an event loop that serves the application."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn

from stanforis.cli.accepting import Acceptor
from stanforis.cli.protocol import BoundedHeadProtocol, Patience
from stanforis.settings import Settings
from stanforis.transport.tls import Certificate

_KEEP_ALIVE_SECONDS = 75
# Requests free what they use by counting references; the collector of cycles only has to catch what slips through.
_COLLECT_AFTER = (200_000, 20, 20)


@dataclass(frozen=True, slots=True)
class Door:
    """Where an API process takes connections from.

    Attributes:
        listener: the socket all of them share.
        counts: how many connections each has.
        slot: this one's number.
        certificate: with which TLS is spoken; None where it is not.
    """

    listener: socket.socket
    counts: memoryview
    slot: int
    certificate: Certificate | None = None


Application = Callable[..., Any]
"""An ASGI application."""


class _Server(uvicorn.Server):
    """A server that takes its part of the connections to a shared socket, and says when it begins to."""

    def __init__(self, config: uvicorn.Config, door: Door, patience: Patience, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._door = door
        self._patience = patience
        self._on_ready = on_ready
        self._acceptor: Acceptor | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        gc.collect()
        gc.freeze()
        tls = None if self._door.certificate is None else self._door.certificate.context
        self._acceptor = Acceptor(self._door.listener, self._door.counts, self._door.slot, self._protocol, tls)
        self._acceptor.start()
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._acceptor is not None:
            self._acceptor.stop()
            # One taken just now would otherwise not be told to end, and go on until its requests are broken off.
            await self._acceptor.opened()
        self._door.listener.close()
        await super().shutdown([])

    def _protocol(self, on_lost: Callable[[], None]) -> BoundedHeadProtocol:
        protocol = BoundedHeadProtocol(self.config, self.server_state, self.lifespan.state)
        protocol.on_lost = on_lost
        protocol.patience = self._patience
        return protocol


def run_worker(app: Application, door: Door, settings: Settings, on_ready: Callable[[], None]) -> None:
    """Serve *app* until TERM, then finish the requests in flight, for the drain time at most.

    Args:
        app: an ASGI application with lifespan.
        door: where connections come from.
        settings: of this installation.
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
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_time,
    )
    _Server(config, door, Patience(settings.head_timeout, settings.body_timeout), on_ready).run()
