"""How an API process takes its connections."""

from __future__ import annotations

import asyncio
import socket

from stanforis.cli.accepting import Acceptor, shared_counts


async def test_after_a_stop_every_connection_that_was_taken_can_be_told_to_end():
    made: list[asyncio.Protocol] = []

    class Speaking(asyncio.Protocol):
        def connection_made(self, transport):
            made.append(self)
            transport.close()

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        listener.setblocking(False)
        acceptor = Acceptor(listener, shared_counts(1), 0, lambda _on_lost: Speaking())
        client.connect(listener.getsockname())
        acceptor._accept()
        acceptor.stop()
        assert made == []
        await acceptor.opened()
        assert len(made) == 1
        await asyncio.sleep(0)
